import { expect, test } from 'vitest'
import type { Peers } from '../platform/kernel/peers.ts'
import { createLocalRuns } from './localRuns.ts'

const quiet = { liveRuns: () => [], quietSince: () => -120_000, addEvent: () => {} }
const NO_SOCKET = 0

/** The other workers, of which one gives an answer. */
const peersWith = (answers: readonly unknown[], isComplete = true): Peers => ({
  number: 1,
  ask: () => Promise.resolve({ answers, isComplete }),
  answer: () => {},
  notify: () => {},
  hint: () => {},
  onNotice: () => {},
  keep: () => {},
  take: () => Promise.resolve(undefined),
})

test('A server that is one process looks for processes of runs only while it may have some', () => {
  const runs = createLocalRuns(quiet)
  expect({ live: runs.isAnyLive(), may: runs.mayHaveProcesses() }).toEqual({ live: false, may: false })
})

test('A worker always looks, and learns from the others whether a run is live (T1)', async () => {
  const idle = createLocalRuns(quiet, peersWith([[], null]))
  expect(idle.mayHaveProcesses()).toBe(true)
  await idle.ownerOf(NO_SOCKET)
  expect(idle.isAnyLive()).toBe(false)
  const busy = createLocalRuns(quiet, peersWith([[{ runId: 'r', pid: 1 }], []]))
  await busy.ownerOf(NO_SOCKET)
  expect(busy.isAnyLive()).toBe(true)
})

test('A worker that does not answer may have a run (T1)', async () => {
  const runs = createLocalRuns(quiet, peersWith([[]], false))
  expect(runs.isAnyLive()).toBe(true)
  await runs.ownerOf(NO_SOCKET)
  expect(runs.isAnyLive()).toBe(true)
})
