import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { issueCounts, issueParticipants, issueTouches } from '../../model/issueFigures.ts'
import { issueLabels } from '../../model/issues.ts'
import { dynamicRead, param } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'

// Tables of their own name the issues of a person, an agent or a label: a condition over issues, comments and reading marks would be computed
// issue by issue. A list then reads all that are named and sorts them, or it goes through the index of its order until it has a page. The
// planner's statistics know neither how many are named nor that they come soon, so the numbers are read first (decision 0050).

const named = {
  createdByAgentId: () =>
    sql`select issue_id from ${issueParticipants} where agent_id = ${param('createdByAgentId', 'uuid')} and is_creator`,
  createdByUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('createdByUserId', 'text')} and is_creator`,
  participantAgentId: () => sql`select issue_id from ${issueParticipants} where agent_id = ${param('participantAgentId', 'uuid')}`,
  assigneeUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('assigneeUserId', 'text')} and is_assignee`,
  touchedByUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('touchedByUserId', 'text')}`,
  unreadForUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('unreadForUserId', 'text')} and is_unread`,
  labelId: () => sql`select issue_id from ${issueLabels} where label_id = ${param('labelId', 'uuid')}`,
} satisfies Record<string, () => SQL>

/** The filters that name the issues of a person, an agent or a label. */
export type NamingFilter = keyof typeof named
const namingFilters = Object.keys(named) as NamingFilter[]

/** More are not counted. */
const MOST_COUNTED = 12_000

/**
 * How a list uses a filter that names issues.
 * - `sort`: it reads all that are named and sorts them.
 * - `table`: it goes through its order, with the names in a table in memory.
 * - `lookUp`: it goes through its order and looks each issue up.
 */
export type NamedUse = 'sort' | 'table' | 'lookUp'
export type NamedUses = Readonly<Partial<Record<NamingFilter, NamedUse>>>

/** Microseconds, as measured at a million issues that are in memory. */
const SORT_US = 3
const TABLE_ENTRY_US = 0.3
const TABLE_STEP_US = 0.25
const LOOK_UP_STEP_US = 1.2
/** Issues that are named do not lie evenly in the order. */
const UNEVENNESS = 2

/** A filter that names issues, in a company. */
export interface NamedFacts {
  /** How many it names, at most `MOST_COUNTED + 1`. */
  readonly count: number
  /** The issues of the company. */
  readonly issues: number
  /** Issues before the end of the page, in all walks that are needed. */
  readonly wanted: number
}

/** Chooses the cheapest use of a filter that names issues. */
export function useOfNamed({ count, issues, wanted }: NamedFacts): NamedUse {
  const steps = Math.min(issues, (UNEVENNESS * wanted * issues) / Math.max(1, count))
  const [sort, lookUp] = [SORT_US * count, LOOK_UP_STEP_US * steps]
  const table = count > MOST_COUNTED ? Infinity : TABLE_ENTRY_US * count + TABLE_STEP_US * steps
  if (count <= MOST_COUNTED && sort <= Math.min(table, lookUp)) return 'sort'
  return table < lookUp ? 'table' : 'lookUp'
}

const atMost = (count: number): SQL => sql.raw(`limit ${count}`)

/** Of names that are too many to be looked up one by one, so many stand for all. */
const SAMPLE = 4000

/** The condition that an issue is named. @param use `sort`: the names lead the way */
export const isNamed = (filter: NamingFilter, use: NamedUse | undefined): SQL =>
  use === 'sort' ? isOneOf(filter, MOST_COUNTED) : sql`exists (${named[filter]()} and issue_id = "issues"."id")`

/** The same with the names that lead the way. It does not find all that are named when those are looked up otherwise. */
export const isNamedAmong = (filter: NamingFilter, use: NamedUse | undefined): SQL =>
  isOneOf(filter, use === 'lookUp' ? SAMPLE : MOST_COUNTED)

const isOneOf = (filter: NamingFilter, most: number): SQL => sql`"issues"."id" = any(array(${named[filter]()} ${atMost(most)}))`

/**
 * The same for an issue that a list comes to, in a form that the planner does not turn into a join. The limit says that the table fits into
 * the memory of a query: without one, the planner may go by another person's number of issues.
 * @param id of the issue
 */
export const isNamedInPassing = (filter: NamingFilter, use: NamedUse | undefined, id: SQL): SQL =>
  use === 'table'
    ? sql`${id} in (${named[filter]()} ${atMost(MOST_COUNTED)})`
    : sql`(select true from (${named[filter]()} and issue_id = ${id} limit 1) hit)`

const countNamed = dynamicRead<object, Record<string, number>>('issue_named')

/**
 * Reads how a list uses each of its filters that name issues.
 * @param params of the list; beside the filters the company
 * @param wanted issues before the end of the page, in all walks that are needed
 */
export async function usesOfNamed(db: ReadDb, filters: readonly string[], params: object, wanted: number): Promise<NamedUses> {
  const asked = namingFilters.filter((filter) => filters.includes(filter))
  if (asked.length === 0) return {}
  const counts = asked.map(
    (filter) => sql`(select count(*)::int from (${named[filter]()} ${atMost(MOST_COUNTED + 1)}) n) as ${sql.identifier(filter)}`,
  )
  const ofCompany = sql`(select coalesce(sum(issues), 0)::int from ${issueCounts} where company_id = ${param('companyId', 'uuid')}) as issues`
  const [row] = await db.run(
    countNamed(asked.join(), () => sql`select ${ofCompany}, ${sql.join(counts, sql`, `)}`),
    params,
  )
  const issues = row?.['issues'] ?? 0
  return Object.fromEntries(asked.map((filter) => [filter, useOfNamed({ count: row?.[filter] ?? 0, issues, wanted })]))
}
