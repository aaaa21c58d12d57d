import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { interactions } from '../../model/documents.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { notFound } from '../../platform/kernel/errors.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
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
  if (row === undefined) throw notFound('Interaction')
  return row
}

const listStatement = dynamicRead<
  { companyId: string; issueId: string; limit: number; atTime: string | null; atId: string | null },
  InteractionRow
>('interaction_list')

/** Interactions in the thread of an issue, oldest first. */
export async function listInteractions(
  ctx: Ctx,
  issueId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<InteractionRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const cursorCondition =
    cursor === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      String(cursor !== null),
      () => sql`select ${interactionColumns} from ${interactions}
        where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${cursorCondition}
        order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), issueId, limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  return toPage(rows, limit, (row) => [row.createdAt, row.id])
}
