// The effect of a run that could not be started at all on its issue and its agent (LOCK_PROTOCOL §6).

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

/** Whether the end of a run changes the status of its agent: it could not be started, or it could, after one that could not. */
export const changesAgent = (order: StartOrder, result: RunResult): boolean =>
  isStartFailure(result) || (order.agentStatus === 'error' && result.status !== 'cancelled')

/**
 * (tx) Records whether the agent can be started. When it cannot, its issue returns to `todo` with the reason as a comment, and the
 * agent is in `error`, so that its wakes wait for another configuration. Expects the locks of the agent, of its issue and of the run,
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
  if (!isStartFailure(result)) {
    if (agent.status !== 'error') return []
    await setAgentStatus(tx, agent, 'idle')
    return [agentStartsAgain(agentId, { runId }, { agentId, runId })]
  }
  const events: DomainEvent[] = []
  const isReturned = issue?.status === 'in_progress' && issue.assigneeAgentId === agentId
  if (isReturned) {
    events.push(
      ...(await patchIssue(tx, ctx, issue.id, { input: { status: 'todo' }, expected: { ifMatch: null, lockEpoch: null } })).events,
    )
    events.push(
      await postNote(tx, ctx, issue, `${order.agentName} could not be started: ${result.error ?? result.errorCode ?? 'unknown error'}`),
    )
  }
  if (agent.status !== 'error' && agentStatus.allows(agent.status, 'error')) await setAgentStatus(tx, agent, 'error')
  const details = { runId, errorCode: result.errorCode ?? '', error: result.error ?? null, returnedIssueId: isReturned ? issue.id : null }
  return [...events, agentStartFailed(agentId, details, { agentId, runId })]
}
