import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { labels } from '../../model/issues.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
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

const listOrder = keyset('asc', [
  { field: 'name', column: 'name', type: 'text' },
  { field: 'id', column: 'id', type: 'uuid' },
])

const listStatement = dynamicRead<KeysetParams & { companyId: string }, LabelRow>('label_list')

/** The labels of a company, ordered by name. */
export async function listLabels(ctx: Ctx, request: PageRequest): Promise<Page<LabelRow>> {
  const page = listOrder.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${columnsOf(labels)} from ${labels} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
}
