import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { workProducts } from '../../model/workProducts.ts'
import { companyOf } from '../../platform/db/context.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
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

const selectWorkProducts = statement<{ issueId: string; companyId: string }, WorkProductRow>('work_product_list').read(sql`
  select ${columnsOf(workProducts)} from ${workProducts}
  where issue_id = ${param('issueId')} and company_id = ${param('companyId')} order by is_primary desc, created_at desc, id desc`)

/** All work products of an issue, the primary one first, then the newest. Their number is limited, so the list has no pages. */
export const listWorkProducts = (ctx: Ctx, issueId: string): Promise<WorkProductRow[]> =>
  ctx.store.read.run(selectWorkProducts, { issueId, companyId: companyOf(ctx) })
