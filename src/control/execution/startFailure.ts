// The effect of a run that could not be started at all on its issue and its agent (LOCK_PROTOCOL §6).

import { hideFolders } from '../../auth/visibility.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import type { RunResult } from '../../engine/runs/index.ts'
import { agentStartFailed, agentStartsAgain, lockAgent, setAgentStatus } from '../../org/agents/index.ts'
import { agentStatus } from '../../model/agentStatus.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { patchIssue, postNote } from '../../work/issues/index.ts'
import type { StartOrder } from '../dispatch/index.ts'

/** Failures of the agent's own command or configuration: another run of the same configuration would end in the same way. */
const startFailures: ReadonlySet<string> = new Set([
  'adapter_spawn_failed',
  'adapter_config_invalid',
  'adapter_not_allowed',
  'adapter_secret_missing',
  'adapter_address_refused',
])

const isStartFailure = ({ status, errorCode }: RunResult): boolean => status === 'failed' && startFailures.has(errorCode ?? '')

/** The folder of the issue's project is the trouble of the issue: the agent can work on others. */
const isProjectFailure = ({ status, errorCode }: RunResult): boolean => status === 'failed' && errorCode === 'project_folder_unavailable'

/** Whether the end of a run changes its agent or its issue: it could not be started, or it could, after one that could not. */
export const concernsStart = (order: StartOrder, result: RunResult): boolean =>
  isStartFailure(result) || isProjectFailure(result) || (order.agentStatus === 'error' && result.status !== 'cancelled')

/**
 * (tx) Records whether the agent can be started. When it cannot, its issue returns to `todo` with the reason as a comment, and the
 * agent is in `error`, so that its wakes wait for another configuration. Where the folder of the project cannot be worked in, the issue is
 * `blocked` with the reason, and the agent stays as it is. Expects the locks of the agent, of its issue and of the run,
 * which has ended.
 * @param issue the issue that the run held, or null
 */
export async function recordStart(
  tx: Tx,
  ctx: Ctx,
  order: StartOrder,
  end: { result: RunResult; issue: LockedIssue | null },
): Promise<DomainEvent[]> {
  const { agentId, companyId, runId } = order
  const { result, issue } = end
  const agent = await lockAgent(tx, companyId, agentId)
  const isReturned = issue?.status === 'in_progress' && issue.assigneeAgentId === agentId
  if (isProjectFailure(result)) return isReturned ? await returnIssue(tx, ctx, { order, result, issue, status: 'blocked' }) : []
  if (!isStartFailure(result)) {
    if (agent.status !== 'error') return []
    await setAgentStatus(tx, agent, 'idle')
    return [agentStartsAgain(agentId, { runId }, { agentId, runId })]
  }
  const events = isReturned ? await returnIssue(tx, ctx, { order, result, issue, status: 'todo' }) : []
  if (agent.status !== 'error' && agentStatus.allows(agent.status, 'error')) await setAgentStatus(tx, agent, 'error')
  const error = result.error === undefined || result.error === null ? null : hideFolders(result.error)
  const details = { runId, errorCode: result.errorCode ?? '', error, returnedIssueId: isReturned ? issue.id : null }
  return [...events, agentStartFailed(agentId, details, { agentId, runId })]
}

interface Return {
  readonly order: StartOrder
  readonly result: RunResult
  readonly issue: LockedIssue
  /** `blocked` where another run of any agent would end in the same way. */
  readonly status: 'todo' | 'blocked'
}

/** (tx) Takes an issue out of progress, with the reason as a comment. */
async function returnIssue(tx: Tx, ctx: Ctx, { order, result, issue, status }: Return): Promise<DomainEvent[]> {
  const { events } = await patchIssue(tx, ctx, issue.id, { input: { status }, expected: { ifMatch: null, lockEpoch: null } })
  const reason = result.error ?? result.errorCode ?? 'unknown error'
  // Every agent of the company reads the issue. The folder of a project is theirs; the configuration of one agent is not.
  const shown = status === 'todo' ? hideFolders(reason) : reason
  return [...events, await postNote(tx, ctx, issue, `${order.agentName} could not be started: ${shown}`)]
}
