import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { comments, issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { MAX_MENTION_TEXT, mentionFinder, mentionsAny, readMentionText } from './mentions.ts'
import { mentionablesOf } from './postComment.ts'

/** The most comments that are read again. A pause of weeks may have more; the newest count. */
const MAX_COMMENTS = 500
/** The most text that is read again, in characters: the agent's row is locked meanwhile. */
const MAX_TEXT = 10 * MAX_MENTION_TEXT
/** Behind a text of this length other requests have their turn, in characters. */
const YIELD_FROM = 2_000

interface MentionComment {
  id: string
  issueId: string
  body: string
}

const selectComments = statement<{ companyId: string; agentId: string; since: string | null }, MentionComment>('mentions_since').read(sql`
  select m.id, m.issue_id as "issueId", m.body from ${comments} m join ${issues} i on i.id = m.issue_id
  where i.company_id = ${param('companyId', 'uuid')} and m.created_at >= ${param('since', 'timestamptz')} and i.hidden_at is null
    and m.author_agent_id is distinct from ${param('agentId', 'uuid')} and i.assignee_agent_id is distinct from ${param('agentId', 'uuid')}
    and (m.body like '%@%' or m.body ilike '%agent://%')
  order by m.created_at desc, m.id desc limit ${sql.raw(String(MAX_COMMENTS))}`)

/**
 * (tx) The comments on issues of others that mention an agent, since a time: while it was paused they could not wake it. The newest of
 * each issue, newest first.
 */
export async function mentionedSince(
  tx: Tx,
  companyId: string,
  agentId: string,
  since: string | null,
): Promise<{ readonly issueId: string; readonly commentId: string }[]> {
  if (since === null) return []
  const read = await tx.run(selectComments, { companyId, agentId, since })
  if (read.length === 0) return []
  const mentionsIn = mentionFinder(await mentionablesOf(tx, companyId))
  const found = new Map<string, string>()
  let length = 0
  for (const { id, issueId, body } of read) {
    if (found.has(issueId)) continue
    length += Math.min(body.length, MAX_MENTION_TEXT)
    if (length > MAX_TEXT) break
    const text = readMentionText(body)
    if (mentionsAny(text) && mentionsIn(text).includes(agentId)) found.set(issueId, id)
    if (body.length > YIELD_FROM) await nextTurn()
  }
  return [...found].map(([issueId, commentId]) => ({ issueId, commentId }))
}
