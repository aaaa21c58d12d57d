import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { expireByComment } from '../interactionExpiry/index.ts'
import { agents } from '../../model/agents.ts'
import { comments, issues } from '../../model/issues.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pipelined, unawaited } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { actingRunIdOf, authorOf } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { COMMENT_REASON, enqueueWake, MENTION_REASON } from '../../engine/wakes/index.ts'
import { commentAdded } from './events.ts'
import { findMentions, mentionsAny, readMentionText } from './mentions.ts'
import type { Mentionable } from './mentions.ts'
import type { CommentRow } from './queries.ts'
import { isClosed } from '../../model/issueStatus.ts'

/** The length of a comment's beginning in its audit row, in characters. */
const SNIPPET_LENGTH = 120

interface NewComment {
  id: string
  companyId: string
  issueId: string
  authorAgentId: string | null
  authorUserId: string | null
  createdByRunId: string | null
  body: string
}

// Lists sort by the latest activity, so a comment updates the issue's `updated_at`.
const insertCommentRow = statement<NewComment, CommentRow>('comment_insert').write(sql`
  with touched as (update ${issues} set updated_at = now() where id = ${param('issueId', 'uuid')})
  insert into ${comments} (id, company_id, issue_id, author_agent_id, author_user_id, created_by_run_id, body)
  values (${param('id')}, ${param('companyId')}, ${param('issueId', 'uuid')}, ${param('authorAgentId', 'uuid')}, ${param('authorUserId')},
    ${param('createdByRunId', 'uuid')}, ${param('body')})
  returning ${columnsOf(comments)}`)

const mentionableAgents = statement<{ companyId: string }, Mentionable>('comment_mentionable_agents').read(sql`
  select id, name, url_key as "urlKey" from ${agents}
  where company_id = ${param('companyId')} and status not in ('terminated', 'pending_approval') order by created_at, id limit 1000`)

export interface PostedComment {
  readonly comment: Promise<CommentRow>
  readonly event: DomainEvent
  /** The events of its effects: expired confirmations, and wakes that were closed as part of a loop. */
  readonly effects: readonly DomainEvent[]
}

interface CommentToPost {
  readonly body: string
  /** The closed status that the comment ended, or null. */
  readonly reopenedFrom: string | null
}

/**
 * (tx) Adds a comment. It wakes the assignee, unless the assignee wrote it or the issue is closed, and each mentioned
 * agent. Expects the issue's row lock and an acting run that was verified.
 *
 * @param issue the issue after all other changes of this mutation
 */
export async function postComment(tx: Tx, ctx: Ctx, issue: LockedIssue, { body, reopenedFrom }: CommentToPost): Promise<PostedComment> {
  const author = authorOf(ctx.actor)
  const companyId = companyOf(ctx)
  const id = randomUUID()
  const comment = pipelined(
    tx
      .run(insertCommentRow, {
        id,
        companyId,
        issueId: issue.id,
        authorAgentId: author.agentId,
        authorUserId: author.userId,
        createdByRunId: actingRunIdOf(ctx.actor),
        body,
      })
      .then(exactlyOne),
  )
  const expired = ctx.actor.kind === 'board' ? pipelined(expireByComment(tx, issue.id, id)) : []
  const payload = { issueId: issue.id, commentId: id }
  const assignee = issue.assigneeAgentId
  const effects: DomainEvent[] = []
  if (assignee !== null && assignee !== author.agentId && !isClosed(issue.status)) {
    const reason = reopenedFrom === null ? COMMENT_REASON : 'issue_reopened_via_comment'
    effects.push(...(await enqueueWake(tx, ctx, { agentId: assignee, issueId: issue.id, source: 'automation', reason, payload })))
  }
  for (const agentId of (await mentionedIn(tx, companyId, body)).filter((id) => id !== author.agentId && id !== assignee)) {
    const wake = { agentId, issueId: issue.id, source: 'automation', reason: MENTION_REASON, payload, besideHolder: true } as const
    effects.push(...(await enqueueWake(tx, ctx, wake)))
  }
  const event = commentAdded(issue.id, {
    commentId: id,
    bodySnippet: truncate(body, SNIPPET_LENGTH),
    identifier: issue.identifier,
    issueTitle: issue.title,
    ...(reopenedFrom === null ? {} : { reopened: true, reopenedFrom }),
  })
  return { comment, event, effects: [...effects, ...(await expired)] }
}

/** (tx) The agents of a company that a text mentions. */
async function mentionedIn(tx: Tx, companyId: string, body: string): Promise<readonly string[]> {
  const text = readMentionText(body)
  if (!mentionsAny(text)) return []
  return findMentions(text, await mentionablesOf(tx, companyId))
}

/** (tx) The agents of a company that a text can mention. */
export const mentionablesOf = async (tx: Tx, companyId: string): Promise<Mentionable[]> => await tx.run(mentionableAgents, { companyId })

/** (tx) Adds a comment of the server itself, which wakes no agent. Expects the issue's row lock. @returns its event */
export async function postNote(tx: Tx, ctx: Ctx, issue: LockedIssue, body: string): Promise<DomainEvent> {
  const authors = { authorAgentId: null, authorUserId: null, createdByRunId: null }
  const id = randomUUID()
  unawaited(tx.run(insertCommentRow, { id, companyId: companyOf(ctx), issueId: issue.id, ...authors, body }))
  const bodySnippet = truncate(body, SNIPPET_LENGTH)
  return commentAdded(issue.id, { commentId: id, bodySnippet, identifier: issue.identifier, issueTitle: issue.title })
}
