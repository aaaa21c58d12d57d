// The words that an agent has not read yet about its work: comments, answers and decisions, oldest first.

import { sql } from 'drizzle-orm'
import { approvalComments, approvals, issueApprovals } from '../../model/approvals.ts'
import { interactions } from '../../model/documents.ts'
import { comments } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { heartbeatContext } from './queries.ts'

type WordKind = 'comment' | 'interaction' | 'approval' | 'approval_comment'

/** One thing that was said. */
export interface Word {
  readonly kind: WordKind
  readonly id: string
  /** When it was said. */
  readonly at: string
  readonly authorAgentId: string | null
  readonly authorUserId: string | null
  /** How an interaction or an approval was decided; null for a comment. */
  readonly status: string | null
  /** The words: a body, a note, or the result of an interaction as JSON. Null where a decision has none. */
  readonly text: string | null
  /** The text is longer than what stands here; the whole is at `path`. */
  readonly truncated: boolean
  readonly path: string
}

/** The words that an agent has not read yet. */
export interface NewWords {
  /** The start of that run; null where there is none. */
  readonly since: string | null
  /** Oldest first. */
  readonly items: readonly Word[]
  /** How many older words are left out. The thread of the issue has them. */
  readonly omitted: number
}

/** The most words that one run receives, the newest ones. A person who wrote more expects the thread to be read. */
const MAX_WORDS = 50
/** The length of all texts together, in characters, so that they fit into a prompt and a variable of an environment. */
const MAX_TEXT_LENGTH = 24_000

interface WordParams {
  readonly companyId: string
  readonly agentId: string | null
  readonly issueId: string | null
  readonly approvalIds: string[]
}

type WordRow = Omit<Word, 'truncated' | 'path'> & {
  readonly length: number
  readonly total: number
  readonly subjectId: string
  readonly since: string | null
}

const issueId = param('issueId', 'uuid')
const companyId = param('companyId', 'uuid')
const agentId = param('agentId', 'uuid')

// An approval belongs to the work when the wake names it, or when the agent requested it for the issue.
const ownApprovals = sql`(select a.* from ${approvals} a where a.company_id = ${companyId} and (a.id = any(${param('approvalIds', 'uuid[]')})
    or a.requested_by_agent_id = ${agentId} and exists (
      select 1 from ${issueApprovals} l where l.approval_id = a.id and l.issue_id = ${issueId})))`

const isNew = (at: string) => sql.raw(`(s.at is null or ${at} > s.at)`)

const newWordsStatement = statement<WordParams, WordRow>('issue_new_words').read(sql`
  with s as (select max(r.started_at) as at from ${runs} r
    where r.agent_id = ${agentId} and r.issue_id = ${issueId} and r.company_id = ${companyId} and r.status = 'succeeded'),
  said as (
    select 'comment' as kind, c.id, c.created_at as at, c.author_agent_id, c.author_user_id, null as status, c.body as text, c.issue_id as subject_id
    from s, ${comments} c where c.issue_id = ${issueId} and c.company_id = ${companyId}
      and c.author_agent_id is distinct from ${agentId} and ${isNew('c.created_at')}
    union all
    select 'interaction', n.id, n.resolved_at, n.resolved_by_agent_id, n.resolved_by_user_id, n.status, n.result::text, n.issue_id
    from s, ${interactions} n where n.issue_id = ${issueId} and n.company_id = ${companyId} and n.status in ('accepted', 'rejected', 'answered')
      and ${isNew('n.resolved_at')}
    union all
    select 'approval', a.id, coalesce(a.decided_at, a.updated_at), null, a.decided_by_user_id, a.status, a.decision_note, a.id
    from s, ${ownApprovals} a where a.status <> 'pending' and ${isNew('coalesce(a.decided_at, a.updated_at)')}
    union all
    select 'approval_comment', c.id, c.created_at, c.author_agent_id, c.author_user_id, null, c.body, c.approval_id
    from s, ${ownApprovals} a join ${approvalComments} c on c.approval_id = a.id
    where c.author_agent_id is distinct from ${agentId} and ${isNew('c.created_at')}),
  newest as (select *, count(*) over ()::int as total from said order by at desc, id desc limit ${sql.raw(String(MAX_WORDS))})
  select kind, newest.id, ${isoJson(sql`newest.at`)} as at, author_agent_id as "authorAgentId", author_user_id as "authorUserId", status,
    left(text, ${sql.raw(String(MAX_TEXT_LENGTH))}) as text, coalesce(char_length(text), 0) as length, total, subject_id as "subjectId",
    ${isoJson(sql`s.at`)} as since
  from newest, s order by newest.at, newest.id`)

const pathOf = ({ kind, id, subjectId }: WordRow): string => {
  if (kind === 'comment') return `/api/issues/${subjectId}/comments/${id}`
  if (kind === 'interaction') return `/api/issues/${subjectId}/interactions`
  return kind === 'approval' ? `/api/approvals/${id}` : `/api/approvals/${subjectId}/comments`
}

/**
 * Reads what people and other agents said since the last run of an agent that succeeded: comments on its issue, answers to questions, and
 * decisions on its approvals with their notes and comments. The newest texts are whole; of the ones that do not fit their path stays.
 *
 * @param about the issue of the run, or null; `approvalIds` are those that its wake names
 */
export async function newWords(db: Pick<ReadDb, 'run'>, about: WordParams): Promise<NewWords> {
  // Without an issue or an approval there is nothing to which words belong, and the start of a run waits for each question to the database.
  if (about.issueId === null && about.approvalIds.length === 0) return { since: null, items: [], omitted: 0 }
  const rows = await db.run(newWordsStatement, about)
  let room = MAX_TEXT_LENGTH
  const items = rows
    .toReversed()
    .map((row): Word => {
      const { kind, id, at, authorAgentId, authorUserId, status } = row
      const text = row.text === null ? null : truncate(row.text, room)
      room -= text?.length ?? 0
      const truncated = text !== row.text || row.length > MAX_TEXT_LENGTH
      return { kind, id, at, authorAgentId, authorUserId, status, text, truncated, path: pathOf(row) }
    })
    .toReversed()
  return { since: rows[0]?.since ?? null, items, omitted: Math.max(0, (rows[0]?.total ?? 0) - rows.length) }
}

/** The context of an issue with what was said since the reader's last run; a person reads what the assignee would read. */
export async function contextWithWords(ctx: Ctx, issueId: string, wakeCommentId: string | null) {
  const companyId = companyOf(ctx)
  const context = await heartbeatContext(ctx.store.read, companyId, issueId, wakeCommentId)
  const agentId = ctx.actor.kind === 'agent' ? ctx.actor.agentId : context.issue.assigneeAgentId
  return { ...context, newWords: await newWords(ctx.store.read, { companyId, agentId, issueId, approvalIds: [] }) }
}
