import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { secrets } from '../../model/secrets.ts'
import { companyOf } from '../../platform/db/context.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { secretView } from './views.ts'

export type SecretRow = z.output<typeof secretView>

const selectSecret = statement<{ id: string; companyId: string }, SecretRow>('secret_by_id').read(
  sql`select ${columnsOf(secrets)} from ${secrets} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

/** A secret of the company, without its value. @throws Refusal `not_found` */
export async function secretById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<SecretRow> {
  const [row] = await db.run(selectSecret, { id, companyId })
  return row ?? refuse('not_found', { message: 'Secret not found' })
}

const listOrder = keyset('asc', [
  { field: 'name', column: 'name', type: 'text' },
  { field: 'id', column: 'id', type: 'uuid' },
])

const listStatement = dynamicRead<KeysetParams & { companyId: string }, SecretRow>('secret_list')

/** The secrets of a company by name, without their values. */
export async function listSecrets(ctx: Ctx, request: PageRequest): Promise<Page<SecretRow>> {
  const page = listOrder.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${columnsOf(secrets)} from ${secrets} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
}
