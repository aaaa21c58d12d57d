// Pure decisions about a run of a routine.

import { isInvokable } from '../../model/agentStatus.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import type { CompanyStatus } from '../../model/companyStatus.ts'
import type { ConcurrencyPolicy, RoutinePauseReason, RoutineStatus, SkipReason } from '../../model/routineStatus.ts'
import { MAX_SCHEDULED_PER_HOUR_OF_AGENT, MIN_MINUTES_OF_AGENT } from './limits.ts'

/** The facts of a run, read under the locks of its company and its routine. */
export interface DispatchFacts {
  readonly companyStatus: CompanyStatus
  readonly isProjectPaused: boolean
  readonly isProjectArchived: boolean
  /** Null without an assignee. */
  readonly agentStatus: AgentStatus | null
  readonly isBudgetExhausted: boolean
  /** The open issue of an earlier run, and that run; null for none. */
  readonly active: { readonly issueId: string; readonly runId: string } | null
}

export type Dispatch =
  | { readonly kind: 'create' }
  | { readonly kind: 'coalesce'; readonly issueId: string; readonly intoRunId: string }
  | { readonly kind: 'skip'; readonly why: SkipReason; readonly issueId: string | null }

const skip = (why: SkipReason): Dispatch => ({ kind: 'skip', why, issueId: null })

/** Decides whether a run of a routine makes an issue. The state of the company, the project and the agent comes before the policy. */
export function decideDispatch(facts: DispatchFacts, policy: ConcurrencyPolicy): Dispatch {
  if (facts.companyStatus === 'archived') return skip('company_archived')
  if (facts.companyStatus === 'paused') return skip('company_paused')
  if (facts.isProjectArchived) return skip('project_archived')
  if (facts.isProjectPaused) return skip('project_paused')
  if (facts.agentStatus === null) return skip('no_assignee')
  if (!isInvokable(facts.agentStatus)) return skip('agent_not_invokable')
  if (facts.isBudgetExhausted) return skip('budget_exhausted')
  if (facts.active === null || policy === 'always_enqueue') return { kind: 'create' }
  const { issueId, runId } = facts.active
  return policy === 'skip_if_active' ? { kind: 'skip', why: 'issue_active', issueId } : { kind: 'coalesce', issueId, intoRunId: runId }
}

/** The sentence of each reason, for the record. */
export const skipSentences: Readonly<Record<SkipReason, string>> = {
  missed: 'No server ran at this time, or the company was archived, and the policy is to leave out what was missed',
  issue_active: 'The issue of an earlier run is still open',
  company_paused: 'The company is paused',
  company_archived: 'The company is archived',
  project_paused: 'The project is paused',
  project_archived: 'The project is archived',
  no_assignee: 'The routine has no assignee',
  agent_not_invokable: 'The assignee is paused, in quarantine or terminated',
  budget_exhausted: 'A budget above the assignee is used up',
  agent_interval: `The routine ran by a schedule that an agent has set less than ${MIN_MINUTES_OF_AGENT} minutes before`,
  agent_quota: `The schedules that the assignee has set made ${MAX_SCHEDULED_PER_HOUR_OF_AGENT} runs within an hour`,
  fired_before: 'This time had its run before the clock was set back',
}

/**
 * Whether an agent may make one of its routines active again: only one that it has paused itself, because the board stopped every
 * other one (I21).
 */
export const agentMayResume = (before: { readonly status: RoutineStatus; readonly pauseReason: RoutinePauseReason | null }): boolean =>
  before.status === 'active' || before.pauseReason === 'agent'
