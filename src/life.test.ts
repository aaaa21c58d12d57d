import { expect, test } from 'vitest'
import { until } from './testing/child.ts'
import { createLog } from './kernel/log.ts'
import { createLife } from './life.ts'
import type { Life } from './life.ts'

interface Observed {
  readonly life: Life
  readonly codes: number[]
  readonly happened: string[]
  readonly ended: () => Promise<unknown>
}

function observe(): Observed {
  const codes: number[] = []
  const life = createLife((code) => codes.push(code))
  life.logTo(createLog('silent', false))
  return { life, codes, happened: [], ended: () => until('the process ends', () => codes.length > 0) }
}

const starts =
  ({ happened }: Observed, name: string) =>
  async (): Promise<string> => {
    happened.push(`${name} starts`)
    return name
  }
const ends =
  ({ happened }: Observed) =>
  async (name: string): Promise<void> =>
    void happened.push(`${name} ends`)

test('what was started last is ended first, once, however often the process is told to leave', async () => {
  const one = observe()
  await one.life.begin(starts(one, 'Postgres'), ends(one))
  await one.life.begin(starts(one, 'server'), ends(one))
  one.life.obey('SIGINT')
  one.life.obey('SIGTERM')
  one.life.leave(1)
  await one.ended()
  expect(one.happened).toEqual(['Postgres starts', 'server starts', 'server ends', 'Postgres ends'])
  expect(one.codes).toEqual([0])
})

test('a start that is under way is ended too, and nothing is started after it', async () => {
  const one = observe()
  let ready = (): void => {}
  const slow = new Promise<string>((resolve) => (ready = () => resolve('Postgres')))
  const starting = one.life.begin(() => slow, ends(one))
  one.life.leave(0)
  ready()
  await expect(starting).rejects.toThrow()
  await expect(one.life.begin(starts(one, 'server'), ends(one))).rejects.toThrow()
  await one.ended()
  expect(one.happened).toEqual(['Postgres ends'])
})

test('a start that is told to stop and does so holds nobody up', async () => {
  const one = observe()
  const starting = one.life.begin(
    (signal) => new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('left in the middle')))),
  )
  one.life.leave(0)
  await expect(starting).rejects.toThrow('left in the middle')
  await one.ended()
  expect(one.codes).toEqual([0])
})

test('an end that fails makes the exit code 1, and what is below it is ended all the same', async () => {
  const one = observe()
  await one.life.begin(starts(one, 'Postgres'), ends(one))
  await one.life.begin(starts(one, 'server'), () => Promise.reject(new Error('stuck')))
  one.life.leave(0)
  await one.ended()
  expect(one.codes).toEqual([1])
  expect(one.happened).toContain('Postgres ends')
})

test('an error that nobody handles ends everything with exit code 1', async () => {
  const one = observe()
  await one.life.begin(starts(one, 'Postgres'), ends(one))
  one.life.die(new Error('nobody handles me'))
  await one.ended()
  expect(one.codes).toEqual([1])
  expect(one.happened).toContain('Postgres ends')
})
