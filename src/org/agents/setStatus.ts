import { sql } from 'drizzle-orm'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import type { Tx } from '../../platform/db/types.ts'
import { agentKeys, agents } from '../../model/agents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { agentColumns } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { agentStatus } from '../../model/agentStatus.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'

const updateStatus = statement<{ id: string; from: AgentStatus; to: AgentStatus; pauseReason: string | null }, AgentRow>('agent_set_status')
  .write(sql`
  update ${agents} set status = ${param('to', 'text')}, pause_reason = ${param('pauseReason')},
    paused_at = case when ${param('to', 'text')} = 'paused' then now() end, updated_at = ${nextUpdatedAt}
  where id = ${param('id')} and status = ${param('from')} returning ${agentColumns}`)

/** (tx) Writes an agent's status; no other function does. Expects its row lock. @throws Refusal `illegal_transition` */
export async function setAgentStatus(tx: Tx, agent: AgentRow, to: AgentStatus, pauseReason: string | null = null): Promise<AgentRow> {
  agentStatus.transition(agent.status, to)
  return exactlyOne(await tx.run(updateStatus, { id: agent.id, from: agent.status, to, pauseReason }))
}

const updatePauseReason = statement<{ id: string; reason: string }, AgentRow>('agent_set_pause_reason').write(sql`
  update ${agents} set pause_reason = ${param('reason')}, updated_at = ${nextUpdatedAt}
  where id = ${param('id')} and status = 'paused' returning ${agentColumns}`)

/** (tx) Pauses an agent for a reason, also one that is paused for another; a resume goes back to the beginning of the first pause. Expects its row lock. @throws Refusal `illegal_transition` */
export const pauseFor = async (tx: Tx, agent: AgentRow, reason: string): Promise<AgentRow> =>
  agent.status === 'paused'
    ? exactlyOne(await tx.run(updatePauseReason, { id: agent.id, reason }))
    : await setAgentStatus(tx, agent, 'paused', reason)

const revokeKeyRows = statement<{ agentId: string }, { id: string }>('agent_revoke_keys').write(sql`
  update ${agentKeys} set revoked_at = now() where agent_id = ${param('agentId')} and revoked_at is null returning id`)

/** (tx) Revokes every key of an agent. @returns the ids of the keys that were not revoked before */
export const revokeKeys = async (tx: Tx, agentId: string): Promise<string[]> =>
  (await tx.run(revokeKeyRows, { agentId })).map((row) => row.id)

const terminateAll = statement<{ companyId: string }, { count: number }>('agent_terminate_all').write(sql`
  with terminated as (
    update ${agents} set status = 'terminated', pause_reason = null, paused_at = null, updated_at = ${nextUpdatedAt}
    where company_id = ${param('companyId')} and status <> 'terminated' returning id),
  revoked as (
    update ${agentKeys} k set revoked_at = now() from ${agents} a
    where a.company_id = ${param('companyId')} and k.agent_id = a.id and k.revoked_at is null returning k.id)
  select (select count(*) from terminated)::int + (select count(*) from revoked)::int as count`)

/** (tx) Terminates every agent of a company that is deleted, and revokes their keys: none has a credential from then on. Expects their row locks. */
export const terminateAgentsOf = async (tx: Tx, companyId: string): Promise<void> => void (await tx.run(terminateAll, { companyId }))
