import { sql } from 'drizzle-orm'
import { lockIssues } from '../../engine/holds/index.ts'
import { COMMENT_REASON, enqueueWake, MENTION_REASON } from '../../engine/wakes/index.ts'
import { liveHolderOf } from '../../engine/runs/index.ts'
import { isClosedSql } from '../../model/issueStatus.ts'
import { comments, issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { mentionedSince } from '../../work/issues/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'

/** The most issues of one resume. Their rows are locked together; the task `stalled` wakes for the rest. */
const MAX_ISSUES = 500

interface WaitingIssue {
  id: string
  /** Work waits: the issue is to be done. Otherwise it only has new comments. */
  isWork: boolean
}

const waitingIssues = statement<{ companyId: string; agentId: string; since: string | null }, WaitingIssue>('resume_waiting').read(sql`
  select i.id, i.status in ('todo', 'in_progress') as "isWork" from ${issues} i
  where i.assignee_agent_id = ${param('agentId', 'uuid')} and i.company_id = ${param('companyId')} and i.hidden_at is null
    and not ${isClosedSql('i')}
    and (i.status in ('todo', 'in_progress') or exists (select 1 from ${comments} m where m.issue_id = i.id
      and m.created_at >= ${param('since', 'timestamptz')} and m.author_agent_id is distinct from i.assignee_agent_id))
    and not exists (select 1 from ${runs} r where ${liveHolderOf('i')})
    and not exists (select 1 from ${wakes} w where w.issue_id = i.id and w.agent_id = i.assignee_agent_id and ${isOpen('w')})
  order by i.priority_rank, i.created_at, i.id limit ${sql.raw(String(MAX_ISSUES))}`)

/**
 * (tx) Wakes an agent that may work again for each of its issues that waits for it, the most urgent first, and for each issue of
 * others on which it was mentioned. Expects the agent's row lock.
 * @param since when it ceased to work; comments from then on count
 */
export async function wakeForWaitingIssues(tx: Tx, ctx: Ctx, agentId: string, since: string | null): Promise<DomainEvent[]> {
  const companyId = companyOf(ctx)
  const waiting = await tx.run(waitingIssues, { companyId, agentId, since })
  const mentions = await mentionedSince(tx, companyId, agentId, since)
  const issueIds = [...new Set([...waiting.map(({ id }) => id), ...mentions.map(({ issueId }) => issueId)])]
  const locked = new Map((await lockIssues(tx, companyId, issueIds)).map((issue) => [issue.id, issue]))
  const events: DomainEvent[] = []
  for (const { id, isWork } of waiting) {
    if (locked.get(id)?.assigneeAgentId !== agentId) continue
    const reason = isWork ? 'agent_resumed' : COMMENT_REASON
    events.push(...(await enqueueWake(tx, ctx, { agentId, issueId: id, source: 'automation', reason, payload: { issueId: id } })))
  }
  for (const payload of mentions) {
    const { issueId } = payload
    if (!locked.has(issueId) || locked.get(issueId)?.assigneeAgentId === agentId) continue
    const wake = { agentId, issueId, source: 'automation', reason: MENTION_REASON, payload, besideHolder: true } as const
    events.push(...(await enqueueWake(tx, ctx, wake)))
  }
  return events
}
