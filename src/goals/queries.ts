import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { goals } from '../db/schema/projects.ts'
import { columnsOf, param, shapedRead, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { notFound } from '../kernel/errors.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import type { goalView } from './views.ts'

export type GoalRow = z.output<typeof goalView>

const byId = statement<{ id: string; companyId: string }, GoalRow>('goal_by_id').read(
  sql`select ${columnsOf(goals)} from ${goals} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** A goal of the company. @throws Refusal `not_found` */
export async function goalById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<GoalRow> {
  const [row] = await db.run(byId, { id, companyId })
  if (row === undefined) throw notFound('Goal')
  return row
}

const shaped = shapedRead<{ companyId: string; limit: number; atTime: string | null; atId: string | null }, GoalRow>('goal_list')

/** Goals of a company, oldest first. */
export async function listGoals(ctx: Ctx, page: { limit?: number | undefined; after?: string | undefined }): Promise<Page<GoalRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const behind = at === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`select ${columnsOf(goals)} from ${goals} where company_id = ${param('companyId', 'uuid')} ${behind}
        order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), limit: limit + 1, atTime: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  return cut(rows, limit, (row) => [row.createdAt, row.id])
}
