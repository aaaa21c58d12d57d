import { sql } from 'drizzle-orm'
import { budgetPolicies } from '../../model/budgets.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { refuse } from '../../platform/kernel/errors.ts'

const selectLimit = statement<{ companyId: string; projectId: string }, { exists: boolean }>('budget_project_has_limit').read(sql`
  select exists (select 1 from ${budgetPolicies} bp where bp.company_id = ${param('companyId', 'uuid')} and bp.scope_type = 'project'
    and bp.scope_id = ${param('projectId', 'uuid')} and bp.is_active and bp.hard_stop_enabled) as exists`)

/**
 * (tx) Keeps the work of a project with a hard limit under it: an agent that took it out would choose the limit that it spends (I21).
 * @throws Refusal `field_not_permitted` for an agent
 */
export async function requireMayTakeOutOf(tx: Tx, ctx: Ctx, projectId: string): Promise<void> {
  if (ctx.actor.kind !== 'agent') return
  const { exists } = exactlyOne(await tx.run(selectLimit, { companyId: companyOf(ctx), projectId }))
  if (exists)
    refuse('field_not_permitted', {
      message: 'The project has a limit of what it may spend: only the board takes work out of it',
      details: { fields: ['projectId'] },
    })
}
