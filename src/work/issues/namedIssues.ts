import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { issueParticipants, issueTouches } from '../../model/issueFigures.ts'
import { dynamicRead, param } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'

// Tables of their own name the issues of a person or an agent: a condition over issues, comments and reading marks would be computed issue by
// issue. When they name few issues, a list reads those and sorts them. When they name many, it reads issues in its order, and has a page
// soon. The planner's statistics do not know which is better for the issues that stand last in the order.

const named = {
  createdByAgentId: () =>
    sql`select issue_id from ${issueParticipants} where agent_id = ${param('createdByAgentId', 'uuid')} and is_creator`,
  createdByUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('createdByUserId', 'text')} and is_creator`,
  participantAgentId: () => sql`select issue_id from ${issueParticipants} where agent_id = ${param('participantAgentId', 'uuid')}`,
  assigneeUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('assigneeUserId', 'text')} and is_assignee`,
  touchedByUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('touchedByUserId', 'text')}`,
  unreadForUserId: () => sql`select issue_id from ${issueTouches} where user_id = ${param('unreadForUserId', 'text')} and is_unread`,
} satisfies Record<string, () => SQL>

/** The filters that name a person or an agent. */
export type NamingFilter = keyof typeof named
const namingFilters = Object.keys(named) as NamingFilter[]

/** The most issues that are read and sorted: about 15 ms. */
const FEW = 4000

/** The condition that an issue is named. @param areFew whether the names lead the way */
export const isNamed = (filter: NamingFilter, areFew: boolean): SQL =>
  areFew ? sql`"issues"."id" = any(array(${named[filter]()}))` : sql`exists (${named[filter]()} and issue_id = "issues"."id")`

const countNamed = dynamicRead<object, Record<string, number>>('issue_named')

/** Reads which of the filters of a list name few issues. */
export async function filtersOfFew(db: ReadDb, filters: readonly string[], params: object): Promise<NamingFilter[]> {
  const asked = namingFilters.filter((filter) => filters.includes(filter))
  if (asked.length === 0) return []
  const counts = asked.map(
    (filter) => sql`(select count(*)::int from (${named[filter]()} limit ${sql.raw(String(FEW + 1))}) n) as ${sql.identifier(filter)}`,
  )
  const [row] = await db.run(
    countNamed(asked.join(), () => sql`select ${sql.join(counts, sql`, `)}`),
    params,
  )
  return asked.filter((filter) => (row?.[filter] ?? 0) <= FEW)
}
