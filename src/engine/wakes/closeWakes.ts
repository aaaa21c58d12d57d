import { sql } from 'drizzle-orm'
import { isDeferred, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { wakeClosed } from './events.ts'

const waitingIssues = statement<{ agentId: string; limit: number }, { issueId: string }>('wake_waiting_issues').read(sql`
  select distinct w.issue_id as "issueId" from ${wakes} w where w.agent_id = ${param('agentId')} and ${isDeferred('w')} and w.issue_id is not null
  order by w.issue_id limit ${param('limit', 'int')}`)

/** (tx) Issues for which wakes of an agent wait, `limit` at most. */
export const issuesAwaitedBy = async (tx: Tx, agentId: string, limit: number): Promise<string[]> =>
  (await tx.run(waitingIssues, { agentId, limit })).map(({ issueId }) => issueId)

const closeWaiting = statement<{ agentId: string; issueIds: readonly string[] }, { id: string; issueId: string }>('wake_close_waiting')
  .write(sql`
  update ${wakes} w set status = 'skipped', close_reason = 'agent_not_invokable', finished_at = now(), updated_at = now()
  where w.issue_id = any(${param('issueIds', 'uuid[]')}) and w.agent_id = ${param('agentId')} and ${isDeferred('w')} returning w.id, w.issue_id as "issueId"`)

/** (tx) Closes the waiting wakes of an agent for these issues for good. Expects the row locks of the issues. */
export async function closeWakesOf(
  tx: Tx,
  agentId: string,
  issueIds: readonly string[],
): Promise<{ wakeIds: string[]; events: DomainEvent[] }> {
  const closed = issueIds.length === 0 ? [] : await tx.run(closeWaiting, { agentId, issueIds })
  return {
    wakeIds: closed.map(({ id }) => id),
    events: closed.map(({ id, issueId }) => wakeClosed(id, { agentId, issueId, why: 'agent_not_invokable' }, { agentId })),
  }
}
