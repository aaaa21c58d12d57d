import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { agentKeys, agents } from '../db/schema/agents.ts'
import { param, statement } from '../db/statement.ts'
import { only } from '../kernel/only.ts'
import { agentColumns } from './lock.ts'
import type { AgentRow } from './lock.ts'
import { agentStatus } from './status.ts'
import type { AgentStatus } from './status.ts'

const write = statement<{ id: string; from: AgentStatus; to: AgentStatus; pauseReason: string | null }, AgentRow>('agent_set_status')
  .write(sql`
  update ${agents} set status = ${param('to', 'text')}, pause_reason = ${param('pauseReason')},
    paused_at = case when ${param('to', 'text')} = 'paused' then now() end, updated_at = now()
  where id = ${param('id')} and status = ${param('from')} returning ${agentColumns}`)

/** (tx) The only writer of an agent's status. Expects its row lock. @throws Refusal `illegal_transition` */
export async function setAgentStatus(tx: Tx, agent: AgentRow, to: AgentStatus, pauseReason: string | null = null): Promise<AgentRow> {
  agentStatus.step(agent.status, to)
  return only(await tx.run(write, { id: agent.id, from: agent.status, to, pauseReason }))
}

const revokeAll = statement<{ agentId: string }, { id: string }>('agent_revoke_keys').write(sql`
  update ${agentKeys} set revoked_at = now() where agent_id = ${param('agentId')} and revoked_at is null returning id`)

/** (tx) Revokes every key of an agent. @returns the ids of those that were still good */
export const revokeKeys = async (tx: Tx, agentId: string): Promise<string[]> => (await tx.run(revokeAll, { agentId })).map((row) => row.id)
