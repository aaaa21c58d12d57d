import { describe, expect, test } from 'vitest'
import type { HoldFacts } from '../../engine/holds/index.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import { decideStart } from './startRules.ts'

const agentId = 'agent'

const runFact = (id: string, live = true): RunFact => ({
  id,
  agentId,
  agentName: 'Agent',
  status: 'running',
  live,
  leaseExpiresAt: '2026-01-01T00:00:00.000Z',
  leaseSecondsLeft: 10,
  lastSeenAt: null,
})

const me: RunFact = { ...runFact('me'), status: 'queued' }

function facts(over: Partial<HoldFacts['issue']> = {}, other: Partial<HoldFacts> = {}): HoldFacts {
  return {
    issue: {
      id: 'issue',
      companyId: 'company',
      status: 'todo',
      assigneeAgentId: agentId,
      assigneeUserId: null,
      checkoutRunId: null,
      executionRunId: null,
      executionLockedAt: null,
      lockEpoch: 0,
      version: 1,
      ...over,
    },
    acting: me,
    checkoutRun: null,
    executionRun: null,
    evicted: false,
    agent: { companyId: 'company', name: 'Agent', status: 'idle', overBudget: false },
    unresolvedBlockerIssueIds: [],
    projectPaused: false,
    companyActive: true,
    wakesWait: false,
    ...other,
  }
}

const held = { checkoutRunId: 'other', executionRunId: 'other', status: 'in_progress' } as const
const holder = { checkoutRun: runFact('other'), executionRun: runFact('other') }
const leftover = { checkoutRun: runFact('other', false), executionRun: null }

describe('what becomes of a queued run (lock-protocol §4.1 for its own agent)', () => {
  test.each<[string, HoldFacts, string | null, unknown]>([
    ['assigned and to do', facts(), 'issue_assigned', { kind: 'take' }],
    ['assigned to nobody', facts({ assigneeAgentId: null }), 'on_demand', { kind: 'take' }],
    ['in progress, nobody holds it', facts({ status: 'in_progress' }), null, { kind: 'take' }],
    ['in progress, its holder is dead', facts(held, leftover), 'issue_commented', { kind: 'take' }],
    ['blocked no more', facts({ status: 'blocked' }), 'issue_blockers_resolved', { kind: 'take' }],
    ['in backlog', facts({ status: 'backlog' }), 'issue_commented', { kind: 'beside' }],
    ['in review', facts({ status: 'in_review' }), 'issue_commented', { kind: 'beside' }],
    ['held by another run', facts(held, holder), 'issue_commented', { kind: 'wait', holderRunId: 'other' }],
    ['done', facts({ status: 'done' }), 'issue_commented', { kind: 'close', why: 'issue_closed' }],
    ['cancelled', facts({ status: 'cancelled' }), 'issue_assigned', { kind: 'close', why: 'issue_closed' }],
    ['given to another agent', facts({ assigneeAgentId: 'another' }), 'issue_assigned', { kind: 'close', why: 'not_assignee' }],
    ['given to a person', facts({ assigneeAgentId: null, assigneeUserId: 'u' }), 'issue_assigned', { kind: 'close', why: 'not_assignee' }],
    ['in progress and nobody’s', facts({ status: 'in_progress', assigneeAgentId: null }), null, { kind: 'close', why: 'not_assignee' }],
    [
      'given to another and held',
      facts({ ...held, assigneeAgentId: 'another' }, holder),
      'issue_assigned',
      { kind: 'close', why: 'not_assignee' },
    ],
    ['blocked', facts({}, { unresolvedBlockerIssueIds: ['b'] }), 'issue_assigned', { kind: 'close', why: 'issue_blocked' }],
    ['of a paused project', facts({}, { projectPaused: true }), 'issue_assigned', { kind: 'close', why: 'project_paused' }],
    ['lost by decree', facts({}, { evicted: true }), 'issue_assigned', { kind: 'close', why: 'lock_revoked' }],
    [
      'of an agent over its budget',
      facts({}, { agent: { companyId: 'company', name: '', status: 'idle', overBudget: true } }),
      null,
      { kind: 'leave' },
    ],
    ['of a company that stands still', facts({}, { companyActive: false }), null, { kind: 'leave' }],
    ['another’s, mentioned', facts({ ...held, assigneeAgentId: 'another' }, holder), 'issue_comment_mentioned', { kind: 'beside' }],
    ['nobody’s, mentioned', facts({ assigneeAgentId: null }), 'issue_comment_mentioned', { kind: 'beside' }],
    ['its own and held, mentioned', facts(held, holder), 'issue_comment_mentioned', { kind: 'beside' }],
    ['its own and closed, mentioned', facts({ status: 'done' }), 'issue_comment_mentioned', { kind: 'beside' }],
    ['its own and to do, mentioned', facts(), 'issue_comment_mentioned', { kind: 'take' }],
  ])('%s', (_, situation, reason, expected) => {
    expect(decideStart(situation, agentId, reason)).toEqual(expected)
  })
})
