import { describe, expect, test } from 'vitest'
import type { Hold } from '../api/types.ts'
import { clockDuration, leaseLeft, livenessOf } from './liveness.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

type Holder = NonNullable<Hold['holder']>

const holder = (fields: Partial<Holder> = {}): Holder => ({
  runId: 'run',
  agentId: 'agent',
  agentName: 'Ada',
  status: 'running',
  live: true,
  leaseExpiresAt: at(290),
  lastSeenAt: at(-10),
  ...fields,
})

const hold = (given: Holder | null, runId: string | null = 'run'): Hold => ({
  issueId: 'issue',
  identifier: 'ACM-1',
  title: 'Title',
  issueStatus: 'in_progress',
  projectId: null,
  assigneeAgentId: null,
  assigneeUserId: null,
  checkoutRunId: runId,
  executionRunId: runId,
  heldSince: at(-600),
  lockEpoch: 1,
  holder: given,
  live: given?.live ?? false,
  lastAct: null,
  waitingWakes: 0,
  waiting: [],
})

const wordsOf = (given: Holder | null): string => livenessOf(hold(given), NOW).words

describe('whether the holder of an issue lives', () => {
  test('A run that sent a heartbeat in the first half of its lease is live', () => {
    expect(livenessOf(hold(holder()), NOW)).toEqual({ state: 'live', tone: 'good', words: 'live', since: null })
    expect(wordsOf(holder({ lastSeenAt: at(-149), leaseExpiresAt: at(151) }))).toBe('live')
    expect(wordsOf(holder({ status: 'queued', lastSeenAt: null }))).toBe('live: run queued')
  })

  test('A run that sent no heartbeat for half of its lease is silent, with the time', () => {
    expect(wordsOf(holder({ lastSeenAt: at(-150), leaseExpiresAt: at(150) }))).toBe('silent 2 min')
    expect(wordsOf(holder({ lastSeenAt: at(-15), leaseExpiresAt: at(15) }))).toBe('silent 15 s')
    expect(wordsOf(holder({ lastSeenAt: at(-600), leaseExpiresAt: at(3000) }))).toBe('live')
  })

  test('A lease that ran out makes a run dead, also where it was live when it was read', () => {
    expect(livenessOf(hold(holder({ leaseExpiresAt: at(-41) })), NOW)).toMatchObject({
      state: 'dead',
      words: 'dead: lease ran out 41 s ago',
    })
    expect(wordsOf(holder({ live: false }))).toBe('dead: lease ran out')
  })

  test('A run that has ended, or does not exist, is dead for that reason', () => {
    expect(wordsOf(holder({ status: 'failed', live: false }))).toBe('dead: run failed')
    expect(wordsOf(holder({ status: 'timed_out', live: false, leaseExpiresAt: at(-9) }))).toBe('dead: run timed out')
    expect(wordsOf(null)).toBe('dead: its run does not exist')
    expect(livenessOf(hold(null, null), NOW).state).toBe('free')
  })

  test('The lease is full after a heartbeat, and empty when it has run out', () => {
    expect(leaseLeft(holder({ lastSeenAt: at(0), leaseExpiresAt: at(300) }), NOW)).toBe(1)
    expect(leaseLeft(holder({ lastSeenAt: at(-100), leaseExpiresAt: at(100) }), NOW)).toBe(0.5)
    expect(leaseLeft(holder({ leaseExpiresAt: at(-1) }), NOW)).toBe(0)
  })

  test('A duration is minutes and seconds, then hours, then days', () => {
    expect([41_000, 725_000, 3_723_000, 200_000_000].map(clockDuration)).toEqual(['00:41', '12:05', '1:02:03', '2 days'])
  })
})
