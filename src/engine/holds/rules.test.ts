import { describe, expect, test } from 'vitest'
import { agentStatus, invokableStatuses } from '../../model/agentStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import { issueStatus } from '../../model/issueStatus.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import type { HoldFacts, LockedIssue } from './holdFacts.ts'
import { decideCheckout, decideRelease, decideWrite, hasHoldColumns, hasStaleColumns, isHeldByActingRun, otherLiveHolder } from './rules.ts'
import type { Caller } from './rules.ts'

const agentId = 'agent-a'
const otherAgentId = 'agent-b'
const asAgent: Caller = { kind: 'agent', agentId }
const asBoard: Caller = { kind: 'board' }

const runFact = (id: string, live: boolean, of = agentId): RunFact => ({
  id,
  agentId: of,
  agentName: of,
  agentStatus: 'idle',
  companyStatus: 'active',
  status: live ? 'running' : 'failed',
  live,
  leaseExpiresAt: '2026-01-01T00:00:00.000Z',
  leaseSecondsLeft: live ? 60 : 0,
  lastSeenAt: null,
})

const mine = runFact('run-mine', true)
const rival = runFact('run-rival', true, otherAgentId)
const sibling = runFact('run-sibling', true)
const dead = runFact('run-dead', false)

interface Given {
  readonly status?: IssueStatus
  readonly assigneeAgentId?: string | null
  readonly assigneeUserId?: string | null
  /** The run that each column names; `missing` is an id that no run of the company has. */
  readonly checkout?: RunFact | 'missing' | null
  readonly execution?: RunFact | 'missing' | null
  readonly lockedAt?: string
  readonly facts?: Partial<HoldFacts>
}

function given({
  status = 'todo',
  assigneeAgentId = null,
  assigneeUserId = null,
  checkout = null,
  execution = null,
  ...rest
}: Given = {}): HoldFacts {
  const idOf = (run: RunFact | 'missing' | null): string | null => (run === 'missing' ? 'run-missing' : (run?.id ?? null))
  const factOf = (run: RunFact | 'missing' | null): RunFact | null => (run === 'missing' ? null : run)
  const issue: Partial<LockedIssue> = {
    id: 'issue',
    companyId: 'company',
    status,
    assigneeAgentId,
    assigneeUserId,
    checkoutRunId: idOf(checkout),
    executionRunId: idOf(execution),
    executionLockedAt: rest.lockedAt ?? null,
    lockEpoch: 3,
  }
  return {
    issue: issue as LockedIssue,
    acting: mine,
    checkoutRun: factOf(checkout),
    executionRun: factOf(execution),
    evicted: false,
    agent: { companyId: 'company', name: 'A', status: 'idle', hasLimits: false, exhausted: null },
    unresolvedBlockerIssueIds: [],
    projectPaused: false,
    companyActive: true,
    wakesWait: false,
    hasLabels: false,
    ...rest.facts,
  }
}

const heldBy = (run: RunFact | 'missing', rest: Given = {}): Given => ({
  status: 'in_progress',
  assigneeAgentId: agentId,
  checkout: run,
  execution: run,
  ...rest,
})

const withFacts = (facts: Partial<HoldFacts>, rest: Given = {}): Given => ({ ...rest, facts })
const agentIn = (fields: Partial<NonNullable<HoldFacts['agent']>>): Partial<HoldFacts> => ({
  agent: { companyId: 'company', name: 'A', status: 'idle', hasLimits: false, exhausted: null, ...fields },
})

/** A decision in one word: its kind, its reason, or the code of its refusal. */
const word = (decision: { kind: string; code?: string; reason?: string }): string => decision.code ?? decision.reason ?? decision.kind

describe('decideCheckout (LOCK_PROTOCOL §4.1), each row and the row that it precedes', () => {
  const rows: readonly [title: string, given: Given, caller: Caller, expected: readonly IssueStatus[], answer: string][] = [
    [
      '1: An evicted run is refused, also where it would keep the issue',
      heldBy(mine, { facts: { evicted: true } }),
      asAgent,
      ['todo'],
      'lock_revoked',
    ],
    [
      '1: An evicted run is refused before a live holder is reported',
      heldBy(rival, { facts: { evicted: true } }),
      asAgent,
      ['todo'],
      'lock_revoked',
    ],
    ['2: The run that holds the issue keeps it in any expected status', heldBy(mine), asAgent, ['backlog'], 'keep'],
    ['2: A run that one column names keeps the issue beside an empty column', heldBy(mine, { execution: null }), asAgent, ['todo'], 'keep'],
    ['2: A run that one column names keeps the issue beside a dead run', heldBy(mine, { execution: dead }), asAgent, ['todo'], 'keep'],
    [
      '2: A run does not keep the issue beside another live run',
      heldBy(mine, { execution: sibling }),
      asAgent,
      ['todo', 'in_progress'],
      'issue_held',
    ],
    [
      '2: A run does not keep an issue of another agent',
      heldBy(mine, { assigneeAgentId: otherAgentId }),
      asAgent,
      ['in_progress'],
      'issue_assigned',
    ],
    ['2: A run does not keep an issue that is not in progress', heldBy(mine, { status: 'todo' }), asAgent, ['todo'], 'take'],
    [
      '3: Another live run in both columns holds the issue',
      heldBy(rival, { assigneeAgentId: otherAgentId }),
      asAgent,
      ['in_progress'],
      'issue_held',
    ],
    [
      '3: Another live run in the checkout column alone holds the issue',
      heldBy(rival, { execution: null }),
      asAgent,
      ['in_progress'],
      'issue_held',
    ],
    [
      '3: Another live run in the execution column alone holds the issue',
      heldBy(rival, { checkout: null }),
      asAgent,
      ['in_progress'],
      'issue_held',
    ],
    ['3: A live run beside a dead one holds the issue', heldBy(dead, { execution: rival }), asAgent, ['in_progress'], 'issue_held'],
    ['3: Another live run of the same agent holds the issue', heldBy(sibling), asAgent, ['in_progress'], 'issue_held'],
    [
      '3: A live run holds an issue that is not in progress',
      { status: 'todo', checkout: rival, execution: rival },
      asAgent,
      ['todo'],
      'issue_held',
    ],
    ['3: A live run holds the issue against the board', heldBy(rival, { facts: { acting: null } }), asBoard, ['in_progress'], 'issue_held'],
    ['4: An issue that is assigned to another agent is refused', { assigneeAgentId: otherAgentId }, asAgent, ['todo'], 'issue_assigned'],
    [
      '4: An issue that is assigned to another agent with a dead run is refused',
      heldBy(dead, { assigneeAgentId: otherAgentId }),
      asAgent,
      ['in_progress'],
      'issue_assigned',
    ],
    ['4: An issue that is assigned to a user is refused to an agent', { assigneeUserId: 'user' }, asAgent, ['todo'], 'issue_assigned'],
    [
      '4: An issue that is assigned to a user may be taken by the board',
      { assigneeUserId: 'user', facts: { acting: null } },
      asBoard,
      ['todo'],
      'take',
    ],
    [
      '4: An issue that is assigned to another agent is refused to the board',
      { assigneeAgentId: otherAgentId, facts: { acting: null } },
      asBoard,
      ['todo'],
      'issue_assigned',
    ],
    ['5: A blocked issue is refused', withFacts({ unresolvedBlockerIssueIds: ['blocker'] }), asAgent, ['todo'], 'issue_blocked'],
    [
      '5: A blocked issue with a dead holder of the agent is refused',
      heldBy(dead, { facts: { unresolvedBlockerIssueIds: ['x'] } }),
      asAgent,
      ['todo'],
      'issue_blocked',
    ],
    ['6: A missing agent is refused', withFacts({ agent: null }), asBoard, ['todo'], 'not_found'],
    ['6: An agent of another company is refused', withFacts(agentIn({ companyId: 'elsewhere' })), asBoard, ['todo'], 'other_company'],
    [
      '6: An agent over its budget is refused',
      withFacts(agentIn({ exhausted: { policyId: 'policy' } })),
      asAgent,
      ['todo'],
      'budget_exhausted',
    ],
    ['6: An issue of a paused project is refused', withFacts({ projectPaused: true }), asAgent, ['todo'], 'project_paused'],
    [
      '6: An issue of a company that is not active is refused',
      withFacts({ companyActive: false }),
      asAgent,
      ['todo'],
      'company_not_active',
    ],
    ['7: An issue in an expected status is taken', {}, asAgent, ['todo'], 'take'],
    [
      '7: An own issue in progress without a holder is taken',
      { status: 'in_progress', assigneeAgentId: agentId },
      asAgent,
      ['backlog'],
      'take',
    ],
    ['7: An own issue in progress with a dead holder is taken', heldBy(dead), asAgent, ['backlog'], 'take'],
    ['7: An own issue in progress with a missing holder is taken', heldBy('missing'), asAgent, ['backlog'], 'take'],
    ['7: Stale columns do not prevent a checkout', { checkout: dead, execution: 'missing' }, asAgent, ['todo'], 'take'],
    ['7: The board takes an issue for an agent', { facts: { acting: null } }, asBoard, ['todo'], 'take'],
    ['8: An unexpected status is refused', { status: 'done' }, asAgent, ['todo'], 'status_unexpected'],
    [
      '8: An unassigned issue in progress is refused when that is not expected',
      { status: 'in_progress' },
      asAgent,
      ['todo'],
      'status_unexpected',
    ],
  ]
  test.each(rows)('The decision on a checkout follows row %s', (...[, facts, caller, expected, answer]) => {
    expect(word(decideCheckout(given(facts), caller, agentId, expected))).toBe(answer)
  })

  test.each(agentStatus.statuses)('6: An agent that is %s may take an issue only if it is invokable', (status) => {
    const decision = decideCheckout(given(withFacts(agentIn({ status }))), asAgent, agentId, ['todo'])
    expect(word(decision)).toBe(invokableStatuses.includes(status) ? 'take' : 'agent_not_invokable')
  })

  test('6: Only paused, pending and terminated agents are not invokable', () => {
    expect(agentStatus.statuses.filter((status) => !invokableStatuses.includes(status))).toEqual([
      'pending_approval',
      'paused',
      'terminated',
    ])
  })

  test('Rows 1 to 6 are checked in their order: each refusal precedes the later ones', () => {
    const everything: Partial<HoldFacts> = {
      evicted: true,
      unresolvedBlockerIssueIds: ['blocker'],
      ...agentIn({ status: 'paused', exhausted: { policyId: 'policy' } }),
      projectPaused: true,
      companyActive: false,
    }
    const peel: readonly [string, Given][] = [
      ['lock_revoked', heldBy(rival, { status: 'done', assigneeAgentId: otherAgentId, facts: everything })],
      ['issue_held', heldBy(rival, { status: 'done', assigneeAgentId: otherAgentId, facts: { ...everything, evicted: false } })],
      ['issue_assigned', { status: 'done', assigneeAgentId: otherAgentId, facts: { ...everything, evicted: false } }],
      ['issue_blocked', { status: 'done', facts: { ...everything, evicted: false } }],
      ['agent_not_invokable', { status: 'done', facts: { ...everything, evicted: false, unresolvedBlockerIssueIds: [] } }],
      ['status_unexpected', { status: 'done' }],
    ]
    for (const [answer, facts] of peel) expect(word(decideCheckout(given(facts), asAgent, agentId, ['todo']))).toBe(answer)
  })

  test('A refusal names the obstacle', () => {
    const blocked = decideCheckout(given(withFacts({ unresolvedBlockerIssueIds: ['x', 'y'] })), asAgent, agentId, ['todo'])
    expect(blocked).toMatchObject({ details: { unresolvedBlockerIssueIds: ['x', 'y'] } })
    const paused = decideCheckout(given(withFacts(agentIn({ status: 'paused' }))), asAgent, agentId, ['todo'])
    expect(paused).toMatchObject({ details: { agentStatus: 'paused' } })
  })
})

describe('decideWrite (§4.2), each row and the row that it precedes', () => {
  const rows: readonly [title: string, given: Given, mayOverride: boolean, answer: string][] = [
    ['An evicted run is refused a write to its own issue', heldBy(dead, { facts: { evicted: true } }), false, 'lock_revoked'],
    ['An evicted run is refused a write to an unassigned issue', { facts: { evicted: true } }, false, 'lock_revoked'],
    [
      'An evicted run is refused a write to a closed issue',
      { status: 'done', assigneeAgentId: agentId, facts: { evicted: true } },
      false,
      'lock_revoked',
    ],
    [
      'An evicted run of a manager is refused',
      heldBy(rival, { assigneeAgentId: otherAgentId, facts: { evicted: true } }),
      true,
      'lock_revoked',
    ],
    ['An unassigned issue is open', {}, false, 'allow'],
    ['An unassigned issue in progress is open', { status: 'in_progress' }, false, 'allow'],
    ['An unassigned issue is open to an agent that names no run', { facts: { acting: null } }, false, 'allow'],
    ['An issue of another agent in progress is refused', heldBy(rival, { assigneeAgentId: otherAgentId }), false, 'checked_out_by_other'],
    [
      'An issue of another agent in progress with a dead run is refused',
      heldBy(dead, { assigneeAgentId: otherAgentId }),
      false,
      'checked_out_by_other',
    ],
    ['An issue of another agent that is not in progress is refused', { assigneeAgentId: otherAgentId }, false, 'not_assignee'],
    ['An issue of another agent in progress is open with the override', heldBy(rival, { assigneeAgentId: otherAgentId }), true, 'allow'],
    ['An issue of another agent that is not in progress is open with the override', { assigneeAgentId: otherAgentId }, true, 'allow'],
    ['An own issue that is not in progress is open', { assigneeAgentId: agentId }, false, 'allow'],
    ['An own issue that is not in progress is open without a run', { assigneeAgentId: agentId, facts: { acting: null } }, false, 'allow'],
    ['An own issue in progress is refused without a run', heldBy(mine, { facts: { acting: null } }), false, 'run_required'],
    ['An own issue in progress with another live holder in both columns is refused', heldBy(sibling), false, 'run_ownership'],
    [
      'An own issue in progress with another live holder in the checkout column is refused',
      heldBy(sibling, { execution: mine }),
      false,
      'run_ownership',
    ],
    [
      'An own issue in progress with another live holder in the execution column is refused',
      heldBy(mine, { execution: sibling }),
      false,
      'run_ownership',
    ],
    ['An own issue in progress is open to its holder', heldBy(mine), false, 'allow'],
    ['An own issue in progress is open to a holder in one column', heldBy(mine, { checkout: null }), false, 'allow'],
    ['An own issue in progress with a dead holder is adopted', heldBy(dead), false, 'stale_run'],
    ['An own issue in progress with a missing or foreign holder is adopted', heldBy('missing'), false, 'stale_run'],
    ['An own issue in progress with one dead and one empty column is adopted', heldBy(dead, { execution: null }), false, 'stale_run'],
    ['An own issue in progress without a holder is adopted', { status: 'in_progress', assigneeAgentId: agentId }, false, 'unowned'],
  ]
  test.each(rows)('The decision on a write follows the row: %s', (_title, facts, mayOverride, answer) => {
    expect(word(decideWrite(given(facts), agentId, mayOverride))).toBe(answer)
  })

  test.each(issueStatus.statuses.filter((status) => status !== 'in_progress'))(
    'A write to an own issue in status %s clears stale columns',
    (status) => {
      const own = { status, assigneeAgentId: agentId }
      expect(decideWrite(given(own), agentId, false)).toEqual({ kind: 'allow', clearStaleColumns: false })
      expect(decideWrite(given({ ...own, checkout: dead }), agentId, false)).toEqual({ kind: 'allow', clearStaleColumns: true })
      expect(decideWrite(given({ ...own, execution: 'missing' }), agentId, false)).toEqual({ kind: 'allow', clearStaleColumns: true })
    },
  )
})

describe('decideRelease (§4.3), each row and the row that it precedes', () => {
  const own = { assigneeAgentId: agentId }
  const rows: readonly [title: string, given: Given, caller: Caller, answer: string][] = [
    ['An agent may not release an issue of another agent', { assigneeAgentId: otherAgentId }, asAgent, 'release_not_assignee'],
    [
      'An agent may not release a held issue of another agent',
      heldBy(rival, { assigneeAgentId: otherAgentId }),
      asAgent,
      'release_not_assignee',
    ],
    ['An agent may not release an issue of a user', { assigneeUserId: 'user' }, asAgent, 'release_not_assignee'],
    ['An agent may not release an issue with another live holder', heldBy(sibling), asAgent, 'release_not_holder'],
    [
      'An evicted agent may not release an issue with another live holder',
      heldBy(sibling, { facts: { evicted: true } }),
      asAgent,
      'release_not_holder',
    ],
    ['An evicted agent may not release an issue', { status: 'in_progress', ...own, facts: { evicted: true } }, asAgent, 'lock_revoked'],
    ['The holder releases the issue', heldBy(mine), asAgent, 'release'],
    ['An agent releases the issue of its dead run', heldBy(dead), asAgent, 'release'],
    ['An agent releases its own issue that is not started', own, asAgent, 'release'],
    ['A release by an agent of a free issue changes nothing', {}, asAgent, 'keep'],
    ['An agent releases an unassigned issue with stale columns', { checkout: dead }, asAgent, 'release'],
    ['An agent releases an unassigned issue with a stale time of the hold', { lockedAt: '2026-01-01T00:00:00.000Z' }, asAgent, 'release'],
    ['The board releases an issue from a live run', heldBy(rival, { facts: { acting: null } }), asBoard, 'release'],
    [
      'The board releases an issue of a user in progress',
      { status: 'in_progress', assigneeUserId: 'user', facts: { acting: null } },
      asBoard,
      'release',
    ],
    ['A release by the board of a free issue changes nothing', { facts: { acting: null } }, asBoard, 'keep'],
    ['A release by the board of a done and unassigned issue changes nothing', { status: 'done', facts: { acting: null } }, asBoard, 'keep'],
  ]
  test.each(rows)('The decision on a release follows the row: %s', (_title, facts, caller, answer) => {
    expect(word(decideRelease(given(facts), caller))).toBe(answer)
  })
})

describe('The holder of an issue (§2)', () => {
  test('The other holder is a live run of the company in a column, and not the acting run', () => {
    expect(otherLiveHolder(given(heldBy(rival)))?.id).toBe(rival.id)
    expect(otherLiveHolder(given(heldBy(dead, { execution: rival })))?.id).toBe(rival.id)
    for (const holder of [mine, dead, 'missing'] as const) expect(otherLiveHolder(given(heldBy(holder)))).toBeNull()
    expect(otherLiveHolder(given())).toBeNull()
  })

  test('A run holds the issue when either column names it, and an actor without a run never does', () => {
    expect(isHeldByActingRun(given(heldBy(mine, { execution: null })))).toBe(true)
    expect(isHeldByActingRun(given(heldBy(mine, { checkout: null })))).toBe(true)
    expect(isHeldByActingRun(given(heldBy(rival)))).toBe(false)
    expect(isHeldByActingRun(given(heldBy(mine, { facts: { acting: null } })))).toBe(false)
  })

  test('Any named run counts as a column, and one that is not live as a stale column', () => {
    expect(hasHoldColumns(given())).toBe(false)
    expect(hasHoldColumns(given({ execution: 'missing' }))).toBe(true)
    expect(hasStaleColumns(given(heldBy(mine)))).toBe(false)
    expect(hasStaleColumns(given(heldBy(mine, { execution: dead })))).toBe(true)
    expect(hasStaleColumns(given({ checkout: 'missing' }))).toBe(true)
  })
})
