import { describe, expect, test } from 'vitest'
import type { HoldFacts } from '../../engine/holds/index.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import { decideStart } from './startRules.ts'

const agentId = 'agent'

const runFact = (id: string, live = true): RunFact => ({
  id,
  agentId,
  agentName: 'Agent',
  agentStatus: 'idle',
  companyStatus: 'active',
  status: 'running',
  live,
  leaseExpiresAt: '2026-01-01T00:00:00.000Z',
  leaseSecondsLeft: 10,
  lastSeenAt: null,
})

const queuedRun: RunFact = { ...runFact('queued-run'), status: 'queued' }

function facts(issueFields: Partial<HoldFacts['issue']> = {}, otherFacts: Partial<HoldFacts> = {}): HoldFacts {
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
      ...issueFields,
    },
    acting: queuedRun,
    checkoutRun: null,
    executionRun: null,
    evicted: false,
    agent: { companyId: 'company', name: 'Agent', status: 'idle', hasLimits: false, exhausted: null },
    unresolvedBlockerIssueIds: [],
    projectPaused: false,
    companyActive: true,
    wakesWait: false,
    hasLabels: false,
    ...otherFacts,
  }
}

const held = { checkoutRunId: 'other', executionRunId: 'other', status: 'in_progress' } as const
const holder = { checkoutRun: runFact('other'), executionRun: runFact('other') }
const staleColumns = { checkoutRun: runFact('other', false), executionRun: null }

describe('decideStart (LOCK_PROTOCOL §4.1 for the run’s own agent)', () => {
  test.each<[string, HoldFacts, string | null, unknown]>([
    ['A run takes an issue that is assigned to its agent and todo', facts(), 'issue_assigned', { kind: 'take' }],
    ['A run takes an issue without an assignee', facts({ assigneeAgentId: null }), 'on_demand', { kind: 'take' }],
    ['A run takes its agent’s issue that is in progress and has no holder', facts({ status: 'in_progress' }), null, { kind: 'take' }],
    [
      'A run takes its agent’s issue that is in progress and has a dead holder',
      facts(held, staleColumns),
      'issue_commented',
      { kind: 'take' },
    ],
    ['A run takes a blocked issue whose blockers are resolved', facts({ status: 'blocked' }), 'issue_blockers_resolved', { kind: 'take' }],
    ['A run starts without a hold for an issue in backlog', facts({ status: 'backlog' }), 'issue_commented', { kind: 'withoutHold' }],
    ['A run starts without a hold for an issue in review', facts({ status: 'in_review' }), 'issue_commented', { kind: 'withoutHold' }],
    ['A run waits for an issue that another run holds', facts(held, holder), 'issue_commented', { kind: 'wait', holderRunId: 'other' }],
    ['A run is closed when the issue is done', facts({ status: 'done' }), 'issue_commented', { kind: 'close', why: 'issue_closed' }],
    [
      'A run is closed when the issue is cancelled',
      facts({ status: 'cancelled' }),
      'issue_assigned',
      { kind: 'close', why: 'issue_closed' },
    ],
    [
      'A run is closed when the issue is assigned to another agent',
      facts({ assigneeAgentId: 'another' }),
      'issue_assigned',
      { kind: 'close', why: 'not_assignee' },
    ],
    [
      'A run is closed when the issue is assigned to a person',
      facts({ assigneeAgentId: null, assigneeUserId: 'u' }),
      'issue_assigned',
      { kind: 'close', why: 'not_assignee' },
    ],
    [
      'A run is closed when the issue is in progress without an assignee',
      facts({ status: 'in_progress', assigneeAgentId: null }),
      null,
      { kind: 'close', why: 'not_assignee' },
    ],
    [
      'A run is closed when the issue is assigned to another agent and held',
      facts({ ...held, assigneeAgentId: 'another' }, holder),
      'issue_assigned',
      { kind: 'close', why: 'not_assignee' },
    ],
    [
      'A run is closed when the issue has unresolved blockers',
      facts({}, { unresolvedBlockerIssueIds: ['b'] }),
      'issue_assigned',
      { kind: 'close', why: 'issue_blocked' },
    ],
    [
      'A run is closed when the project of the issue is paused',
      facts({}, { projectPaused: true }),
      'issue_assigned',
      { kind: 'close', why: 'project_paused' },
    ],
    [
      'A run is closed when it was evicted from the issue',
      facts({}, { evicted: true }),
      'issue_assigned',
      { kind: 'close', why: 'lock_revoked' },
    ],
    [
      'A run stays queued while its agent is over its budget',
      facts({}, { agent: { companyId: 'company', name: '', status: 'idle', hasLimits: true, exhausted: { policyId: 'policy' } } }),
      null,
      { kind: 'stayQueued' },
    ],
    ['A run stays queued while its company is not active', facts({}, { companyActive: false }), null, { kind: 'stayQueued' }],
    [
      'A mentioned run starts without a hold for another agent’s issue',
      facts({ ...held, assigneeAgentId: 'another' }, holder),
      'issue_comment_mentioned',
      { kind: 'withoutHold' },
    ],
    [
      'A mentioned run starts without a hold for an issue without an assignee',
      facts({ assigneeAgentId: null }),
      'issue_comment_mentioned',
      { kind: 'withoutHold' },
    ],
    [
      'A mentioned run starts without a hold for its agent’s issue that another run holds',
      facts(held, holder),
      'issue_comment_mentioned',
      { kind: 'withoutHold' },
    ],
    [
      'A mentioned run starts without a hold for its agent’s closed issue',
      facts({ status: 'done' }),
      'issue_comment_mentioned',
      { kind: 'withoutHold' },
    ],
    ['A mentioned run takes its agent’s issue that is todo', facts(), 'issue_comment_mentioned', { kind: 'take' }],
  ])('A queued run gets the decision of its row: %s', (_, situation, reason, expected) => {
    expect(decideStart(situation, agentId, reason)).toEqual(expected)
  })
})
