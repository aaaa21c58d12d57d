import { awaitWriters } from '../../auth/mayWrite.ts'
import { closeWakesOf, issuesAwaitedBy } from '../../engine/wakes/index.ts'
import { isQuarantined, QUARANTINE } from '../../model/agentStatus.ts'
import { agentQuarantined, agentQuarantineReleased, lockAgent, pauseFor, revokeKeys } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { endAgentRuns, endLeftBehindOf, MAX_CLOSED_AT_ONCE } from './stopRuns.ts'

/**
 * Puts an agent into quarantine: it is paused, its runs end, its keys are revoked and its waiting wakes are closed, in one
 * transaction; what is more than that may end is left to the task `stops`, and cannot start. Streams follow their credential, processes their run. An agent in quarantine is returned unchanged.
 * @param reason recorded in the audit log
 * @throws Refusal `not_found`, `agent_terminated`, `agent_pending`
 */
export async function quarantineAgent(ctx: Ctx, agentId: string, reason: string): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, agentId)
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') refuse('agent_terminated', { message: 'A terminated agent has no credential' })
    if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'An agent that is pending approval has no credential' })
    if (isQuarantined(agent)) return unchanged(agent)
    const quarantined = await pauseFor(tx, agent, QUARANTINE)
    const awaitedIssueIds = await issuesAwaitedBy(tx, agentId, MAX_CLOSED_AT_ONCE)
    const ended = await endAgentRuns(tx, ctx, agentId, {
      status: 'cancelled',
      error: 'Agent quarantined',
      errorCode: 'agent_quarantined',
      alsoLocked: awaitedIssueIds,
    })
    const closed = await closeWakesOf(tx, agentId, awaitedIssueIds)
    const revokedKeyIds = await revokeKeys(tx, agentId)
    const details = { reason, previousStatus: agent.status, endedRunIds: ended.runIds, revokedKeyIds, closedWakeIds: closed.wakeIds }
    return changed(quarantined, agentQuarantined(agentId, details, { agentId }), ...ended.events, ...closed.events)
  })
}

/**
 * Releases an agent from quarantine. Nothing comes back by itself: the agent stays paused and has no keys. An agent
 * that is not in quarantine is returned unchanged.
 * @throws Refusal `not_found`
 */
export async function releaseFromQuarantine(ctx: Ctx, agentId: string): Promise<AgentRow> {
  // Wakes that the quarantine has left would come back with the agent.
  await endLeftBehindOf(ctx, agentId)
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (!isQuarantined(agent)) return unchanged(agent)
    const released = await pauseFor(tx, agent, 'manual')
    return changed(released, agentQuarantineReleased(agentId, { pausedAt: agent.pausedAt }, { agentId }))
  })
}
