// Changes of many rows at once: which rows a change concerns, and what it makes of each.

import type { IssuePatch } from './data.ts'
import type { IssueRow } from './filters.ts'
import { assigneeOf, nameOfAssignee } from './names.ts'
import type { Names } from './names.ts'

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((id) => other.includes(id))

/** The differences between two states of a row, in words. */
export function changesBetween(before: IssueRow, now: IssueRow, names: Names): readonly string[] {
  return [
    ...(before.status === now.status ? [] : [`status ${now.status.replaceAll('_', ' ')}`]),
    ...(before.priority === now.priority ? [] : [`priority ${now.priority}`]),
    ...(assigneeOf(before) === assigneeOf(now) ? [] : [`assignee ${nameOfAssignee(assigneeOf(now), names) ?? 'none'}`]),
    ...(before.projectId === now.projectId ? [] : ['another project']),
    ...(before.title === now.title ? [] : [`title ${now.title}`]),
    ...(same(before.labelIds, now.labelIds) ? [] : ['other labels']),
  ]
}

/** A change of many rows: fields, and labels that each of them gets beside its own. */
export interface ManyChange {
  readonly patch: IssuePatch
  readonly addLabelIds?: readonly string[]
}

/** The change of one row; null where the row has all of it already. */
export function patchOf(row: IssueRow, { patch, addLabelIds = [] }: ManyChange): IssuePatch | null {
  const labelIds = [...new Set([...row.labelIds, ...addLabelIds])]
  const fields = { ...patch, ...(addLabelIds.length > 0 ? { labelIds } : {}) }
  const { comment: _, ...compared } = fields
  const differs = Object.entries(compared).some(([name, value]) =>
    name === 'labelIds' ? !same(row.labelIds, labelIds) : row[name as keyof IssueRow] !== value,
  )
  return differs ? fields : null
}

/** Whether a run holds the row and lives, as far as the row shows. */
export const isHeldAlive = ({ activeRun }: Pick<IssueRow, 'activeRun'>): boolean => activeRun !== null

/** Whether a change takes a row away from the run that holds it: a move out of progress, or to another assignee. */
const endsHold = (row: IssueRow, patch: IssuePatch): boolean =>
  (row.status === 'in_progress' && patch.status !== undefined && patch.status !== 'in_progress') ||
  (patch.assigneeAgentId !== undefined && patch.assigneeAgentId !== row.assigneeAgentId) ||
  (patch.assigneeUserId !== undefined && patch.assigneeUserId !== row.assigneeUserId)

/** The effect of a change of many rows. */
export interface ManyPlan {
  readonly rows: readonly IssueRow[]
  /** Rows that have it already and are left as they are. */
  readonly unchanged: number
  /** Rows of which a live run loses its hold. */
  readonly takenFromRuns: readonly IssueRow[]
}

/** Plans a change of many rows. */
export function planOf(rows: readonly IssueRow[], change: ManyChange): ManyPlan {
  const changed = rows.filter((row) => patchOf(row, change) !== null)
  return {
    rows: changed,
    unchanged: rows.length - changed.length,
    takenFromRuns: changed.filter((row) => isHeldAlive(row) && endsHold(row, change.patch)),
  }
}

const NAMED = 3

/** "ACM-1, ACM-2, ACM-3 and 9 more". */
export function firstOf(rows: readonly Pick<IssueRow, 'identifier'>[]): string {
  const first = rows.slice(0, NAMED).map(({ identifier }) => identifier)
  const more = rows.length - first.length
  return more > 0 ? `${first.join(', ')} and ${more} more` : first.join(', ')
}

/** "1 issue", "12 issues". */
export const issuesWord = (count: number): string => (count === 1 ? '1 issue' : `${count} issues`)
