import { sql } from 'drizzle-orm'
import { comments, issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { mentionedIn } from './postComment.ts'

/** The most comments that are read again. A pause of weeks may have more; the newest count. */
const MAX_COMMENTS = 500

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
  const found = new Map<string, string>()
  for (const { id, issueId, body } of await tx.run(selectComments, { companyId, agentId, since })) {
    if (found.has(issueId)) continue
    if ((await mentionedIn(tx, companyId, body)).includes(agentId)) found.set(issueId, id)
  }
  return [...found].map(([issueId, commentId]) => ({ issueId, commentId }))
}
