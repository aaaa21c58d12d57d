import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { agentIsolated } from './events.ts'
import { lockAgent } from './lock.ts'

const requireOf = statement<{ id: string }, { id: string }>('agent_require_isolation').write(sql`
  update ${agents} set isolation = 'required' where id = ${param('id')} and isolation = 'pending' returning id`)

/**
 * Isolates an agent of before isolation from now on: it never runs without again. A repeat changes nothing.
 * @throws Refusal `not_found` for a missing or foreign agent
 */
export async function requireIsolation(ctx: Ctx, companyId: string, agentId: string): Promise<void> {
  await mutate(ctx, async (tx) => {
    await lockAgent(tx, companyId, agentId)
    const rows = await tx.run(requireOf, { id: agentId })
    return rows.length === 0 ? unchanged(undefined) : changed(undefined, agentIsolated(agentId, {}))
  })
}
