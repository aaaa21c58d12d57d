// Sentences about agents, their approvals, runs and wakes.

import {
  because,
  by,
  codeIn,
  consequence,
  count,
  entity,
  enumerated,
  fieldWords,
  flagIn,
  listIn,
  named,
  numberIn,
  passive,
} from './sentenceParts.ts'
import { quoted, say, textIn } from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

const agent = (row: SentenceRow): Part => entity(row, 'agent')
const run = (row: SentenceRow): Part => entity(row, 'run')
const approval = (row: SentenceRow): Part => entity(row, 'approval')

const on = (row: SentenceRow, name = 'issueId'): readonly Part[] => {
  const issue = named(row, 'issue', name)
  return issue.length === 0 ? [] : say` on ${issue}`
}
/** ", which ended 2 runs and revoked 1 key". */
function effects(row: SentenceRow): string {
  const runs = listIn(row, 'endedRunIds').length
  const keys = listIn(row, 'revokedKeyIds').length
  const wakes = listIn(row, 'closedWakeIds').length
  const issues = listIn(row, 'freedIssueIds').length
  const words = [
    ...(runs > 0 ? [`ended ${count(runs, 'run')}`] : []),
    ...(keys > 0 ? [`revoked ${count(keys, 'key')}`] : []),
    ...(wakes > 0 ? [`closed ${count(wakes, 'wake')}`] : []),
    ...(issues > 0 ? [`freed ${count(issues, 'issue')}`] : []),
  ]
  return words.length === 0 ? '' : `, which ${enumerated(words)}`
}

/** Rights that were given and taken. */
export function rights(row: SentenceRow): string {
  const [added, removed] = [listIn(row, 'added'), listIn(row, 'removed')]
  const words = [
    ...(added.length > 0 ? [`added ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(', ')}`] : []),
  ]
  return words.length === 0 ? 'nothing' : words.join('; ')
}

const changedFields = (row: SentenceRow): string => {
  const names = listIn(row, 'changedKeys').map(fieldWords)
  return names.length === 0 ? 'configuration' : enumerated(names)
}

const subjects: Readonly<Record<string, string>> = {
  hire_agent: 'a hire',
  approve_ceo_strategy: 'a strategy',
  budget_override_required: 'a budget override',
  request_board_approval: 'a request',
}
/** "a hire (approval 1a2b3c4d)". */
const request = (row: SentenceRow): readonly Part[] => say`${subjects[textIn(row, 'type') ?? ''] ?? 'a request'} (${approval(row)})`
const requester = (row: SentenceRow): readonly Part[] => {
  const by = named(row, 'agent', 'requestedByAgentId')
  return by.length === 0 ? [] : say` of ${by}`
}

const endings: Readonly<Record<string, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'was cancelled',
  timed_out: 'timed out',
}

const runFinished = (row: SentenceRow): readonly Part[] => {
  const code = textIn(row, 'errorCode')
  const status = textIn(row, 'status') ?? ''
  const issues = listIn(row, 'issueIds').flatMap((id, at): Part[] => [at === 0 ? ' on ' : ', ', { kind: 'issue', id }])
  return say`The ${run(row)} of ${named(row, 'agent', 'agentId')}${issues} ${endings[status] ?? `became ${status}`}${code === null ? '' : `: ${code}`}`
}

const wakeClosed: Readonly<Record<string, string>> = {
  company_not_active: 'the company is not active',
  agent_not_invokable: 'the agent may not run',
  not_assignee: 'the issue belongs to another',
  issue_closed: 'the issue is closed',
  issue_missing: 'the issue is gone',
  issue_blocked: 'the issue waits for another',
  issue_busy: 'another run holds the issue',
  project_paused: 'the project is paused',
  lock_revoked: 'the hold was taken away',
  loop_bound: 'it woke again and again without a result',
}

const made = (row: SentenceRow): readonly Part[] => {
  const manager = named(row, 'agent', 'reportsTo')
  return say`, ${codeIn(row, 'role')} with ${codeIn(row, 'adapterType')}${manager.length === 0 ? '' : say`, below ${manager}`}`
}

/** By action. */
export const agentSentences: Readonly<Record<string, SentenceMaker>> = {
  'agent.activated': passive((row) => say`${agent(row)} became active by ${named(row, 'approval', 'approvalId')}`),
  'agent.config_rolled_back': by((row) => say`rolled the ${changedFields(row)} of ${agent(row)} back to an earlier revision`),
  'agent.created': by((row) => say`created the agent ${agent(row)}${made(row)}`),
  'agent.deleted': by((row) => say`deleted the agent ${agent(row)}${effects(row)}`),
  'agent.deletion_begun': by((row) => say`began to delete the agent ${agent(row)}${effects(row)}`),
  'agent.grants_changed': by((row) => say`changed the grants of ${agent(row)}: ${rights(row)}`),
  'agent.hire_created': by((row) =>
    flagIn(row, 'requiresApproval')
      ? say`asked to hire ${agent(row)}${made(row)} (${named(row, 'approval', 'approvalId')})`
      : say`hired ${agent(row)}${made(row)}`,
  ),
  'agent.isolated': passive((row) => say`${agent(row)} runs isolated from now on`),
  'agent.key_created': by((row) => say`made the key ${quoted(row, 'name')} for ${agent(row)}`),
  'agent.key_revoked': by((row) => say`revoked the key ${quoted(row, 'name')} of ${agent(row)}`),
  'agent.paused': by((row) => say`paused ${agent(row)} (${codeIn(row, 'pauseReason')})${effects(row)}${because(row)}`),
  'agent.permissions_updated': by(
    (row) =>
      say`set the permissions of ${agent(row)}: it ${flagIn(row, 'canCreateAgents') ? 'may' : 'may not'} create agents, and ${flagIn(row, 'canAssignTasks') ? 'may' : 'may not'} assign issues`,
  ),
  'agent.quarantine_released': by((row) => say`ended the quarantine of ${agent(row)}`),
  'agent.quarantined': by((row) => say`put ${agent(row)} in quarantine${effects(row)}${because(row)}`),
  'agent.resumed': by((row) => say`resumed ${agent(row)}${because(row)}`),
  'agent.runtime_session_reset': by((row) => {
    const key = quoted(row, 'taskKey')
    const sessions = count(numberIn(row, 'clearedTaskSessions'), 'stored session')
    return say`reset ${sessions} of ${agent(row)}${key.length === 0 ? '' : say` for ${key}`}`
  }),
  'agent.start_failed': consequence(
    (row) => say`${agent(row)} could not start ${named(row, 'run', 'runId')}: ${codeIn(row, 'errorCode')}${because(row, 'error')}`,
  ),
  'agent.starts_again': consequence(
    (row) => say`${agent(row)} starts again${named(row, 'run', 'runId').length === 0 ? '' : say` with ${named(row, 'run', 'runId')}`}`,
  ),
  'agent.terminated': by((row) => say`terminated ${agent(row)}${effects(row)}${because(row)}`),
  'agent.updated': by((row) => say`changed the ${changedFields(row)} of ${agent(row)}`),
  'approval.approved': by((row) => say`approved ${request(row)}${requester(row)}`),
  'approval.cancelled': passive(
    (row) =>
      say`The ${approval(row)} was cancelled, because its agent was ${textIn(row, 'why') === 'agent_deleted' ? 'deleted' : 'terminated'}`,
  ),
  'approval.comment_added': by((row) => say`commented on ${approval(row)}`),
  'approval.created': by((row) => say`asked for a decision on ${request(row)}`),
  'approval.rejected': by((row) => say`rejected ${request(row)}${requester(row)}`),
  'approval.requester_wakeup_failed': consequence(
    (row) => say`${named(row, 'agent', 'requesterAgentId')} was not woken about ${approval(row)}: ${codeIn(row, 'why')}`,
  ),
  'approval.requester_wakeup_queued': consequence(
    (row) => say`${named(row, 'agent', 'requesterAgentId')} will be woken about ${approval(row)}`,
  ),
  'approval.resubmitted': by((row) => say`sent ${request(row)} again, ${flagIn(row, 'payloadChanged') ? 'changed' : 'without a change'}`),
  'approval.revision_requested': by((row) => say`asked for a revision of ${request(row)}${requester(row)}`),
  'heartbeat.cancelled': by((row) => say`cancelled ${run(row)} of ${named(row, 'agent', 'agentId')}${because(row)}`),
  'heartbeat.invoked': by((row) => {
    const joined = flagIn(row, 'coalesced') ? ', which existed already' : ''
    return say`woke ${named(row, 'agent', 'agentId')}${on(row)} with ${run(row)}${joined} (${codeIn(row, 'reason')})`
  }),
  'heartbeat.run_finished': consequence(runFinished),
  'heartbeat.run_started': consequence((row) => say`The ${run(row)} of ${named(row, 'agent', 'agentId')}${on(row)} started`),
  'wake.closed': consequence(
    (row) =>
      say`A wake of ${named(row, 'agent', 'agentId')}${on(row)} was closed: ${wakeClosed[textIn(row, 'why') ?? ''] ?? codeIn(row, 'why')}`,
  ),
  'wake.deferred': consequence(
    (row) =>
      say`A wake of ${named(row, 'agent', 'agentId')}${on(row)} waits for ${named(row, 'run', 'holderRunId')}, which holds the issue`,
  ),
  'wake.promoted': consequence(
    (row) => say`A wake of ${named(row, 'agent', 'agentId')}${on(row)} got ${named(row, 'run', 'runId')} (${codeIn(row, 'reason')})`,
  ),
  'wake.retried': consequence(
    (row) =>
      say`${named(row, 'run', 'runId')} of ${named(row, 'agent', 'agentId')}${on(row)} repeats ${named(row, 'run', 'retryOfRunId')}, which was lost with its server`,
  ),
}
