import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { workProducts } from '../../model/workProducts.ts'
import { companyOf } from '../../platform/db/context.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { workProductView } from './views.ts'

type Reader = Pick<ReadDb, 'run'>

export type WorkProductRow = z.output<typeof workProductView>

const selectWorkProduct = statement<{ id: string; companyId: string }, WorkProductRow>('work_product_by_id').read(sql`
  select ${columnsOf(workProducts)} from ${workProducts} where id = ${param('id')} and company_id = ${param('companyId')}`)

/** A work product. @throws Refusal `not_found` */
export async function workProductById(db: Reader, companyId: string, id: string): Promise<WorkProductRow> {
  const [row] = await db.run(selectWorkProduct, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Work product not found' })
  return row
}

const primaryFirst = keyset('desc', [
  { field: 'primaryRank', column: 'is_primary::int', type: 'int' },
  { field: 'createdAt', column: 'created_at', type: 'timestamptz' },
  { field: 'id', column: 'id', type: 'uuid' },
])

const selectWorkProducts = dynamicRead<KeysetParams & { issueId: string; companyId: string }, WorkProductRow & { primaryRank: number }>(
  'work_product_list',
)

/** Work products of an issue, the primary one first, then the newest. */
export async function listWorkProducts(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<WorkProductRow>> {
  const page = primaryFirst.page(request)
  const query = selectWorkProducts(
    String(page.hasCursor),
    () => sql`
      select ${columnsOf(workProducts)}, is_primary::int as "primaryRank" from ${workProducts}
      where issue_id = ${param('issueId')} and company_id = ${param('companyId')} ${page.andAfterCursor}
      order by ${primaryFirst.orderBy} limit ${param('limit', 'int')}`,
  )
  const rows = await page.read(ctx.store.read, query, { issueId, companyId: companyOf(ctx), ...page.params })
  return await mapPage(rows, ({ primaryRank: _, ...row }) => row)
}
