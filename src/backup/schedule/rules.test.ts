import { describe, expect, test } from 'vitest'
import { expiredBackups, isBackupDue } from './rules.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A Wednesday. */
const NOW = Date.parse('2026-11-25T12:00:00Z')

const daily = (days: number) => Array.from({ length: days }, (_, at) => ({ id: `day ${at}`, takenAtMs: NOW - at * DAY - HOUR }))
const keptOf = (days: number, retention: Parameters<typeof expiredBackups>[1]): string[] => {
  const all = daily(days)
  const expired = new Set(expiredBackups(all, retention, NOW).map(({ id }) => id))
  return all.map(({ id }) => id).filter((id) => !expired.has(id))
}

describe('the retention of backups', () => {
  test('Every backup of the last days is kept, and the newest of each week and month before them', () => {
    // Weeks begin on Monday 23, 16 and 9 November; months at 1 November and 1 October.
    expect(keptOf(60, { dailyDays: 3, weeklyWeeks: 3, monthlyMonths: 3 })).toEqual([
      'day 0',
      'day 1',
      'day 2',
      'day 3',
      'day 10',
      'day 25',
      'day 56',
    ])
  })

  test('The newest backup is kept however old it is', () => {
    const old = [
      { id: 'old', takenAtMs: NOW - 900 * DAY },
      { id: 'older', takenAtMs: NOW - 901 * DAY },
    ]
    expect(expiredBackups(old, { dailyDays: 1, weeklyWeeks: 0, monthlyMonths: 0 }, NOW)).toEqual([old[1]])
    expect(expiredBackups([], { dailyDays: 1, weeklyWeeks: 1, monthlyMonths: 1 }, NOW)).toEqual([])
  })

  test('A backup is due after its interval, never when there is none, and after a failure not before an hour', () => {
    const facts = { everyHours: 24, nowMs: NOW, newestMs: NOW - 24 * HOUR, failedMs: null, bornMs: NOW - 90 * DAY }
    expect(isBackupDue(facts)).toBe(true)
    expect(isBackupDue({ ...facts, newestMs: NOW - 23 * HOUR })).toBe(false)
    expect(isBackupDue({ ...facts, everyHours: 0 })).toBe(false)
    expect(isBackupDue({ ...facts, failedMs: NOW - HOUR / 2 })).toBe(false)
    expect(isBackupDue({ ...facts, failedMs: NOW - HOUR })).toBe(true)
    expect(isBackupDue({ ...facts, newestMs: null })).toBe(true)
    expect(isBackupDue({ ...facts, newestMs: null, bornMs: NOW - HOUR })).toBe(false)
    expect(isBackupDue({ ...facts, newestMs: null, bornMs: null })).toBe(false)
  })
})
