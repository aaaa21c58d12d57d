import { sql } from 'drizzle-orm'
import { expireByComment } from '../confirmations/index.ts'
import { agents } from '../db/schema/agents.ts'
import { comments, issues } from '../db/schema/issues.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { columnsOf, param, statement } from '../db/statement.ts'
import type { LockedIssue } from '../holds/index.ts'
import { actingRun } from '../kernel/actor.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { only } from '../kernel/only.ts'
import { shorten } from '../kernel/text.ts'
import { enqueueWake, MENTIONED } from '../wakes/index.ts'
import { commentAdded } from './events.ts'
import type { CommentRow } from './queries.ts'
import { onEnter } from './status.ts'

/** Characters of a comment that its audit row repeats. */
const SNIPPET_LENGTH = 120

interface NewComment {
  companyId: string
  issueId: string
  authorAgentId: string | null
  authorUserId: string | null
  createdByRunId: string | null
  body: string
}

// The issue's activity is what lists sort by, so a comment moves it.
const insertComment = statement<NewComment, CommentRow>('comment_insert').write(sql`
  with touched as (update ${issues} set updated_at = now() where id = ${param('issueId', 'uuid')})
  insert into ${comments} (company_id, issue_id, author_agent_id, author_user_id, created_by_run_id, body)
  values (${param('companyId')}, ${param('issueId', 'uuid')}, ${param('authorAgentId', 'uuid')}, ${param('authorUserId')},
    ${param('createdByRunId', 'uuid')}, ${param('body')})
  returning ${columnsOf(comments)}`)

const agentNames = statement<{ companyId: string }, { id: string; name: string }>('comment_agent_names').read(sql`
  select id, name from ${agents} where company_id = ${param('companyId')} and status not in ('terminated', 'pending_approval')
  order by length(name) desc, id limit 1000`)

/** Agents wakened by one comment; a comment that names everybody wakes the first of them. */
const MOST_MENTIONS = 20

/** The agents a text mentions as `@Name`, longest names first, so that `@Ann Lee` does not also mention `@Ann`. */
function mentioned(body: string, known: readonly { id: string; name: string }[]): string[] {
  let text = body.toLowerCase()
  const ids: string[] = []
  for (const agent of known) {
    const needle = `@${agent.name.toLowerCase()}`
    const isWordEnd = (at: number): boolean => !/[\p{L}\p{N}_]/u.test(text.charAt(at))
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      if (!isWordEnd(at + needle.length)) continue
      ids.push(agent.id)
      text = `${text.slice(0, at)} ${text.slice(at + needle.length)}`
      break
    }
  }
  return ids.slice(0, MOST_MENTIONS)
}

export interface Said {
  readonly comment: CommentRow
  readonly event: DomainEvent
  /** What else came of it: confirmations that a person's words have overtaken, loops of agents that were cut. */
  readonly effects: readonly DomainEvent[]
}

/**
 * (tx) Adds a comment and wakes whom it concerns: the assignee, unless it wrote the comment or the issue is closed, and
 * everybody mentioned. Expects the issue's row lock and a judged run.
 *
 * @param issue the issue as it is after everything else this mutation did
 * @param reopenedFrom the status a reopening comment found, or null
 */
export async function say(tx: Tx, ctx: Ctx, issue: LockedIssue, body: string, reopenedFrom: string | null): Promise<Said> {
  const { actor } = ctx
  const companyId = companyOf(ctx)
  const comment = only(
    await tx.run(insertComment, {
      companyId,
      issueId: issue.id,
      authorAgentId: actor.kind === 'agent' ? actor.agentId : null,
      authorUserId: actor.kind === 'board' ? actor.userId : null,
      createdByRunId: actingRun(actor),
      body,
    }),
  )
  const author = actor.kind === 'agent' ? actor.agentId : null
  const payload = { issueId: issue.id, commentId: comment.id }
  const assignee = issue.assigneeAgentId
  const effects: DomainEvent[] = []
  if (assignee !== null && assignee !== author && !onEnter[issue.status].closed) {
    const reason = reopenedFrom === null ? 'issue_commented' : 'issue_reopened_via_comment'
    effects.push(...(await enqueueWake(tx, ctx, { agentId: assignee, issueId: issue.id, source: 'automation', reason, payload })))
  }
  const named = body.includes('@') ? mentioned(body, await tx.run(agentNames, { companyId })) : []
  for (const agentId of named.filter((id) => id !== author && id !== assignee)) {
    const wake = { agentId, issueId: issue.id, source: 'automation', reason: MENTIONED, payload, besideHolder: true } as const
    effects.push(...(await enqueueWake(tx, ctx, wake)))
  }
  const event = commentAdded(issue.id, {
    commentId: comment.id,
    bodySnippet: shorten(body, SNIPPET_LENGTH),
    identifier: issue.identifier,
    issueTitle: issue.title,
    ...(reopenedFrom === null ? {} : { reopened: true, reopenedFrom }),
  })
  if (actor.kind === 'board') effects.push(...(await expireByComment(tx, issue.id, comment.id)))
  return { comment, event, effects }
}
