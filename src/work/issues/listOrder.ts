import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { issues } from '../../model/issues.ts'
import { param } from '../../platform/db/statement.ts'
import { isNamedInPassing } from './namedIssues.ts'
import type { NamedUses, NamingFilter } from './namedIssues.ts'

// The order of the list is priority, then latest activity: it is in indexes of the company, the status, the project and the assignee, in each
// behind the status or without it. One scan of an index has the order for one status only (decision 0050).

/**
 * The way in which a list finds its page.
 * - `plain`: one statement, whose way the planner chooses.
 * - `legs`: a scan of an index for each status, and after a cursor for each priority; the first issues of all of them are merged.
 * - `walk`, `walkLegs`: the same without and with statuses, past many issues that a filter does not name. It looks at the index alone, and
 *   reads only the issues that are named.
 */
export type ListForm = 'plain' | 'legs' | 'walk' | 'walkLegs'

/** Filters behind whose index the order of the list comes, and those that leave most issues in it. */
const ordered = new Set(['status', 'priority', 'assigneeAgentId', 'projectId', 'inboxArchivedByUserId', 'includeRoutineExecutions'])
/** A page that lies deeper is read by one scan, because each leg would have to go as deep. */
const MAX_LEG_DEPTH = 2000
/** Of more statuses, one walk through all of them comes to a page sooner than a walk for each. */
const MAX_WALKED_STATUSES = 4

const hasWalkForEach = (statuses: number): boolean => statuses > 0 && statuses <= MAX_WALKED_STATUSES

/** How many walks find a page of so many statuses; 0: of every status. */
export const walksOf = (statuses: number): number => (hasWalkForEach(statuses) ? statuses : 1)

interface ListFacts {
  readonly filters: readonly string[]
  readonly named: NamedUses
  readonly after: boolean
  /** How many issues are before the end of the page. */
  readonly depth: number
  /** How many statuses are asked for. */
  readonly statuses: number
}

/**
 * The whole rows of found ids, under the name of the table. A subquery with an `offset` stays one look-up for each id, however many those are:
 * the planner would rather read a table of medium size as a whole.
 * @param found a select with `id`
 */
export const rowsOf = (found: SQL): SQL =>
  sql`(${found}) page cross join lateral (select * from ${issues} i where i.id = page.id offset 0) "issues"`

/** Chooses the way in which a list finds its page. */
export function formOfList({ filters, named, after, depth, statuses }: ListFacts): ListForm {
  if (filters.includes('q') || depth > MAX_LEG_DEPTH) return 'plain'
  const uses = Object.values(named)
  if (uses.includes('sort')) return 'plain'
  if (uses.length > 0) return hasWalkForEach(statuses) ? 'walkLegs' : 'walk'
  const hasIndex = after || ['status', 'assigneeAgentId', 'projectId'].some((key) => filters.includes(key))
  return hasIndex && filters.every((key) => ordered.has(key)) ? 'legs' : 'plain'
}

interface ListShape {
  readonly filters: readonly string[]
  readonly named: NamedUses
  readonly form: ListForm
  readonly after: boolean
  /** The rows of a first page of a usual size, which then stand in the text: Postgres expects a tenth of the table behind an unknown limit. */
  readonly rows: number | null
  /** The page is found in the same way for all values, so it is planned once. */
  readonly isOneWay: boolean
}

const filtersOfAgent = new Set(['status', 'assigneeAgentId', 'includeRoutineExecutions'])

/**
 * Whether one index finds the first page of a list in order, whatever the values of its filters are: the issues of an agent. Those of a status, for example,
 * are not such a list: where there are very many small companies, a plan for all values sorts the whole status of a large one.
 */
export const isListOfAgent = (filters: readonly string[]): boolean =>
  filters.includes('assigneeAgentId') && filters.every((key) => filtersOfAgent.has(key))

/** The condition that a row comes after the cursor. The rank stands alone as well, so that an index begins there. */
export const positionAfter = (row: SQL): SQL => sql`(${row}."priority_rank" >= ${param('atRank', 'smallint')}
  and (${row}."priority_rank" > ${param('atRank', 'smallint')} or (${row}."updated_at", ${row}."id") < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})))`

const orderOf = (row: SQL): SQL => sql`order by ${row}."priority_rank", ${row}."updated_at" desc, ${row}."id" desc`

const sortColumns = (row: SQL): SQL => sql`${row}."id", ${row}."priority_rank", ${row}."updated_at"`

const pageLimit = sql`limit ${param('limit', 'int')} offset ${param('offset', 'int')}`

const allOf = (where: readonly SQL[]): SQL => sql.join([...where], sql` and `)

const legsOf = (legs: SQL, leg: SQL, legLimit = sql`limit ${param('depth', 'int')}`, limit = pageLimit): SQL =>
  sql`select ${sortColumns(sql`listed`)} from ${legs} cross join lateral (${leg} ${legLimit}) listed ${orderOf(sql`listed`)} ${limit}`

const statusLegs = sql`unnest(${param('legStatuses', 'text[]')}) as leg (status)`

/**
 * A select of the ids of a page, with what orders them.
 * @param where the conditions of the list, on the table `issues`
 */
export function listedIds(shape: ListShape, where: readonly SQL[]): SQL {
  const limit = shape.rows === null ? pageLimit : sql.raw(`limit ${shape.rows}`)
  if (shape.isOneWay) return idsOfAgent(where, limit)
  const row = sql`"issues"`
  if (shape.form === 'plain') {
    const conditions = shape.after ? [...where, positionAfter(row)] : where
    return sql`select ${sortColumns(row)} from ${issues} where ${allOf(conditions)} ${orderOf(row)} ${limit}`
  }
  if (shape.form !== 'legs') return walkedIds(shape, where)
  const byStatus = shape.filters.some((key) => ['status', 'assigneeAgentId', 'projectId'].includes(key))
  const legs = [
    ...(byStatus ? [statusLegs] : []),
    ...(shape.after ? [sql`unnest(${param('legRanks', 'smallint[]')}) as leg_rank (rank)`] : []),
  ]
  const conditions = [
    ...where,
    ...(byStatus ? [sql`"issues"."status" = leg.status`] : []),
    // With the rank equal, the index begins at the cursor.
    ...(shape.after
      ? [
          sql`"issues"."priority_rank" = leg_rank.rank and ("issues"."updated_at", "issues"."id") <
          (case when leg_rank.rank = ${param('atRank', 'smallint')} then ${param('atTime', 'timestamptz')} else 'infinity' end, ${param('atId', 'uuid')})`,
        ]
      : []),
  ]
  return legsOf(
    sql.join(legs, sql` cross join `),
    sql`select ${sortColumns(row)} from ${issues} where ${allOf(conditions)} ${orderOf(row)}`,
  )
}

/**
 * The condition that an issue is of the company, in a form of which the planner expects that nearly all issues meet it, and by which it finds none: where
 * it expects the few issues of a usual company, it reads all of a large one. For a statement that finds its issues in another way.
 */
export const isInCompany = sql`case when "issues"."company_id" = ${param('companyId', 'uuid')} then 1 else 0 end <> 0`

/** The ids of the first page of an agent, from the index of agents. @param where the conditions without those of the index */
function idsOfAgent(where: readonly SQL[], limit: SQL): SQL {
  const row = sql`"issues"`
  const leg = sql`select ${sortColumns(row)} from ${issues} where ${allOf(where)}
    and "issues"."assignee_agent_id" = ${param('assigneeAgentId', 'uuid')} and "issues"."status" = leg.status ${orderOf(row)}`
  return legsOf(statusLegs, leg, limit, limit)
}

/** The ids of a page, past issues that a filter does not name. */
function walkedIds({ form, named, after }: ListShape, where: readonly SQL[]): SQL {
  const walked = sql`walked`
  const isNamed = (Object.keys(named) as NamingFilter[]).map((filter) => isNamedInPassing(filter, named[filter], sql`walked."id"`))
  // In this order: only an issue that is named is read. As a scalar, because an `exists` may be made from all issues at once.
  const isListed = sql`case when ${allOf(isNamed)} then (select true from ${issues} where "issues"."id" = walked."id" and ${allOf(where)} limit 1) end`
  const conditions = [
    sql`walked."company_id" = ${param('companyId', 'uuid')} and walked."hidden_at" is null`,
    ...(form === 'walkLegs' ? [sql`walked."status" = leg.status`] : []),
    ...(after ? [positionAfter(walked)] : []),
    sql`walked."priority_rank" between ${param('firstRank', 'smallint')} and ${param('lastRank', 'smallint')}`,
    isListed,
  ]
  const walk = sql`select ${sortColumns(walked)} from ${issues} walked where ${allOf(conditions)} ${orderOf(walked)}`
  return form === 'walkLegs' ? legsOf(statusLegs, walk) : sql`${walk} ${pageLimit}`
}
