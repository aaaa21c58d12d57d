import { isInvokable } from '../../model/agentStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'
import type { RefusalCode } from '../../platform/kernel/errors.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import type { HoldFacts } from './holdFacts.ts'

/** The decisions of LOCK_PROTOCOL §4: pure, row by row in the order of its tables, testable without a database. */

export type Caller = { readonly kind: 'board' } | { readonly kind: 'agent'; readonly agentId: string }

export interface RefusedHold {
  readonly kind: 'refuse'
  readonly code: RefusalCode
  readonly details?: Readonly<Record<string, unknown>>
  readonly message?: string
}

export type CheckoutDecision = { readonly kind: 'keep' } | { readonly kind: 'take' } | RefusedHold
export type WriteDecision =
  | { readonly kind: 'allow'; readonly clearStaleColumns: boolean }
  | { readonly kind: 'adopt'; readonly reason: 'stale_run' | 'unowned' }
  | RefusedHold
export type ReleaseDecision = { readonly kind: 'release' } | { readonly kind: 'keep' } | RefusedHold

const refused = (code: RefusalCode, extras: Omit<RefusedHold, 'kind' | 'code'> = {}): RefusedHold => ({ kind: 'refuse', code, ...extras })

/** The live run that a column names, other than the acting run; null where there is none. */
export function otherLiveHolder(facts: HoldFacts): RunFact | null {
  const others = [facts.checkoutRun, facts.executionRun].filter((run) => run !== null && run.id !== facts.acting?.id)
  return others.find((run) => run?.live) ?? null
}

/** True when a column names the acting run. */
export const isHeldByActingRun = (facts: HoldFacts): boolean =>
  facts.acting !== null && (facts.issue.checkoutRunId === facts.acting.id || facts.issue.executionRunId === facts.acting.id)

/** True when any column names a run, live or dead. */
export const hasHoldColumns = (facts: HoldFacts): boolean => facts.issue.checkoutRunId !== null || facts.issue.executionRunId !== null

/** True when a column is stale: it names a run that is not live. */
export const hasStaleColumns = (facts: HoldFacts): boolean =>
  (facts.issue.checkoutRunId !== null && facts.checkoutRun?.live !== true) ||
  (facts.issue.executionRunId !== null && facts.executionRun?.live !== true)

/** Why an agent may take no issue now, or null. Row 6 of §4.1. */
function agentObstacle(facts: HoldFacts): RefusedHold | null {
  const { agent, issue } = facts
  if (agent === null) return refused('not_found', { message: 'Agent not found' })
  if (agent.companyId !== issue.companyId) return refused('other_company', { message: 'Agent belongs to another company' })
  if (!isInvokable(agent.status)) return refused('agent_not_invokable', { details: { agentStatus: agent.status } })
  if (agent.exhausted !== null) return refused('budget_exhausted', { details: agent.exhausted })
  if (facts.projectPaused) return refused('project_paused')
  if (!facts.companyActive) return refused('company_not_active')
  return null
}

/**
 * §4.1: may `agentId` take the issue for the acting run?
 * @param expected the statuses in which the caller expects the issue
 */
export function decideCheckout(facts: HoldFacts, caller: Caller, agentId: string, expected: readonly IssueStatus[]): CheckoutDecision {
  const { issue } = facts
  const isOwn = issue.assigneeAgentId === agentId
  if (facts.evicted) return refused('lock_revoked')
  const other = otherLiveHolder(facts)
  if (issue.status === 'in_progress' && isOwn && isHeldByActingRun(facts) && other === null) return { kind: 'keep' }
  if (other !== null) return refused('issue_held')
  if (issue.assigneeAgentId !== null && !isOwn) return refused('issue_assigned')
  if (issue.assigneeUserId !== null && caller.kind === 'agent') return refused('issue_assigned')
  if (facts.unresolvedBlockerIssueIds.length > 0) {
    return refused('issue_blocked', { details: { unresolvedBlockerIssueIds: facts.unresolvedBlockerIssueIds } })
  }
  const obstacle = agentObstacle(facts)
  if (obstacle !== null) return obstacle
  if (expected.includes(issue.status) || (issue.status === 'in_progress' && isOwn)) return { kind: 'take' }
  return refused('status_unexpected')
}

/**
 * §4.2: may an agent write to the issue, and does writing take over a dead hold?
 * @param mayOverride manager above the assignee, CEO, or holder of `tasks:manage_active_checkouts`
 */
export function decideWrite(facts: HoldFacts, agentId: string, mayOverride: boolean): WriteDecision {
  const { issue } = facts
  if (facts.evicted) return refused('lock_revoked')
  if (issue.assigneeAgentId === null) return { kind: 'allow', clearStaleColumns: false }
  if (issue.assigneeAgentId !== agentId) {
    if (mayOverride) return { kind: 'allow', clearStaleColumns: false }
    return issue.status === 'in_progress' ? refused('checked_out_by_other') : refused('not_assignee')
  }
  if (issue.status !== 'in_progress') return { kind: 'allow', clearStaleColumns: hasStaleColumns(facts) }
  if (facts.acting === null) return refused('run_required')
  if (otherLiveHolder(facts) !== null) return refused('run_ownership')
  if (isHeldByActingRun(facts)) return { kind: 'allow', clearStaleColumns: false }
  return { kind: 'adopt', reason: hasHoldColumns(facts) ? 'stale_run' : 'unowned' }
}

/** §4.3: may the caller release the issue? `keep` when it is free already: a repeated release. */
export function decideRelease(facts: HoldFacts, caller: Caller): ReleaseDecision {
  const { issue } = facts
  if (caller.kind === 'agent') {
    const isOther = issue.assigneeAgentId !== null && issue.assigneeAgentId !== caller.agentId
    if (isOther || issue.assigneeUserId !== null) return refused('release_not_assignee')
    if (otherLiveHolder(facts) !== null) return refused('release_not_holder')
    if (facts.evicted) return refused('lock_revoked')
  }
  const isFree =
    issue.assigneeAgentId === null && issue.status !== 'in_progress' && !hasHoldColumns(facts) && issue.executionLockedAt === null
  return isFree ? { kind: 'keep' } : { kind: 'release' }
}
