import { expect, test } from 'vitest'
import type { HoldDetail, Run } from '../../api/types.ts'
import { cancelEffects, evictionsOf, isHeldBy } from './holds.ts'

const hold = (fields: Partial<HoldDetail>): HoldDetail => ({
  issueId: 'i',
  identifier: 'ACM-1',
  title: 'Work',
  issueStatus: 'in_progress',
  assigneeAgentId: null,
  assigneeUserId: null,
  checkoutRunId: null,
  executionRunId: null,
  heldSince: null,
  lockEpoch: 1,
  holder: null,
  live: false,
  waitingWakes: 0,
  projectId: null,
  lastAct: null,
  waiting: [],
  history: [],
  ...fields,
})
const run = (fields: Partial<Run>): Run => ({ status: 'running', processPid: 7, ...fields }) as Run

test('A run holds an issue by either of its columns', () => {
  expect(isHeldBy(hold({ checkoutRunId: 'r' }), 'r')).toBe(true)
  expect(isHeldBy(hold({ executionRunId: 'r' }), 'r')).toBe(true)
  expect(isHeldBy(hold({ executionRunId: 'other' }), 'r')).toBe(false)
})

test('An eviction is found in the history of the issue, with its reason', () => {
  const event: HoldDetail['history'][number] = {
    action: 'issue.admin_force_release',
    at: '2026-01-01T00:00:00.000Z',
    actorType: 'user',
    actorId: 'local-board',
    agentId: null,
    runId: null,
    details: { evictedRunIds: ['r'], reason: 'hangs' },
  }
  expect(evictionsOf('r', [hold({ history: [event] })]).map(({ reason }) => reason)).toEqual(['hangs'])
  expect(evictionsOf('other', [hold({ history: [event] })])).toEqual([])
})

test('The preview of a cancellation says what becomes of the process and of each issue', () => {
  const [process, issue] = cancelEffects(run({}), [
    hold({ executionRunId: 'r', waitingWakes: 2, waiting: [{ agentId: 'b', agentName: 'Bob', since: '2026-01-01T00:00:00.000Z' }] }),
  ])
  expect(process).toContain('SIGTERM')
  expect(issue).toBe('ACM-1 “Work” becomes free: 2 wakes wait, and Bob is next.')
  expect(cancelEffects(run({ status: 'queued' }), [])[0]).toBe('The run will not start.')
  expect(cancelEffects(run({ processPid: null }), [])[0]).toContain('heartbeat')
})
