import { expect, test } from 'vitest'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { createLog } from '../platform/kernel/log.ts'
import { createProcessLifecycle } from './processLifecycle.ts'
import type { ProcessLifecycle } from './processLifecycle.ts'

interface Observed {
  readonly lifecycle: ProcessLifecycle
  readonly codes: number[]
  readonly happened: string[]
  readonly ended: () => Promise<unknown>
}

function observe(): Observed {
  const codes: number[] = []
  const lifecycle = createProcessLifecycle((code) => codes.push(code))
  lifecycle.setLog(createLog('silent', false))
  return { lifecycle, codes, happened: [], ended: () => pollFor('the process ends', () => codes.length > 0) }
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
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'Postgres'), ends(observed))
  await observed.lifecycle.startResource(starts(observed, 'server'), ends(observed))
  observed.lifecycle.handleSignal('SIGINT')
  observed.lifecycle.handleSignal('SIGTERM')
  observed.lifecycle.shutdown(1)
  await observed.ended()
  expect(observed.happened).toEqual(['Postgres starts', 'server starts', 'server ends', 'Postgres ends'])
  expect(observed.codes).toEqual([0])
})

test('a start that is under way is ended too, and nothing is started after it', async () => {
  const observed = observe()
  let ready = (): void => {}
  const slow = new Promise<string>((resolve) => (ready = () => resolve('Postgres')))
  const starting = observed.lifecycle.startResource(() => slow, ends(observed))
  observed.lifecycle.shutdown(0)
  ready()
  await expect(starting).rejects.toThrow()
  await expect(observed.lifecycle.startResource(starts(observed, 'server'), ends(observed))).rejects.toThrow()
  await observed.ended()
  expect(observed.happened).toEqual(['Postgres ends'])
})

test('a start that is told to stop and does so holds nobody up', async () => {
  const observed = observe()
  const starting = observed.lifecycle.startResource(
    (signal) => new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('left in the middle')))),
  )
  observed.lifecycle.shutdown(0)
  await expect(starting).rejects.toThrow('left in the middle')
  await observed.ended()
  expect(observed.codes).toEqual([0])
})

test('an end that fails makes the exit code 1, and what is below it is ended all the same', async () => {
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'Postgres'), ends(observed))
  await observed.lifecycle.startResource(starts(observed, 'server'), () => Promise.reject(new Error('stuck')))
  observed.lifecycle.shutdown(0)
  await observed.ended()
  expect(observed.codes).toEqual([1])
  expect(observed.happened).toContain('Postgres ends')
})

test('an error that nobody handles ends everything with exit code 1', async () => {
  const observed = observe()
  await observed.lifecycle.startResource(starts(observed, 'Postgres'), ends(observed))
  observed.lifecycle.crash(new Error('nobody handles me'))
  await observed.ended()
  expect(observed.codes).toEqual([1])
  expect(observed.happened).toContain('Postgres ends')
})
