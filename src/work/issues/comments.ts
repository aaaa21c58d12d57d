import { sql } from 'drizzle-orm'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { comments } from '../../model/issues.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { changed, mutate, changedIfAny } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { lockIssue } from '../../engine/holds/index.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { DEFAULT_LIMIT, toPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { patchIssue } from './patch.ts'
import { commentColumns, requireIssue } from './queries.ts'
import type { CommentRow } from './queries.ts'
import { isClosed } from '../../model/issueStatus.ts'
import { postComment } from './postComment.ts'

interface NewComment {
  readonly body: string
  readonly reopen?: boolean | undefined
  readonly interrupt?: boolean | undefined
}

const noPreconditions = { ifMatch: null, lockEpoch: null }

/**
 * Comments on an issue, whichever run holds it (LOCK_PROTOCOL §4.2). `reopen` moves a closed issue to `todo`, which the
 * write gate checks like any other write. It has no effect on an open issue, or for the run that closed the issue.
 * @throws Refusal `not_found`; with `reopen` or `interrupt` as `patchIssue`
 */
export async function addComment(ctx: Ctx, issueId: string, input: NewComment): Promise<CommentRow> {
  return await mutate(ctx, async (tx) => {
    if (input.interrupt === true) return await commentByPatch(tx, ctx, issueId, input)
    const locking = lockIssue(tx, companyOf(ctx), issueId)
    if (input.reopen === true && isClosed((await locking).status)) return await commentByPatch(tx, ctx, issueId, input)
    const [issue] = await Promise.all([locking, requireActingRun(tx, ctx)])
    const { comment, event, effects } = await postComment(tx, ctx, issue, { body: input.body, reopenedFrom: null })
    return changed(comment, event, ...effects)
  })
}

async function commentByPatch(tx: Tx, ctx: Ctx, issueId: string, input: NewComment): Promise<Outcome<CommentRow>> {
  const patch = { comment: input.body, reopen: input.reopen, interrupt: input.interrupt }
  const { comment, events } = await patchIssue(tx, ctx, issueId, { input: patch, expected: noPreconditions })
  invariant(comment !== null, 'a patch with a comment posts it')
  return changedIfAny(comment, events)
}

interface CommentQuery extends Record<string, unknown> {
  issueId: string
  companyId: string
  after: string | null
  limit: number
}

const listStatement = dynamicRead<CommentQuery, CommentRow>('comment_list')

/**
 * The comments of an issue.
 * @param page `after` is the id of a comment: the page begins after it in the chosen order. An unknown id gives an empty
 *   page. This is the paging of Paperclip's API, so the cursor is an id and not the sort key.
 * @throws Refusal `not_found` for the issue
 */
export async function listComments(ctx: Ctx, issueId: string, page: PageRequest & { order: 'asc' | 'desc' }): Promise<Page<CommentRow>> {
  const companyId = companyOf(ctx)
  await requireIssue(ctx.store.read, companyId, issueId)
  const limit = page.limit ?? DEFAULT_LIMIT
  const [comparison, direction] = page.order === 'asc' ? ['>', 'asc'] : ['<', 'desc']
  const anchor = sql`and ("issue_comments"."created_at", "issue_comments"."id") ${sql.raw(comparison)}
    (select a.created_at, a.id from ${comments} a where a.id = ${param('after', 'uuid')} and a.issue_id = ${param('issueId', 'uuid')})`
  const rows = await ctx.store.read.runPage(
    listStatement(
      `${page.order}:${page.after !== undefined}`,
      () => sql`
      select ${commentColumns} from ${comments}
      where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.after === undefined ? sql`` : anchor}
      order by created_at ${sql.raw(direction)}, id ${sql.raw(direction)} limit ${param('limit', 'int')}`,
    ),
    { issueId, companyId, after: page.after ?? null, limit: limit + 1 },
    limit + 1,
  )
  return toPage(rows, limit, ({ id }) => id)
}

const commentById = statement<{ id: string; issueId: string; companyId: string }, CommentRow>('comment_by_id').read(sql`
  select ${commentColumns} from ${comments}
  where id = ${param('id')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

/** One comment. @throws Refusal `not_found` */
export async function getComment(db: Pick<ReadDb, 'run'>, companyId: string, issueId: string, id: string): Promise<CommentRow> {
  const [row] = await db.run(commentById, { id, issueId, companyId })
  if (row === undefined) refuse('not_found', { message: 'Comment not found' })
  return row
}
