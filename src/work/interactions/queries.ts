import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { interactions } from '../../model/documents.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { interactionView } from './views.ts'

export type InteractionRow = z.output<typeof interactionView>

export const interactionColumns = columnsOf(interactions)

const selectInteraction = statement<{ id: string; issueId: string; companyId: string }, InteractionRow>('interaction_by_id').read(sql`
  select ${interactionColumns} from ${interactions}
  where id = ${param('id')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

/** An interaction in the thread of an issue. @throws Refusal `not_found` */
export async function interactionById(db: Pick<ReadDb, 'run'>, companyId: string, issueId: string, id: string): Promise<InteractionRow> {
  const [row] = await db.run(selectInteraction, { id, issueId, companyId })
  if (row === undefined) refuse('not_found', { message: 'Interaction not found' })
  return row
}

const oldestFirst = byCreation('asc')

const selectInteractions = dynamicRead<{ companyId: string; issueId: string; limit: number }, InteractionRow>('interaction_list')

/** Interactions in the thread of an issue, oldest first. */
export async function listInteractions(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<InteractionRow>> {
  const page = oldestFirst.page(request)
  const query = selectInteractions(
    String(page.hasCursor),
    () => sql`select ${interactionColumns} from ${interactions}
      where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${oldestFirst.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, query, { companyId: companyOf(ctx), issueId, ...page.params })
}
