import { sql } from 'drizzle-orm'
import { lockAgents } from '../../org/agents/index.ts'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { approvalComments } from '../../model/approvals.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { approvalCommentAdded } from './events.ts'
import { approvalById } from './row.ts'
import { wakeRequester } from './wakeRequester.ts'
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

/**
 * Adds a comment to an approval in any status; open to every agent of the company and the board. A comment of the board wakes the
 * agent that requested the approval.
 * @throws Refusal `not_found`
 */
export async function addApprovalComment(ctx: Ctx, approvalId: string, body: string): Promise<CommentRow> {
  const companyId = companyOf(ctx)
  const author = authorOf(ctx.actor)
  return await mutate(ctx, async (tx) => {
    const approval = await approvalById(tx, companyId, approvalId)
    const requester = ctx.actor.kind === 'board' ? approval.requestedByAgentId : null
    if (requester !== null) await lockAgents(tx, companyId, [requester])
    await requireActingRun(tx, ctx)
    const comment = exactlyOne(
      await tx.run(insertComment, {
        companyId,
        approvalId,
        byAgentId: author.agentId,
        byUserId: author.userId,
        body,
      }),
    )
    const news = { reason: 'approval_commented', status: approval.status, commentId: comment.id }
    const wakeEvents = requester === null ? [] : await wakeRequester(tx, ctx, approval, news)
    return changed(comment, approvalCommentAdded(approvalId, { commentId: comment.id }), ...wakeEvents)
  })
}

const oldestFirst = byCreation('asc')

const commentList = dynamicRead<KeysetParams & { companyId: string; approvalId: string }, CommentRow>('approval_comments')

/** Comments of an approval, oldest first. @throws Refusal `not_found`, `malformed_cursor` */
export async function listApprovalComments(ctx: Ctx, approvalId: string, request: PageRequest): Promise<Page<CommentRow>> {
  const companyId = companyOf(ctx)
  await approvalById(ctx.store.read, companyId, approvalId)
  const page = oldestFirst.page(request)
  return await page.read(
    ctx.store.read,
    commentList(
      String(page.hasCursor),
      () => sql`select ${commentColumns} from ${approvalComments}
      where approval_id = ${param('approvalId')} and company_id = ${param('companyId')} ${page.andAfterCursor} order by ${oldestFirst.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId, approvalId, ...page.params },
  )
}
