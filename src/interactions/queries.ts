import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { interactions } from '../db/schema/documents.ts'
import { columnsOf, param, shapedRead, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { notFound } from '../kernel/errors.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import type { interactionView } from './views.ts'

export type InteractionRow = z.output<typeof interactionView>

export const interactionColumns = columnsOf(interactions)

const byId = statement<{ id: string; issueId: string; companyId: string }, InteractionRow>('interaction_by_id').read(sql`
  select ${interactionColumns} from ${interactions}
  where id = ${param('id')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

/** An interaction in the thread of an issue. @throws Refusal `not_found` */
export async function interactionById(db: Pick<ReadDb, 'run'>, companyId: string, issueId: string, id: string): Promise<InteractionRow> {
  const [row] = await db.run(byId, { id, issueId, companyId })
  if (row === undefined) throw notFound('Interaction')
  return row
}

const shaped = shapedRead<
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
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const behind = at === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`select ${interactionColumns} from ${interactions}
        where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${behind}
        order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), issueId, limit: limit + 1, atTime: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  return cut(rows, limit, (row) => [row.createdAt, row.id])
}
