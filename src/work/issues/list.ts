import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import { documents } from '../../model/documents.ts'
import { comments, inboxArchives, issues, readStates } from '../../model/issues.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import type { RawRow } from '../../platform/db/rawRows.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import type { PageDb, ReadDb } from '../../platform/db/types.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { JsonText } from '../../platform/kernel/jsonText.ts'
import { decodeCursor, DEFAULT_LIMIT, mapPage, toPage, usualLimits } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { formOfList, isInCompany, isListOfAgent, listedIds, positionAfter, rowsOf, walksOf } from './listOrder.ts'
import type { ListForm } from './listOrder.ts'
import { isNamed, isNamedAmong, usesOfNamed } from './namedIssues.ts'
import type { NamedUse, NamedUses, NamingFilter } from './namedIssues.ts'
import { listedColumns, rowsOfPerson, usualRows, withRun } from './listRows.ts'
import type { IssueListRow } from './listRows.ts'
import { prepareSearch, searchCandidates } from './searchCandidates.ts'
import { issuePriorities, issueStatus } from '../../model/issueStatus.ts'
import type { IssuePriority, IssueStatus } from '../../model/issueStatus.ts'

/** The filters of the list of issues. An issue must match all of them. */
export interface IssueFilter {
  readonly status?: readonly IssueStatus[] | undefined
  readonly priority?: readonly IssuePriority[] | undefined
  readonly assigneeAgentId?: string | undefined
  /** Neither an agent nor a person is the assignee. */
  readonly unassigned?: boolean | undefined
  readonly createdByAgentId?: string | undefined
  readonly createdByUserId?: string | undefined
  /** The agent created the issue, is or was its assignee, commented on it, or has an audit row about it. */
  readonly participantAgentId?: string | undefined
  readonly assigneeUserId?: string | undefined
  /** The person created the issue, is its assignee, commented on it, or read it. */
  readonly touchedByUserId?: string | undefined
  /** Leaves out the issues that the person archived after the last activity; the rest is the person's inbox. */
  readonly inboxArchivedByUserId?: string | undefined
  /** The person touched the issue, and another author commented on it after that. */
  readonly unreadForUserId?: string | undefined
  readonly projectId?: string | undefined
  readonly goalId?: string | undefined
  readonly executionWorkspaceId?: string | undefined
  /** A workspace of the project or of the execution. */
  readonly workspaceId?: string | undefined
  readonly parentId?: string | undefined
  readonly labelId?: string | undefined
  readonly originKind?: string | undefined
  readonly originId?: string | undefined
  readonly includeRoutineExecutions?: boolean | undefined
  /** Words, each of which is in title, identifier, description or a comment. */
  readonly q?: string | undefined
}

/** The filters as a request spells them: with other names of two of them. */
interface RequestedFilter extends IssueFilter {
  readonly search?: string | undefined
  readonly [hint: `include${string}`]: boolean | undefined
}

/** Replaces `me` by the acting person. @throws Refusal `forbidden` for an agent */
export function resolveMe(requested: RequestedFilter, actor: Actor): IssueFilter {
  const { search, ...filter } = requested
  const userFilters = ['assigneeUserId', 'createdByUserId', 'touchedByUserId', 'inboxArchivedByUserId', 'unreadForUserId'] as const
  const resolved = userFilters.flatMap((key) => {
    if (filter[key] !== 'me') return []
    if (actor.kind !== 'board') return refuse('forbidden', { message: `${key}=me requires board authentication` })
    return [[key, actor.userId] as const]
  })
  const q = [filter.q, search].filter((text) => text !== undefined).join(' ')
  return { ...filter, ...Object.fromEntries(resolved), q: q === '' ? undefined : q }
}

const bind = param

/** The time at which a person last created, commented on, or read the issue. */
const lastTouchAt = (user: SQL): SQL => sql`greatest(
  (select max(c.created_at) from ${comments} c where c.issue_id = "issues"."id" and c.author_user_id = ${user}),
  (select s.last_read_at from ${readStates} s where s.issue_id = "issues"."id" and s.user_id = ${user}),
  case when "issues"."created_by_user_id" = ${user} then "issues"."created_at" end)`

const lastExternalComment = (user: SQL): SQL => sql`(select max(c.created_at) from ${comments} c
  where c.issue_id = "issues"."id" and c.author_user_id is distinct from ${user})`

const isUnread = (user: SQL): SQL =>
  sql`coalesce(${lastExternalComment(user)} > coalesce(${lastTouchAt(user)}, '-infinity'::timestamptz), false)`

type FilterName = keyof IssueFilter

/** The condition of each filter. The parameter has the filter's name. @param use how the list uses a filter that names issues */
const conditions: Record<FilterName, (use?: NamedUse) => SQL> = {
  status: () => sql`"issues"."status" = any(${bind('status', 'text[]')})`,
  // The range is for the index, which begins with the rank.
  priority: () => sql`"issues"."priority" = any(${bind('priority', 'text[]')})
    and "issues"."priority_rank" between ${bind('firstRank', 'smallint')} and ${bind('lastRank', 'smallint')}`,
  assigneeAgentId: () => sql`"issues"."assignee_agent_id" = ${bind('assigneeAgentId', 'uuid')}`,
  unassigned: () => sql`"issues"."assignee_agent_id" is null and "issues"."assignee_user_id" is null`,
  createdByAgentId: (use) => isNamed('createdByAgentId', use),
  createdByUserId: (use) => isNamed('createdByUserId', use),
  participantAgentId: (use) => isNamed('participantAgentId', use),
  assigneeUserId: (use) => isNamed('assigneeUserId', use),
  touchedByUserId: (use) => isNamed('touchedByUserId', use),
  inboxArchivedByUserId: () => sql`not exists (select 1 from ${inboxArchives} a where a.issue_id = "issues"."id"
    and a.user_id = ${bind('inboxArchivedByUserId', 'text')} and a.archived_at >= "issues"."updated_at")`,
  unreadForUserId: (use) => isNamed('unreadForUserId', use),
  projectId: () => sql`"issues"."project_id" = ${bind('projectId', 'uuid')}`,
  goalId: () => sql`"issues"."goal_id" = ${bind('goalId', 'uuid')}`,
  workspaceId: () => sql`("issues"."project_workspace_id" = ${bind('workspaceId', 'uuid')}
    or "issues"."execution_workspace_id" = ${bind('workspaceId', 'uuid')})`,
  executionWorkspaceId: () => sql`"issues"."execution_workspace_id" = ${bind('executionWorkspaceId', 'uuid')}`,
  parentId: () => sql`"issues"."parent_id" = ${bind('parentId', 'uuid')}`,
  labelId: (use) => isNamed('labelId', use),
  originKind: () => sql`"issues"."origin_kind" = ${bind('originKind', 'text')}`,
  originId: () => sql`"issues"."origin_id" = ${bind('originId', 'text')}`,
  includeRoutineExecutions: () => sql`true`,
  q: () => sql`not exists (select 1 from unnest(${bind('words', 'text[]')}) as word where not (
    "issues"."title" ilike word or "issues"."identifier" ilike word or coalesce("issues"."description", '') ilike word
    or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.body ilike word)
    or exists (select 1 from ${documents} d where d.issue_id = "issues"."id" and (d.body ilike word or d.title ilike word))))`,
}

/** The rank of a match with `q`: the identifier itself, start of the title, title, start of the identifier, identifier, description, elsewhere. */
const matchRank = sql`case when "issues"."identifier" = ${bind('askedIdentifier', 'text')} then 0
  when "issues"."title" ilike ${bind('prefix', 'text')} then 1 when "issues"."title" ilike all(${bind('words', 'text[]')}) then 2
  when "issues"."identifier" ilike ${bind('prefix', 'text')} then 3 when "issues"."identifier" ilike all(${bind('words', 'text[]')}) then 4
  when "issues"."description" ilike all(${bind('words', 'text[]')}) then 5 else 6 end`

interface ListParams extends Record<string, unknown> {
  companyId: string
  limit: number
}

/** The order has two directions (priority up, activity down), so it is not a `keyset`. */
const cursorSchema = z.tuple([z.int(), z.int(), z.iso.datetime(), z.uuid()])

const listStatement = dynamicRead<ListParams, RawRow>('issue_list', true)

interface QueryShape {
  readonly filters: readonly FilterName[]
  readonly named: NamedUses
  readonly form: ListForm
  readonly after: boolean
  readonly offset: boolean
  readonly me: boolean
  /** As in `listedIds`. */
  readonly rows: number | null
  /** As in `listedIds`. */
  readonly isOneWay: boolean
}

/** Whether a search has no other filter. */
const isSearchAlone = (filters: readonly FilterName[]): boolean => filters.every((key) => key === 'q' || key === 'includeRoutineExecutions')

const isOfCompany = sql`"issues"."company_id" = ${bind('companyId', 'uuid')}`

/** The conditions of every list, and those of the filters but the search. @param lead by what issues are found, if not by their ids */
function conditionsOf({ filters, named, isOneWay }: QueryShape, lead: 'ids' | 'names' | 'filters'): SQL[] {
  const where = [lead === 'ids' || isOneWay ? isInCompany : isOfCompany, sql`"issues"."hidden_at" is null`]
  const includesRoutines = filters.some((key) => ['originKind', 'originId', 'includeRoutineExecutions'].includes(key))
  if (!includesRoutines) where.push(sql`"issues"."origin_kind" <> 'routine_execution'`)
  // The index of a page that is planned once has its filters.
  for (const key of isOneWay ? [] : filters) {
    if (key === 'q') continue
    const use = named[key as NamingFilter]
    where.push(lead === 'names' && use !== undefined ? isNamedAmong(key as NamingFilter, use) : conditions[key](use))
  }
  return where
}

const columnsFor = ({ me }: QueryShape): SQL =>
  me
    ? sql`${listedColumns}, ${lastTouchAt(bind('me', 'text'))}, ${lastExternalComment(bind('me', 'text'))}, ${isUnread(bind('me', 'text'))}`
    : listedColumns

const listOrder = sql`"issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc`

// The order needs few columns. So the issues of the page are found by their ids, and only those are read whole.
const listSql = (shape: QueryShape): SQL => sql`select ${columnsFor(shape)}
  from ${rowsOf(listedIds(shape, conditionsOf(shape, 'filters')))} ${withRun} order by ${listOrder}`

function searchSql(shape: QueryShape): SQL {
  const where = conditionsOf(shape, 'ids')
  const isFiltered = !isSearchAlone(shape.filters)
  const filtered = isFiltered ? sql.join(conditionsOf(shape, 'names'), sql` and `) : null
  // More names than are counted are too many to be looked up one by one.
  const areMany = Object.values(shape.named).includes('lookUp')
  where.push(sql`"issues"."id" = any(${searchCandidates(sql.join(where, sql` and `), filtered, areMany)})`, conditions.q())
  if (shape.after)
    where.push(
      sql`${matchRank} >= ${bind('atMatch', 'int')} and (${matchRank} > ${bind('atMatch', 'int')} or ${positionAfter(sql`"issues"`)})`,
    )
  const limit = shape.rows === null ? bind('limit', 'int') : sql.raw(String(shape.rows))
  return sql`select ${columnsFor(shape)}, ${matchRank} as "sortMatch" from ${issues} ${withRun} where ${sql.join(where, sql` and `)}
    order by "sortMatch", ${listOrder} limit ${limit} ${shape.offset ? sql`offset ${bind('offset', 'int')}` : sql``}`
}

const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, (char) => `\\${char}`)

/** A page by cursor, or by counting: `page` begins at 1. */
interface IssuePageRequest extends PageRequest {
  readonly offset?: number | undefined
  readonly page?: number | undefined
}

/**
 * The issues of a company in the order of the list: with `q` by the rank of the match, then by priority, then by latest
 * activity. Hidden issues are left out, and so are executions of routines unless a filter asks for them.
 */
export async function listIssues(
  db: ReadDb & PageDb,
  companyId: string,
  requested: IssueFilter,
  page: IssuePageRequest,
): Promise<Page<JsonText<IssueListRow>>> {
  const asked = (requested.q ?? '').trim()
  const text = escapeLike(asked)
  const filter = { ...requested, q: text === '' ? undefined : text }
  const filters = (Object.keys(conditions) as FilterName[]).filter((key) => filter[key] !== undefined && filter[key] !== false)
  const cursor = page.after === undefined ? null : decodeCursor(page.after, cursorSchema)
  const me = filter.touchedByUserId ?? filter.unreadForUserId ?? filter.inboxArchivedByUserId
  const limit = page.limit ?? DEFAULT_LIMIT
  const offset = page.offset ?? ((page.page ?? 1) - 1) * limit
  const [after, depth, statuses] = [cursor !== null, limit + 1 + offset, filter.status?.length ?? 0]
  const named = await usesOfNamed(db, filters, { ...filter, companyId }, depth * walksOf(statuses))
  const form = formOfList({ filters, named, after, depth, statuses })
  const isUsual = cursor === null && offset === 0 && usualLimits.has(limit)
  const search = text === '' ? null : await prepareSearch(db, companyId, asked.split(/\s+/))
  // A search for signs looks through the beginning of the list.
  const isOneWay = isUsual && (search === null ? isListOfAgent(filters) : isSearchAlone(filters) && !search.isWithoutWords)
  const rows = isOneWay || (isUsual && filters.length === 0) ? limit + 1 : null
  const shape: QueryShape = { filters, named, form, after, offset: offset > 0, me: me !== undefined, rows, isOneWay }
  const ranks = (filter.priority ?? issuePriorities).map((priority) => issuePriorities.indexOf(priority))
  const found = await db.runPage(
    listStatement(JSON.stringify(shape), () => (text === '' ? listSql(shape) : searchSql(shape)), isOneWay ? 'once' : 'for the values'),
    {
      ...filter,
      ...search,
      companyId,
      limit: limit + 1,
      offset,
      depth,
      legStatuses: filter.status ?? issueStatus.statuses,
      legRanks: ranks.filter((rank) => rank >= (cursor?.[1] ?? 0)),
      firstRank: Math.min(...ranks),
      lastRank: Math.max(...ranks),
      words: text.split(/\s+/).map((word) => `%${word}%`),
      prefix: `${text}%`,
      me,
      atMatch: cursor?.[0],
      atRank: cursor?.[1],
      atTime: cursor?.[2],
      atId: cursor?.[3],
    },
    limit + 1,
  )
  const { itemOf, cursorOf } = me === undefined ? usualRows : rowsOfPerson
  return await mapPage(toPage(found, limit, cursorOf), itemOf)
}
