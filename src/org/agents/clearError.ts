import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { mutate, changedIfAny } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { normalizeAdapterConfig } from './adapterConfig.ts'
import { agentStartsAgain } from './events.ts'
import { lockAgents } from './lock.ts'
import { setAgentStatus } from './setStatus.ts'

interface Tested {
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
}

const inErrorWith = statement<{ companyId: string; type: string; config: string }, { id: string }>('agents_in_error_with').read(sql`
  select id from ${agents} where company_id = ${param('companyId')} and status = 'error' and adapter_type = ${param('type')}
    and adapter_config = ${param('config', 'jsonb')} order by id limit 100`)

/**
 * Ends the status `error` of the agents whose configuration has passed its test: `error` says that another run of it would end in the
 * same way. Their waiting runs start.
 */
export async function clearErrorOf(ctx: Ctx, { type, config }: Tested): Promise<void> {
  const params = { companyId: companyOf(ctx), type, config: JSON.stringify(normalizeAdapterConfig(config)) }
  const found = await ctx.store.read.run(inErrorWith, params)
  if (found.length === 0) return
  await mutate(ctx, async (tx) => {
    const locked = await lockAgents(
      tx,
      companyOf(ctx),
      found.map(({ id }) => id),
    )
    const still = new Set((await tx.run(inErrorWith, params)).map(({ id }) => id))
    const cleared = locked.filter(({ id }) => still.has(id))
    for (const agent of cleared) await setAgentStatus(tx, agent, 'idle')
    return changedIfAny(
      undefined,
      cleared.map(({ id }) => agentStartsAgain(id, { runId: null }, { agentId: id })),
    )
  })
}
