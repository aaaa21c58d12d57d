import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { labels } from '../db/schema/issues.ts'
import { columnsOf, param, shapedRead, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { notFound } from '../kernel/errors.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import type { labelView } from './views.ts'

export type LabelRow = z.output<typeof labelView>

const byId = statement<{ id: string; companyId: string }, LabelRow>('label_by_id').read(
  sql`select ${columnsOf(labels)} from ${labels} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** A label of the company. @throws Refusal `not_found` */
export async function labelById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<LabelRow> {
  const [row] = await db.run(byId, { id, companyId })
  if (row === undefined) throw notFound('Label')
  return row
}

const shaped = shapedRead<{ companyId: string; limit: number; atName: string | null; atId: string | null }, LabelRow>('label_list')

/** Labels of a company by name. */
export async function listLabels(ctx: Ctx, page: { limit?: number | undefined; after?: string | undefined }): Promise<Page<LabelRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.string(), z.uuid()]))
  const behind = at === null ? sql`` : sql`and (name, id) > (${param('atName', 'text')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`select ${columnsOf(labels)} from ${labels} where company_id = ${param('companyId', 'uuid')} ${behind}
        order by name, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), limit: limit + 1, atName: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  return cut(rows, limit, (row) => [row.name, row.id])
}
