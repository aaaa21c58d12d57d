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
  /** What each column names; `missing` is an id that no run of the company has. */
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
    agent: { companyId: 'company', name: 'A', status: 'idle', overBudget: false },
    unresolvedBlockerIssueIds: [],
    projectPaused: false,
    companyActive: true,
    wakesWait: false,
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
  agent: { companyId: 'company', name: 'A', status: 'idle', overBudget: false, ...fields },
})

/** What a decision comes to, in one word: its kind, or the code of its refusal. */
const word = (decision: { kind: string; code?: string; reason?: string }): string => decision.code ?? decision.reason ?? decision.kind

describe('checkout (lock-protocol §4.1), each row and the row it comes before', () => {
  const rows: readonly [title: string, given: Given, caller: Caller, expected: readonly IssueStatus[], answer: string][] = [
    [
      '1: an evicted run is refused, also where it would keep',
      heldBy(mine, { facts: { evicted: true } }),
      asAgent,
      ['todo'],
      'lock_revoked',
    ],
    [
      '1: an evicted run is refused before the live holder is told',
      heldBy(rival, { facts: { evicted: true } }),
      asAgent,
      ['todo'],
      'lock_revoked',
    ],
    ['2: the run that holds it keeps it, whatever it expects', heldBy(mine), asAgent, ['backlog'], 'keep'],
    ['2: the run that one column names keeps it beside an empty one', heldBy(mine, { execution: null }), asAgent, ['todo'], 'keep'],
    ['2: the run that holds it keeps it beside a dead one', heldBy(mine, { execution: dead }), asAgent, ['todo'], 'keep'],
    ['2: not beside another live one', heldBy(mine, { execution: sibling }), asAgent, ['todo', 'in_progress'], 'issue_held'],
    [
      '2: not when the issue is another agent’s',
      heldBy(mine, { assigneeAgentId: otherAgentId }),
      asAgent,
      ['in_progress'],
      'issue_assigned',
    ],
    ['2: not when the issue is not in progress', heldBy(mine, { status: 'todo' }), asAgent, ['todo'], 'take'],
    ['3: another live run in both columns', heldBy(rival, { assigneeAgentId: otherAgentId }), asAgent, ['in_progress'], 'issue_held'],
    ['3: another live run in the checkout column alone', heldBy(rival, { execution: null }), asAgent, ['in_progress'], 'issue_held'],
    ['3: another live run in the execution column alone', heldBy(rival, { checkout: null }), asAgent, ['in_progress'], 'issue_held'],
    ['3: a live run beside a dead one', heldBy(dead, { execution: rival }), asAgent, ['in_progress'], 'issue_held'],
    ['3: another live run of the same agent', heldBy(sibling), asAgent, ['in_progress'], 'issue_held'],
    [
      '3: a live run also on an issue that is not in progress',
      { status: 'todo', checkout: rival, execution: rival },
      asAgent,
      ['todo'],
      'issue_held',
    ],
    ['3: a live run also for the board', heldBy(rival, { facts: { acting: null } }), asBoard, ['in_progress'], 'issue_held'],
    ['4: assigned to another agent', { assigneeAgentId: otherAgentId }, asAgent, ['todo'], 'issue_assigned'],
    [
      '4: assigned to another agent whose run is dead',
      heldBy(dead, { assigneeAgentId: otherAgentId }),
      asAgent,
      ['in_progress'],
      'issue_assigned',
    ],
    ['4: assigned to a user, asked by an agent', { assigneeUserId: 'user' }, asAgent, ['todo'], 'issue_assigned'],
    ['4: assigned to a user, asked by the board', { assigneeUserId: 'user', facts: { acting: null } }, asBoard, ['todo'], 'take'],
    [
      '4: assigned to another agent, asked by the board',
      { assigneeAgentId: otherAgentId, facts: { acting: null } },
      asBoard,
      ['todo'],
      'issue_assigned',
    ],
    ['5: blocked', withFacts({ unresolvedBlockerIssueIds: ['blocker'] }), asAgent, ['todo'], 'issue_blocked'],
    [
      '5: blocked, even with a dead holder of its own',
      heldBy(dead, { facts: { unresolvedBlockerIssueIds: ['x'] } }),
      asAgent,
      ['todo'],
      'issue_blocked',
    ],
    ['6: an agent that is not there', withFacts({ agent: null }), asBoard, ['todo'], 'not_found'],
    ['6: an agent of another company', withFacts(agentIn({ companyId: 'elsewhere' })), asBoard, ['todo'], 'other_company'],
    ['6: over its budget', withFacts(agentIn({ overBudget: true })), asAgent, ['todo'], 'agent_over_budget'],
    ['6: its project is paused', withFacts({ projectPaused: true }), asAgent, ['todo'], 'project_paused'],
    ['6: its company is not active', withFacts({ companyActive: false }), asAgent, ['todo'], 'company_not_active'],
    ['7: an expected status is taken', {}, asAgent, ['todo'], 'take'],
    ['7: own, in progress, nobody holds it', { status: 'in_progress', assigneeAgentId: agentId }, asAgent, ['backlog'], 'take'],
    ['7: own, in progress, the holder is dead', heldBy(dead), asAgent, ['backlog'], 'take'],
    ['7: own, in progress, the holder never existed here', heldBy('missing'), asAgent, ['backlog'], 'take'],
    ['7: leftovers of the dead do not matter', { checkout: dead, execution: 'missing' }, asAgent, ['todo'], 'take'],
    ['7: the board takes for an agent', { facts: { acting: null } }, asBoard, ['todo'], 'take'],
    ['8: a status nobody expected', { status: 'done' }, asAgent, ['todo'], 'status_unexpected'],
    ['8: in progress without an assignee, not expected', { status: 'in_progress' }, asAgent, ['todo'], 'status_unexpected'],
  ]
  test.each(rows)('%s', (_title, facts, caller, expected, answer) => {
    expect(word(decideCheckout(given(facts), caller, agentId, expected))).toBe(answer)
  })

  test.each(agentStatus.statuses)('6: an agent that is %s may take only if it is invokable', (status) => {
    const decision = decideCheckout(given(withFacts(agentIn({ status }))), asAgent, agentId, ['todo'])
    expect(word(decision)).toBe(invokableStatuses.includes(status) ? 'take' : 'agent_not_invokable')
  })

  test('6: paused, pending and terminated agents are the ones that are not', () => {
    expect(agentStatus.statuses.filter((status) => !invokableStatuses.includes(status))).toEqual([
      'pending_approval',
      'paused',
      'terminated',
    ])
  })

  test('rows 1 to 6 are asked in their order: each refusal hides the ones behind it', () => {
    const everything: Partial<HoldFacts> = {
      evicted: true,
      unresolvedBlockerIssueIds: ['blocker'],
      ...agentIn({ status: 'paused', overBudget: true }),
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

  test('a refusal names what is in the way', () => {
    const blocked = decideCheckout(given(withFacts({ unresolvedBlockerIssueIds: ['x', 'y'] })), asAgent, agentId, ['todo'])
    expect(blocked).toMatchObject({ details: { unresolvedBlockerIssueIds: ['x', 'y'] } })
    const paused = decideCheckout(given(withFacts(agentIn({ status: 'paused' }))), asAgent, agentId, ['todo'])
    expect(paused).toMatchObject({ details: { agentStatus: 'paused' } })
  })
})

describe('writes by agents (§4.2), each row and the row it comes before', () => {
  const rows: readonly [title: string, given: Given, mayOverride: boolean, answer: string][] = [
    ['an evicted run, its own issue', heldBy(dead, { facts: { evicted: true } }), false, 'lock_revoked'],
    ['an evicted run, an unassigned issue', { facts: { evicted: true } }, false, 'lock_revoked'],
    ['an evicted run, a closed issue', { status: 'done', assigneeAgentId: agentId, facts: { evicted: true } }, false, 'lock_revoked'],
    ['an evicted run of a manager', heldBy(rival, { assigneeAgentId: otherAgentId, facts: { evicted: true } }), true, 'lock_revoked'],
    ['unassigned', {}, false, 'allow'],
    ['unassigned and in progress', { status: 'in_progress' }, false, 'allow'],
    ['unassigned, by an agent that names no run', { facts: { acting: null } }, false, 'allow'],
    ['another agent’s, in progress', heldBy(rival, { assigneeAgentId: otherAgentId }), false, 'checked_out_by_other'],
    ['another agent’s, in progress, its run dead', heldBy(dead, { assigneeAgentId: otherAgentId }), false, 'checked_out_by_other'],
    ['another agent’s, not in progress', { assigneeAgentId: otherAgentId }, false, 'not_assignee'],
    ['another agent’s, in progress, with the override', heldBy(rival, { assigneeAgentId: otherAgentId }), true, 'allow'],
    ['another agent’s, not in progress, with the override', { assigneeAgentId: otherAgentId }, true, 'allow'],
    ['own, not in progress', { assigneeAgentId: agentId }, false, 'allow'],
    ['own, not in progress, without a run', { assigneeAgentId: agentId, facts: { acting: null } }, false, 'allow'],
    ['own, in progress, without a run', heldBy(mine, { facts: { acting: null } }), false, 'run_required'],
    ['own, in progress, another live holder in both columns', heldBy(sibling), false, 'run_ownership'],
    ['own, in progress, another live holder in the checkout column', heldBy(sibling, { execution: mine }), false, 'run_ownership'],
    ['own, in progress, another live holder in the execution column', heldBy(mine, { execution: sibling }), false, 'run_ownership'],
    ['own, in progress, held by this run', heldBy(mine), false, 'allow'],
    ['own, in progress, held by this run in one column', heldBy(mine, { checkout: null }), false, 'allow'],
    ['own, in progress, the holder dead', heldBy(dead), false, 'stale_run'],
    ['own, in progress, the holder missing or foreign', heldBy('missing'), false, 'stale_run'],
    ['own, in progress, one column dead and one empty', heldBy(dead, { execution: null }), false, 'stale_run'],
    ['own, in progress, nobody holds it', { status: 'in_progress', assigneeAgentId: agentId }, false, 'unowned'],
  ]
  test.each(rows)('%s', (_title, facts, mayOverride, answer) => {
    expect(word(decideWrite(given(facts), agentId, mayOverride))).toBe(answer)
  })

  test.each(issueStatus.statuses.filter((status) => status !== 'in_progress'))('own and %s: dead leftovers are cleared', (status) => {
    const own = { status, assigneeAgentId: agentId }
    expect(decideWrite(given(own), agentId, false)).toEqual({ kind: 'allow', clearStaleColumns: false })
    expect(decideWrite(given({ ...own, checkout: dead }), agentId, false)).toEqual({ kind: 'allow', clearStaleColumns: true })
    expect(decideWrite(given({ ...own, execution: 'missing' }), agentId, false)).toEqual({ kind: 'allow', clearStaleColumns: true })
  })
})

describe('release (§4.3), each row and the row it comes before', () => {
  const own = { assigneeAgentId: agentId }
  const rows: readonly [title: string, given: Given, caller: Caller, answer: string][] = [
    ['an agent, another agent’s', { assigneeAgentId: otherAgentId }, asAgent, 'release_not_assignee'],
    ['an agent, another agent’s, held', heldBy(rival, { assigneeAgentId: otherAgentId }), asAgent, 'release_not_assignee'],
    ['an agent, a user’s', { assigneeUserId: 'user' }, asAgent, 'release_not_assignee'],
    ['an agent, another live holder', heldBy(sibling), asAgent, 'release_not_holder'],
    ['an agent that was evicted, another live holder', heldBy(sibling, { facts: { evicted: true } }), asAgent, 'release_not_holder'],
    ['an agent that was evicted', { status: 'in_progress', ...own, facts: { evicted: true } }, asAgent, 'lock_revoked'],
    ['an agent that holds it', heldBy(mine), asAgent, 'release'],
    ['an agent whose other run died', heldBy(dead), asAgent, 'release'],
    ['an agent, its own and not started', own, asAgent, 'release'],
    ['an agent, free already', {}, asAgent, 'keep'],
    ['an agent, unassigned with leftovers', { checkout: dead }, asAgent, 'release'],
    ['an agent, unassigned with a stale lock time', { lockedAt: '2026-01-01T00:00:00.000Z' }, asAgent, 'release'],
    ['the board, held by a live run', heldBy(rival, { facts: { acting: null } }), asBoard, 'release'],
    ['the board, a user’s in progress', { status: 'in_progress', assigneeUserId: 'user', facts: { acting: null } }, asBoard, 'release'],
    ['the board, free already', { facts: { acting: null } }, asBoard, 'keep'],
    ['the board, done and unassigned', { status: 'done', facts: { acting: null } }, asBoard, 'keep'],
  ]
  test.each(rows)('%s', (_title, facts, caller, answer) => {
    expect(word(decideRelease(given(facts), caller))).toBe(answer)
  })
})

describe('what counts as a holder (§2)', () => {
  test('only a live run of the company in a column, and not the acting one', () => {
    expect(otherLiveHolder(given(heldBy(rival)))?.id).toBe(rival.id)
    expect(otherLiveHolder(given(heldBy(dead, { execution: rival })))?.id).toBe(rival.id)
    for (const holder of [mine, dead, 'missing'] as const) expect(otherLiveHolder(given(heldBy(holder)))).toBeNull()
    expect(otherLiveHolder(given())).toBeNull()
  })

  test('a run holds when either column names it; without a run nobody does', () => {
    expect(isHeldByActingRun(given(heldBy(mine, { execution: null })))).toBe(true)
    expect(isHeldByActingRun(given(heldBy(mine, { checkout: null })))).toBe(true)
    expect(isHeldByActingRun(given(heldBy(rival)))).toBe(false)
    expect(isHeldByActingRun(given(heldBy(mine, { facts: { acting: null } })))).toBe(false)
  })

  test('columns are anything at all, leftovers are what is not live', () => {
    expect(hasHoldColumns(given())).toBe(false)
    expect(hasHoldColumns(given({ execution: 'missing' }))).toBe(true)
    expect(hasStaleColumns(given(heldBy(mine)))).toBe(false)
    expect(hasStaleColumns(given(heldBy(mine, { execution: dead })))).toBe(true)
    expect(hasStaleColumns(given({ checkout: 'missing' }))).toBe(true)
  })
})
