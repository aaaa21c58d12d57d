import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockedIssueColumns } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { blockers, issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { isClosed, isClosedSql } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'

/** The most dependents of one issue that are woken. Their rows are locked together, so the number has a limit. */
const MAX_DEPENDENTS = 1000

const dependentIds = sql`
  (select b.blocked_issue_id as id from ${blockers} b join ${issues} i on i.id = b.blocked_issue_id
   where b.blocker_issue_id = ${param('id', 'uuid')} and i.company_id = ${param('companyId', 'uuid')}
   order by b.blocked_issue_id limit ${sql.raw(String(MAX_DEPENDENTS))})
  union
  select p.id from ${issues} i join ${issues} p on p.id = i.parent_id and p.company_id = i.company_id
  where i.id = ${param('id', 'uuid')} and i.company_id = ${param('companyId', 'uuid')}`

const selectDependents = statement<{ id: string; companyId: string }, { id: string }>('dependents_waiting').read(dependentIds)

/**
 * (tx) The dependents of an issue: the issues that it blocks, and its parent. The caller locks their rows together with
 * the issue's own. Of two issues that close concurrently, the second then sees the first, and exactly one is the last.
 */
export async function dependentsOf(tx: Tx, companyId: string, id: string): Promise<string[]> {
  return (await tx.run(selectDependents, { id, companyId })).map((row) => row.id)
}

const lockThem = lockingRead(
  'issue',
  statement<{ id: string; ids: string[]; companyId: string }, LockedIssue>('dependents_lock').read(sql`
    select ${lockedIssueColumns} from ${issues}
    where id = any(array(select unnest(${param('ids', 'uuid[]')}) union ${dependentIds})) and company_id = ${param('companyId', 'uuid')}
    order by id for no key update`),
)

/**
 * (tx) Locks an issue together with its dependents and with other issues, by ascending id. A dependent that was added during a wait for
 * the locks is not among them: `dependentsOf` shows it to a statement behind this one.
 */
export const lockWithDependents = (tx: Tx, companyId: string, id: string, otherIds: readonly string[]): Promise<LockedIssue[]> =>
  lockThem(tx, { id, ids: [id, ...otherIds], companyId })

interface WakeTarget {
  readonly id: string
  readonly agentId: string
}

interface StatusChange {
  readonly from: IssueStatus
  readonly to: IssueStatus
}

const selectUnblocked = statement<{ id: string; companyId: string }, WakeTarget>('dependents_unblocked').read(sql`
  select i.id, i.assignee_agent_id as "agentId" from ${blockers} b join ${issues} i on i.id = b.blocked_issue_id
  where b.blocker_issue_id = ${param('id')} and i.company_id = ${param('companyId')}
    and i.assignee_agent_id is not null and not ${isClosedSql('i')}
    and not exists (select 1 from ${blockers} o join ${issues} n on n.id = o.blocker_issue_id
      where o.blocked_issue_id = i.id and not ${isClosedSql('n')})
  order by i.id limit ${sql.raw(String(MAX_DEPENDENTS))}`)

const selectCompletedParent = statement<{ id: string; companyId: string }, WakeTarget>('dependents_parent').read(sql`
  select p.id, p.assignee_agent_id as "agentId" from ${issues} i join ${issues} p on p.id = i.parent_id and p.company_id = i.company_id
  where i.id = ${param('id')} and i.company_id = ${param('companyId')}
    and p.assignee_agent_id is not null and not ${isClosedSql('p')}
    and not exists (select 1 from ${issues} c where c.parent_id = p.id and c.company_id = p.company_id and not ${isClosedSql('c')})`)

/**
 * (tx) Wakes the dependents of an issue whose status has changed: the assignee of each issue whose last unresolved
 * blocker it was, and of its parent when no child is open any more. Expects the rows of `dependentsOf` to be locked and
 * the new status to be written.
 */
export async function wakeDependents(tx: Tx, ctx: Ctx, id: string, { from, to }: StatusChange): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  const params = { id, companyId: companyOf(ctx) }
  const source = 'automation'
  if (isClosed(to) && !isClosed(from)) {
    for (const issue of await tx.run(selectUnblocked, params)) {
      const payload = { issueId: issue.id, resolvedBlockerIssueId: id, resolvedBlockerStatus: to }
      const wake = { agentId: issue.agentId, issueId: issue.id, source, reason: 'issue_blockers_resolved', payload } as const
      events.push(...(await enqueueWake(tx, ctx, wake)))
    }
  }
  if (isClosed(to) && !isClosed(from)) {
    for (const parent of await tx.run(selectCompletedParent, params)) {
      const payload = { issueId: parent.id, completedChildIssueId: id }
      const wake = { agentId: parent.agentId, issueId: parent.id, source, reason: 'issue_children_completed', payload } as const
      events.push(...(await enqueueWake(tx, ctx, wake)))
    }
  }
  return events
}

const selectUnblockedAmong = statement<{ ids: string[]; companyId: string }, WakeTarget>('dependents_free').read(sql`
  select i.id, i.assignee_agent_id as "agentId" from ${issues} i
  where i.id = any(${param('ids', 'uuid[]')}) and i.company_id = ${param('companyId')}
    and i.assignee_agent_id is not null and not ${isClosedSql('i')}
    and not exists (select 1 from ${blockers} o join ${issues} n on n.id = o.blocker_issue_id
      where o.blocked_issue_id = i.id and not ${isClosedSql('n')})
  order by i.id`)

const selectParentWithoutOpenChildren = statement<{ id: string; companyId: string }, WakeTarget>('dependents_childless').read(sql`
  select p.id, p.assignee_agent_id as "agentId" from ${issues} p
  where p.id = ${param('id')} and p.company_id = ${param('companyId')}
    and p.assignee_agent_id is not null and not ${isClosedSql('p')}
    and exists (select 1 from ${issues} c where c.parent_id = p.id and c.company_id = p.company_id)
    and not exists (select 1 from ${issues} c where c.parent_id = p.id and c.company_id = p.company_id and not ${isClosedSql('c')})`)

/**
 * (tx) Wakes the assignees of issues that lost blockers by a deletion or an edit, if nothing blocks them any more. The
 * acting agent is not woken. Expects the rows of the issues to be locked.
 */
export async function wakeUnblocked(tx: Tx, ctx: Ctx, ids: readonly string[]): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  if (ids.length === 0) return events
  const { actor } = ctx
  for (const issue of await tx.run(selectUnblockedAmong, { ids: [...ids], companyId: companyOf(ctx) })) {
    if (actor.kind === 'agent' && actor.agentId === issue.agentId) continue
    const payload = { issueId: issue.id }
    const wake = { agentId: issue.agentId, issueId: issue.id, source: 'automation', reason: 'issue_blockers_resolved', payload } as const
    events.push(...(await enqueueWake(tx, ctx, wake)))
  }
  return events
}

/** (tx) Wakes the assignee of an issue that lost an open child by a deletion, if its remaining children are all closed. */
export async function wakeParentOfDeleted(tx: Tx, ctx: Ctx, parentId: string): Promise<DomainEvent[]> {
  const events: DomainEvent[] = []
  for (const parent of await tx.run(selectParentWithoutOpenChildren, { id: parentId, companyId: companyOf(ctx) })) {
    const payload = { issueId: parent.id }
    const wake = { agentId: parent.agentId, issueId: parent.id, source: 'automation', reason: 'issue_children_completed', payload } as const
    events.push(...(await enqueueWake(tx, ctx, wake)))
  }
  return events
}
