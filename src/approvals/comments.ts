import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import { approvalComments } from '../db/schema/approvals.ts'
import { columnsOf, param, shapedRead, statement } from '../db/statement.ts'
import { only } from '../kernel/only.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import { judgeActingRun } from '../runs/index.ts'
import { approvalCommentAdded } from './events.ts'
import { approvalRow } from './row.ts'
import type { approvalCommentView } from './views.ts'

type CommentRow = z.input<typeof approvalCommentView>

const columns = columnsOf(approvalComments)

const insert = statement<
  { companyId: string; approvalId: string; byAgentId: string | null; byUserId: string | null; body: string },
  CommentRow
>('approval_comment_insert').write(sql`
  insert into ${approvalComments} (company_id, approval_id, author_agent_id, author_user_id, body)
  values (${param('companyId')}, ${param('approvalId')}, ${param('byAgentId', 'uuid')}, ${param('byUserId')}, ${param('body')})
  returning ${columns}`)

/** Says something about an approval; open to the whole company, whatever was decided. @throws Refusal `not_found` */
export async function addApprovalComment(ctx: Ctx, approvalId: string, body: string): Promise<CommentRow> {
  const companyId = companyOf(ctx)
  const { actor } = ctx
  return await mutate(ctx, async (tx) => {
    await approvalRow(tx, companyId, approvalId)
    await judgeActingRun(tx, ctx)
    const comment = only(
      await tx.run(insert, {
        companyId,
        approvalId,
        byAgentId: actor.kind === 'agent' ? actor.agentId : null,
        byUserId: actor.kind === 'board' ? actor.userId : null,
        body,
      }),
    )
    return changed(comment, approvalCommentAdded(approvalId, { commentId: comment.id }))
  })
}

interface ListParams {
  companyId: string
  approvalId: string
  limit: number
  atTime: string | null
  atId: string | null
}

const shaped = shapedRead<ListParams, CommentRow>('approval_comments')

/** Comments of an approval, oldest first. @throws Refusal `not_found` */
export async function listApprovalComments(
  ctx: Ctx,
  approvalId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<CommentRow>> {
  const companyId = companyOf(ctx)
  await approvalRow(ctx.store.read, companyId, approvalId)
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const behind = at === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`select ${columns} from ${approvalComments}
      where approval_id = ${param('approvalId')} and company_id = ${param('companyId')} ${behind} order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId, approvalId, limit: limit + 1, atTime: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  return cut(rows, limit, (row) => [row.createdAt, row.id])
}
