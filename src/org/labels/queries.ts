import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { labels } from '../../model/issues.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { labelView } from './views.ts'

export type LabelRow = z.output<typeof labelView>

const selectLabel = statement<{ id: string; companyId: string }, LabelRow>('label_by_id').read(
  sql`select ${columnsOf(labels)} from ${labels} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** A label of the company. @throws Refusal `not_found` */
export async function labelById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<LabelRow> {
  const [row] = await db.run(selectLabel, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Label not found' })
  return row
}

const listStatement = dynamicRead<{ companyId: string; limit: number; atName: string | null; atId: string | null }, LabelRow>('label_list')

/** The labels of a company, ordered by name. */
export async function listLabels(ctx: Ctx, page: { limit?: number | undefined; after?: string | undefined }): Promise<Page<LabelRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.string(), z.uuid()]))
  const cursorCondition = cursor === null ? sql`` : sql`and (name, id) > (${param('atName', 'text')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      String(cursor !== null),
      () => sql`select ${columnsOf(labels)} from ${labels} where company_id = ${param('companyId', 'uuid')} ${cursorCondition}
        order by name, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), limit: limit + 1, atName: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  return toPage(rows, limit, (row) => [row.name, row.id])
}
