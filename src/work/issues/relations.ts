import { sql } from 'drizzle-orm'
import { isClosedSql } from '../../model/issueStatus.ts'
import { blockers, issueLabels, issues } from '../../model/issues.ts'
import type { Tx } from '../../platform/db/types.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { blockersUpdated } from './events.ts'

const replaceLabels = statement<{ issueId: string; labelIds: string[] }, never>('issue_set_labels').write(sql`
  with removed as (delete from ${issueLabels} where issue_id = ${param('issueId', 'uuid')} and label_id <> all(${param('labelIds', 'uuid[]')}))
  insert into ${issueLabels} (issue_id, label_id) select ${param('issueId', 'uuid')}, unnest(${param('labelIds', 'uuid[]')})
  on conflict do nothing`)

/** (tx) Replaces the labels of an issue. */
export const setLabels = async (tx: Tx, issueId: string, labelIds: readonly string[]): Promise<void> =>
  void (await tx.run(replaceLabels, { issueId, labelIds: [...new Set(labelIds)] }))

const insertLabelRows = statement<{ issueIds: string[]; labelIds: string[] }, never>('issue_insert_labels').write(sql`
  insert into ${issueLabels} (issue_id, label_id)
  select * from unnest(${param('issueIds', 'uuid[]')}, ${param('labelIds', 'uuid[]')})`)

/** (tx) Sets the labels of any number of issues, which the transaction has inserted, in one statement. */
export async function insertLabelsOf(
  tx: Tx,
  issues: readonly { readonly id: string; readonly labelIds: readonly string[] }[],
): Promise<void> {
  const rows = issues.flatMap(({ id, labelIds }) => [...new Set(labelIds)].map((labelId) => ({ id, labelId })))
  if (rows.length > 0) await tx.run(insertLabelRows, { issueIds: rows.map(({ id }) => id), labelIds: rows.map(({ labelId }) => labelId) })
}

// True when one of the new blockers waits, directly or indirectly, for the issue itself.
const detectBlockerCycle = statement<{ issueId: string; blockerIds: string[] }, { cycles: boolean }>('issue_blocker_cycle').read(sql`
  with recursive waits as (
    select unnest(${param('blockerIds', 'uuid[]')}) as id
    union
    select b.blocker_issue_id from waits join ${blockers} b on b.blocked_issue_id = waits.id)
  select exists (select 1 from waits where id = ${param('issueId', 'uuid')}) as cycles`)

const writeBlockers = statement<{ issueId: string; blockerIds: string[] }, never>('issue_set_blockers').write(sql`
  with removed as (delete from ${blockers} where blocked_issue_id = ${param('issueId', 'uuid')} and blocker_issue_id <> all(${param('blockerIds', 'uuid[]')}))
  insert into ${blockers} (blocked_issue_id, blocker_issue_id) select ${param('issueId', 'uuid')}, unnest(${param('blockerIds', 'uuid[]')})
  on conflict do nothing`)

/**
 * (tx) Replaces the blockers of an issue. Expects the company's row lock: two concurrent changes, each without a cycle,
 * could close one together.
 * @throws Refusal `unprocessable` when the issue would wait for itself
 */
async function setBlockers(tx: Tx, issueId: string, blockerIds: readonly string[]): Promise<void> {
  const ids = [...new Set(blockerIds)]
  if (ids.includes(issueId)) refuse('unprocessable', { message: 'Issue cannot be blocked by itself' })
  const [row] = await tx.run(detectBlockerCycle, { issueId, blockerIds: ids })
  if (row?.cycles === true) refuse('unprocessable', { message: 'Blocking relations cannot contain cycles' })
  await tx.run(writeBlockers, { issueId, blockerIds: ids })
}

const blockersOf = statement<{ issueId: string }, { id: string }>('issue_blocker_ids').read(sql`
  select blocker_issue_id as id from ${blockers} where blocked_issue_id = ${param('issueId')} order by blocker_issue_id`)

/**
 * (tx) Replaces the blockers of an issue. Expects the company's row lock, and the rows of the new blockers locked with the
 * issue's own: a blocker could otherwise be done before the commit and would find no dependent to wake.
 * @returns the event of the change; none when the blockers are the same
 * @throws Refusal `unprocessable` when the issue would wait for itself
 */
export async function replaceBlockersOf(
  tx: Tx,
  issue: { readonly id: string; readonly identifier: string },
  blockerIds: readonly string[],
): Promise<DomainEvent[]> {
  const before = (await tx.run(blockersOf, { issueId: issue.id })).map((row) => row.id)
  const after = [...new Set(blockerIds)]
  await setBlockers(tx, issue.id, after)
  const added = after.filter((id) => !before.includes(id))
  const removed = before.filter((id) => !after.includes(id))
  if (added.length + removed.length === 0) return []
  const blockerChanges = { blockedByIssueIds: after, addedBlockedByIssueIds: added, removedBlockedByIssueIds: removed }
  return [blockersUpdated(issue.id, { identifier: issue.identifier, ...blockerChanges })]
}

/** An issue that the transaction has inserted, and the inserted issues that block it. */
export interface NewBlockers {
  readonly id: string
  readonly identifier: string
  readonly blockerIds: readonly string[]
}

/** Whether issues wait for each other in a circle. Linear in the number of relations. */
function containsCycle(issues: readonly NewBlockers[]): boolean {
  const waitingFor = new Map(issues.map(({ id, blockerIds }) => [id, blockerIds.length]))
  const dependents = new Map<string, string[]>()
  for (const { id, blockerIds } of issues)
    for (const blockerId of blockerIds) {
      const known = dependents.get(blockerId)
      if (known === undefined) dependents.set(blockerId, [id])
      else known.push(id)
    }
  const free = [...dependents.keys()].filter((id) => !waitingFor.has(id))
  for (let next = free.pop(); next !== undefined; next = free.pop())
    for (const id of dependents.get(next) ?? []) {
      const left = (waitingFor.get(id) ?? 0) - 1
      if (left > 0) waitingFor.set(id, left)
      else if (waitingFor.delete(id)) free.push(id)
    }
  return waitingFor.size > 0
}

const insertBlockerRows = statement<{ blockedIds: string[]; blockerIds: string[] }, never>('issue_insert_blockers').write(sql`
  insert into ${blockers} (blocked_issue_id, blocker_issue_id)
  select * from unnest(${param('blockedIds', 'uuid[]')}, ${param('blockerIds', 'uuid[]')})`)

/**
 * (tx) Sets the blockers of any number of issues in one statement. The transaction has inserted all of them, blockers as
 * well, so no other transaction sees them and no row needs a lock.
 * @returns an event for each issue that has blockers
 * @throws Refusal `unprocessable` when issues would wait for each other in a circle
 */
export async function insertBlockers(tx: Tx, issues: readonly NewBlockers[]): Promise<DomainEvent[]> {
  const blocked = issues
    .map(({ id, identifier, blockerIds }) => ({ id, identifier, blockerIds: [...new Set(blockerIds)] }))
    .filter(({ blockerIds }) => blockerIds.length > 0)
  if (blocked.length === 0) return []
  if (containsCycle(blocked)) refuse('unprocessable', { message: 'Blocking relations cannot contain cycles' })
  await tx.run(insertBlockerRows, {
    blockedIds: blocked.flatMap(({ id, blockerIds }) => blockerIds.map(() => id)),
    blockerIds: blocked.flatMap(({ blockerIds }) => blockerIds),
  })
  return blocked.map(({ id, identifier, blockerIds }) =>
    blockersUpdated(id, { identifier, blockedByIssueIds: blockerIds, addedBlockedByIssueIds: blockerIds, removedBlockedByIssueIds: [] }),
  )
}

const detectParentCycle = statement<{ issueId: string; parentId: string }, { cycles: boolean }>('issue_parent_cycle').read(sql`
  with recursive up as (
    select ${param('parentId', 'uuid')} as id
    union
    select i.parent_id from up join ${issues} i on i.id = up.id where i.parent_id is not null)
  select exists (select 1 from up where id = ${param('issueId', 'uuid')}) as cycles`)

/** (tx) Refuses a parent that descends from the issue. Expects the company's row lock. @throws Refusal `unprocessable` */
export async function requireNoParentCycle(tx: Tx, issueId: string, parentId: string): Promise<void> {
  const [row] = await tx.run(detectParentCycle, { issueId, parentId })
  if (row?.cycles === true) refuse('unprocessable', { message: 'Issue cannot be its own ancestor' })
}

const selectIsRelated = statement<{ issueId: string }, { isRelated: boolean }>('issue_is_related').read(sql`
  select exists (select from ${issueLabels} where issue_id = ${param('issueId', 'uuid')})
    or exists (select from ${blockers} where blocked_issue_id = ${param('issueId', 'uuid')})
    or exists (select from ${blockers} where blocker_issue_id = ${param('issueId', 'uuid')}) as "isRelated"`)

/** (tx) Whether an issue has labels, blockers, or issues that it blocks. Nothing but another issue that begins to wait for it is added under its row lock. */
export const isRelated = async (tx: Tx, issueId: string): Promise<boolean> =>
  (await tx.run(selectIsRelated, { issueId }))[0]?.isRelated === true

const unresolvedBlockers = statement<{ issueId: string }, { id: string }>('issue_unresolved_blockers').read(sql`
  select b.blocker_issue_id as id from ${blockers} b join ${issues} i on i.id = b.blocker_issue_id
  where b.blocked_issue_id = ${param('issueId')} and not ${isClosedSql('i')} order by b.blocker_issue_id`)

/** (tx) True when a blocker of the issue is not done. */
export const isBlocked = async (tx: Tx, issueId: string): Promise<boolean> => (await tx.run(unresolvedBlockers, { issueId })).length > 0

/** (tx) Refuses work on an issue while one of its blockers is not done. @throws Refusal `issue_blocked` */
export async function requireUnblocked(tx: Tx, issueId: string): Promise<void> {
  const blockerRows = await tx.run(unresolvedBlockers, { issueId })
  if (blockerRows.length > 0) refuse('issue_blocked', { details: { unresolvedBlockerIssueIds: blockerRows.map((row) => row.id) } })
}
