import { expect, test } from 'vitest'
import { narrowed, offsetOf } from './serverClock.ts'
import type { Bounds, Timed } from './serverClock.ts'

/** Answers of a server whose clock is ahead by `ahead`, each after a while of `ways` there and back. */
const answers = (ahead: number, sentAt: readonly number[], ways = 40): Timed[] =>
  sentAt.map((askedAt) => {
    const there = askedAt + ways / 2 + ahead
    return { date: Math.floor(there / 1000) * 1000, askedAt, cameAt: askedAt + ways }
  })

const after = (timed: readonly Timed[]): Bounds | null => timed.reduce<Bounds | null>(narrowed, null)
const often = Array.from({ length: 20 }, (_, at) => 1_700_000_000_000 + at * 1137)

test('Clocks that agree are left as they are, whatever the first answer was', () => {
  for (const sentAt of often) expect(offsetOf(after(answers(0, [sentAt])))).toBe(0)
  expect(offsetOf(null)).toBe(0)
})

test('A clock that is ten minutes off is corrected by one answer to about a second, and by many to the way of an answer', () => {
  for (const ahead of [600_000, -600_000]) {
    for (const sentAt of often) expect(Math.abs(offsetOf(after(answers(ahead, [sentAt]))) - ahead)).toBeLessThan(600)
    expect(Math.abs(offsetOf(after(answers(ahead, often))) - ahead)).toBeLessThan(100)
  }
})

test('A clock that is set while the page is open is followed', () => {
  const timed = [...answers(0, often), ...answers(-30_000, often)]
  expect(Math.abs(offsetOf(after(timed)) + 30_000)).toBeLessThan(100)
})
