import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { goals } from '../../model/projects.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { goalView } from './views.ts'

export type GoalRow = z.output<typeof goalView>

const selectGoal = statement<{ id: string; companyId: string }, GoalRow>('goal_by_id').read(
  sql`select ${columnsOf(goals)} from ${goals} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** One goal of a company. @throws Refusal `not_found` */
export async function goalById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<GoalRow> {
  const [row] = await db.run(selectGoal, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Goal not found' })
  return row
}

const listOrder = byCreation('asc')

const listStatement = dynamicRead<KeysetParams & { companyId: string }, GoalRow>('goal_list')

/** The goals of a company, oldest first. */
export async function listGoals(ctx: Ctx, request: PageRequest): Promise<Page<GoalRow>> {
  const page = listOrder.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${columnsOf(goals)} from ${goals} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
}
