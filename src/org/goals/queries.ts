import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { goals } from '../../model/projects.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
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

const listStatement = dynamicRead<{ companyId: string; limit: number; atTime: string | null; atId: string | null }, GoalRow>('goal_list')

/** The goals of a company, oldest first. */
export async function listGoals(ctx: Ctx, page: { limit?: number | undefined; after?: string | undefined }): Promise<Page<GoalRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const cursorCondition =
    cursor === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      String(cursor !== null),
      () => sql`select ${columnsOf(goals)} from ${goals} where company_id = ${param('companyId', 'uuid')} ${cursorCondition}
        order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  return toPage(rows, limit, (row) => [row.createdAt, row.id])
}
