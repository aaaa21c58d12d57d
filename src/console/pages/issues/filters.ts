// The filters of the list of issues. The address has them under the names of the API, so that each of the two explains the other.

import type { Query } from '../../api/client.ts'
import type { IssueItem } from '../../api/types.ts'
import { wordsOf } from '../../parts/Status.tsx'

export type IssueStatus = IssueItem['status']
export type IssuePriority = IssueItem['priority']

/** The statuses in the order of work. */
export const statuses = [
  'backlog',
  'todo',
  'in_progress',
  'in_review',
  'blocked',
  'done',
  'cancelled',
] as const satisfies readonly IssueStatus[]
export const openStatuses: readonly IssueStatus[] = statuses.filter((status) => status !== 'done' && status !== 'cancelled')
export const priorities = ['critical', 'high', 'medium', 'low'] as const satisfies readonly IssuePriority[]

/** The filters that the bar has a control for; the others stand in its drawer. */
const barNames = ['q', 'status', 'priority', 'assigneeAgentId', 'assigneeUserId', 'unassigned', 'projectId', 'labelId'] as const
export const drawerNames = [
  'parentId',
  'goalId',
  'createdByAgentId',
  'createdByUserId',
  'participantAgentId',
  'touchedByUserId',
  'unreadForUserId',
  'inboxArchivedByUserId',
  'originKind',
  'originId',
  'workspaceId',
  'executionWorkspaceId',
  'includeRoutineExecutions',
] as const
export const filterNames = [...barNames, ...drawerNames] as const

export type DrawerName = (typeof drawerNames)[number]
export type FilterName = (typeof filterNames)[number]
export type Filter = Readonly<Partial<Record<FilterName, string>>>

export type Layout = 'list' | 'board'

/** The filters that an address has. */
export const filterOf = (query: URLSearchParams): Filter =>
  Object.fromEntries(filterNames.flatMap((name) => (query.get(name) === null || query.get(name) === '' ? [] : [[name, query.get(name)]])))

export const layoutOf = (query: URLSearchParams): Layout => (query.get('layout') === 'board' ? 'board' : 'list')

/** One text for one set of filters and one layout, in whatever order the address has them. */
export function queryText(query: URLSearchParams): string {
  const filter = filterOf(query)
  const pairs = filterNames.flatMap((name) => (filter[name] === undefined ? [] : [[name, filter[name]]]))
  if (layoutOf(query) === 'board') pairs.push(['layout', 'board'])
  return new URLSearchParams(pairs).toString()
}

/** The fields of a row that the list shows or needs for a change of it; a description may be longer than a page of rows. */
export const rowFields = [
  'id',
  'identifier',
  'title',
  'status',
  'priority',
  'projectId',
  'assigneeAgentId',
  'assigneeUserId',
  'checkoutRunId',
  'executionRunId',
  'activeRun',
  'version',
  'updatedAt',
  'labels',
  'labelIds',
] as const satisfies readonly (keyof IssueItem)[]

/** A row of the list. */
export type IssueRow = Pick<IssueItem, (typeof rowFields)[number]>

/** The query of the API for filters. */
export const apiQuery = (filter: Filter): Query => ({ ...filter, fields: rowFields.join(',') })

/** The values of a filter that has several, such as `todo,done`. Others than the known ones are left out. */
export const valuesOf = <T extends string>(text: string | undefined, known: readonly T[]): readonly T[] =>
  text === undefined ? [] : known.filter((value) => text.split(',').includes(value))

/** Adds or removes one of several values. @returns null for none */
export function toggled<T extends string>(text: string | undefined, value: T, known: readonly T[]): string | null {
  const before = valuesOf(text, known)
  const after = known.filter((one) => (one === value ? !before.includes(one) : before.includes(one)))
  return after.length === 0 ? null : after.join(',')
}

/** The words on the control of a filter with several values. @param many the noun, such as "statuses" */
export function wordsOfValues<T extends string>(
  values: readonly T[],
  many: string,
  named: Readonly<Record<string, readonly T[]>> = {},
): string {
  const name = Object.entries(named).find(([, set]) => set.length === values.length && set.every((value) => values.includes(value)))?.[0]
  if (name !== undefined) return name
  return values.length === 1 ? wordsOf(values[0] ?? '') : `${values.length} ${many}`
}
