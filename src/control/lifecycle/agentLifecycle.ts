import { agentPaused, agentResumed, agentTerminated, lockAgent, revokeKeys, setAgentStatus } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { reasonDetails } from '../../http/reasonBody.ts'
import { awaitWriters } from '../../auth/mayWrite.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { isQuarantined } from '../../model/agentStatus.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { stopRoutinesOfAgent } from '../routines/index.ts'
import { cancelRequests, lockRequestsAbout } from './endRequests.ts'
import { endAgentRuns } from './stopRuns.ts'
import { wakeForWaitingIssues } from './wakeWaiting.ts'

/**
 * Pauses an agent and ends its runs, in one transaction (LOCK_PROTOCOL §4.4). A paused agent is returned unchanged.
 * @param reason why, for the audit log
 * @throws Refusal `not_found`, `agent_terminated`, `agent_pending`
 */
export async function pauseAgent(ctx: Ctx, agentId: string, reason: string | null): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, agentId)
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Cannot pause terminated agent' })
    if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Cannot pause an agent that is pending approval' })
    if (agent.status === 'paused') return unchanged(agent)
    const paused = await setAgentStatus(tx, agent, 'paused', 'manual')
    const { runIds, events } = await endAgentRuns(tx, ctx, agentId, {
      status: 'cancelled',
      error: 'Agent paused',
      errorCode: 'agent_paused',
    })
    return changed(
      paused,
      agentPaused(agentId, { pauseReason: 'manual', endedRunIds: runIds, ...reasonDetails(reason) }, { agentId }),
      ...events,
    )
  })
}

/**
 * Resumes a paused agent, and wakes it once for each issue that waits for it: the ones that the pause took from it, and the ones that
 * were assigned, or commented on, meanwhile (LOCK_PROTOCOL §6). An agent that is not paused is returned unchanged.
 * @throws Refusal `not_found`, `agent_terminated`, `agent_pending`, `agent_quarantined`
 */
export async function resumeAgent(ctx: Ctx, agentId: string, reason: string | null): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Cannot resume terminated agent' })
    if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Pending approval agents cannot be resumed' })
    if (isQuarantined(agent)) refuse('agent_quarantined', { details: { next: 'ask_board' } })
    if (agent.status !== 'paused') return unchanged(agent)
    const resumed = await setAgentStatus(tx, agent, 'idle')
    const event = agentResumed(agentId, { previousPauseReason: agent.pauseReason, ...reasonDetails(reason) }, { agentId })
    return changed(resumed, event, ...(await wakeForWaitingIssues(tx, ctx, agentId, agent.pausedAt)))
  })
}

/**
 * Terminates an agent permanently: ends its runs, revokes its keys, and cancels its undecided hire and the undecided proposals to
 * change it, in one transaction (LOCK_PROTOCOL §4.4). A terminated agent is returned unchanged.
 * @throws Refusal `not_found`
 */
export async function terminateAgent(ctx: Ctx, agentId: string, reason: string | null): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    await awaitWriters(tx, agentId)
    const requests = await lockRequestsAbout(tx, companyOf(ctx), agentId)
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') return unchanged(agent)
    const terminated = await setAgentStatus(tx, agent, 'terminated')
    const routines = await stopRoutinesOfAgent(tx, companyOf(ctx), agentId)
    const { runIds, events } = await endAgentRuns(tx, ctx, agentId, {
      status: 'cancelled',
      error: 'Agent terminated',
      errorCode: 'agent_terminated',
    })
    const revokedKeyIds = await revokeKeys(tx, agentId)
    const details = { previousStatus: agent.status, endedRunIds: runIds, revokedKeyIds, ...reasonDetails(reason) }
    const event = agentTerminated(agentId, details, { agentId })
    return changed(terminated, event, ...events, ...routines, ...(await cancelRequests(tx, requests, 'agent_terminated')))
  })
}
