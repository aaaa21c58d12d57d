import { sql } from 'drizzle-orm'
import { agentPaused, agentResumed, agentTerminated, lockAgent, revokeKeys, setAgentStatus } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { RunResult } from '../../engine/runs/index.ts'

const unendedRunsOf = statement<{ agentId: string }, { id: string }>('stand_down_runs').read(sql`
  select r.id from ${runs} r where r.agent_id = ${param('agentId')} and r.status in ('queued', 'running') and ${isUnended('r')} order by r.id`)

/**
 * (tx) Ends whatever an agent has queued or running. Expects the agent's row lock, under which alone runs are opened,
 * so that none is missed.
 */
async function endAgentRuns(
  tx: Tx,
  ctx: Ctx,
  agentId: string,
  result: RunResult,
): Promise<{ runIds: string[]; events: readonly DomainEvent[] }> {
  const runIds = (await tx.run(unendedRunsOf, { agentId })).map((row) => row.id)
  const locked = await lockForEnd(tx, ctx, runIds)
  const ended = await endRuns(tx, locked, runIds, result)
  return { runIds: ended.runs.map((run) => run.id), events: ended.events }
}

/** Pauses an agent and ends its runs, in one transaction. Paused already: answered as it is. */
export async function pauseAgent(ctx: Ctx, agentId: string): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
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
    return changed(paused, agentPaused(agentId, { pauseReason: 'manual', endedRunIds: runIds }, { agentId }), ...events)
  })
}

/** Takes an agent out of its pause. One that is not paused is answered as it is. */
export async function resumeAgent(ctx: Ctx, agentId: string): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') refuse('agent_terminated', { message: 'Cannot resume terminated agent' })
    if (agent.status === 'pending_approval') refuse('agent_pending', { message: 'Pending approval agents cannot be resumed' })
    if (agent.status !== 'paused') return unchanged(agent)
    const resumed = await setAgentStatus(tx, agent, 'idle')
    return changed(resumed, agentResumed(agentId, { previousPauseReason: agent.pauseReason }, { agentId }))
  })
}

/** Ends an agent for good: its runs, its keys, its status. Terminated already: answered as it is. */
export async function terminateAgent(ctx: Ctx, agentId: string): Promise<AgentRow> {
  return await mutate(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    if (agent.status === 'terminated') return unchanged(agent)
    const terminated = await setAgentStatus(tx, agent, 'terminated')
    const { runIds, events } = await endAgentRuns(tx, ctx, agentId, {
      status: 'cancelled',
      error: 'Agent terminated',
      errorCode: 'agent_terminated',
    })
    const revokedKeyIds = await revokeKeys(tx, agentId)
    const details = agentTerminated(agentId, { previousStatus: agent.status, endedRunIds: runIds, revokedKeyIds }, { agentId })
    return changed(terminated, details, ...events)
  })
}
