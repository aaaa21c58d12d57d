import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { approvalComments } from '../../model/approvals.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { approvalCommentAdded } from './events.ts'
import { approvalById } from './row.ts'
import type { approvalCommentView } from './views.ts'

type CommentRow = z.input<typeof approvalCommentView>

const commentColumns = columnsOf(approvalComments)

const insertComment = statement<
  { companyId: string; approvalId: string; byAgentId: string | null; byUserId: string | null; body: string },
  CommentRow
>('approval_comment_insert').write(sql`
  insert into ${approvalComments} (company_id, approval_id, author_agent_id, author_user_id, body)
  values (${param('companyId')}, ${param('approvalId')}, ${param('byAgentId', 'uuid')}, ${param('byUserId')}, ${param('body')})
  returning ${commentColumns}`)

/** Says something about an approval; open to the whole company, whatever was decided. @throws Refusal `not_found` */
export async function addApprovalComment(ctx: Ctx, approvalId: string, body: string): Promise<CommentRow> {
  const companyId = companyOf(ctx)
  const { actor } = ctx
  return await mutate(ctx, async (tx) => {
    await approvalById(tx, companyId, approvalId)
    await requireActingRun(tx, ctx)
    const comment = exactlyOne(
      await tx.run(insertComment, {
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

const listStatement = dynamicRead<ListParams, CommentRow>('approval_comments')

/** Comments of an approval, oldest first. @throws Refusal `not_found` */
export async function listApprovalComments(
  ctx: Ctx,
  approvalId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<CommentRow>> {
  const companyId = companyOf(ctx)
  await approvalById(ctx.store.read, companyId, approvalId)
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const cursorCondition =
    cursor === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      String(cursor !== null),
      () => sql`select ${commentColumns} from ${approvalComments}
      where approval_id = ${param('approvalId')} and company_id = ${param('companyId')} ${cursorCondition} order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId, approvalId, limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  return toPage(rows, limit, (row) => [row.createdAt, row.id])
}
