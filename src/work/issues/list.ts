import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import { activityLog } from '../../platform/db/tables.ts'
import { comments, inboxArchives, issueLabels, issues, readStates } from '../../model/issues.ts'
import { param, dynamicRead } from '../../platform/db/statement.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import type { PageDb } from '../../platform/db/types.ts'
import { issueColumns, labelsJson, withLabelIds } from '../../engine/holds/index.ts'
import type { IssueRow, Label } from '../../engine/holds/index.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { decodeCursor, DEFAULT_LIMIT, encodeCursor, mapPage, toPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { activeRunJson } from './queries.ts'
import type { RunBrief } from './queries.ts'
import { issuePriorities } from '../../model/issueStatus.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'

/** The filters of the list of issues. An issue must match all of them. */
export interface IssueFilter {
  readonly status?: readonly IssueStatus[] | undefined
  readonly assigneeAgentId?: string | undefined
  /** The agent created the issue, is its assignee, commented on it, or has an audit row about it. */
  readonly participantAgentId?: string | undefined
  readonly assigneeUserId?: string | undefined
  /** The person created the issue, is its assignee, commented on it, or read it. */
  readonly touchedByUserId?: string | undefined
  /** Leaves out the issues that the person archived after the last activity; the rest is the person's inbox. */
  readonly inboxArchivedByUserId?: string | undefined
  /** The person touched the issue, and another author commented on it after that. */
  readonly unreadForUserId?: string | undefined
  readonly projectId?: string | undefined
  readonly executionWorkspaceId?: string | undefined
  readonly parentId?: string | undefined
  readonly labelId?: string | undefined
  readonly originKind?: string | undefined
  readonly originId?: string | undefined
  readonly includeRoutineExecutions?: boolean | undefined
  /** Text in title, identifier, description or comments. */
  readonly q?: string | undefined
}

/** Replaces `me` by the acting person. @throws Refusal `forbidden` for an agent */
export function resolveMe(filter: IssueFilter, actor: Actor): IssueFilter {
  const userFilters = ['assigneeUserId', 'touchedByUserId', 'inboxArchivedByUserId', 'unreadForUserId'] as const
  const resolved = userFilters.flatMap((key) => {
    if (filter[key] !== 'me') return []
    if (actor.kind !== 'board') return refuse('forbidden', { message: `${key}=me requires board authentication` })
    return [[key, actor.userId] as const]
  })
  return { ...filter, ...Object.fromEntries(resolved) }
}

const bind = param

const isTouchedBy = (user: SQL): SQL => sql`("issues"."created_by_user_id" = ${user} or "issues"."assignee_user_id" = ${user}
  or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.author_user_id = ${user})
  or exists (select 1 from ${readStates} s where s.issue_id = "issues"."id" and s.user_id = ${user}))`

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

/** The condition of each filter. The parameter has the filter's name. */
const conditions: Record<FilterName, () => SQL> = {
  status: () => sql`"issues"."status" = any(${bind('status', 'text[]')})`,
  assigneeAgentId: () => sql`"issues"."assignee_agent_id" = ${bind('assigneeAgentId', 'uuid')}`,
  participantAgentId: () => sql`("issues"."created_by_agent_id" = ${bind('participantAgentId', 'uuid')}
    or "issues"."assignee_agent_id" = ${bind('participantAgentId', 'uuid')}
    or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.author_agent_id = ${bind('participantAgentId', 'uuid')})
    or exists (select 1 from ${activityLog} l where l.entity_id = "issues"."id"::text and l.actor_type = 'agent'
      and l.actor_id = ${bind('participantAgentId', 'text')}))`,
  assigneeUserId: () => sql`"issues"."assignee_user_id" = ${bind('assigneeUserId', 'text')}`,
  touchedByUserId: () => isTouchedBy(bind('touchedByUserId', 'text')),
  inboxArchivedByUserId: () => sql`not exists (select 1 from ${inboxArchives} a where a.issue_id = "issues"."id"
    and a.user_id = ${bind('inboxArchivedByUserId', 'text')} and a.archived_at >= "issues"."updated_at")`,
  unreadForUserId: () => sql`${isTouchedBy(bind('unreadForUserId', 'text'))} and ${isUnread(bind('unreadForUserId', 'text'))}`,
  projectId: () => sql`"issues"."project_id" = ${bind('projectId', 'uuid')}`,
  executionWorkspaceId: () => sql`"issues"."execution_workspace_id" = ${bind('executionWorkspaceId', 'uuid')}`,
  parentId: () => sql`"issues"."parent_id" = ${bind('parentId', 'uuid')}`,
  labelId: () =>
    sql`exists (select 1 from ${issueLabels} il where il.issue_id = "issues"."id" and il.label_id = ${bind('labelId', 'uuid')})`,
  originKind: () => sql`"issues"."origin_kind" = ${bind('originKind', 'text')}`,
  originId: () => sql`"issues"."origin_id" = ${bind('originId', 'text')}`,
  includeRoutineExecutions: () => sql`true`,
  q: () => sql`("issues"."title" ilike ${bind('pattern')} or "issues"."identifier" ilike ${bind('pattern')} or "issues"."description" ilike ${bind('pattern')}
    or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.body ilike ${bind('pattern')}))`,
}

/** The rank of a match with `q`: start of the title, title, start of the identifier, identifier, description, comment. */
const matchRank = sql`case when "issues"."title" ilike ${bind('prefix')} then 0 when "issues"."title" ilike ${bind('pattern')} then 1
  when "issues"."identifier" ilike ${bind('prefix')} then 2 when "issues"."identifier" ilike ${bind('pattern')} then 3
  when "issues"."description" ilike ${bind('pattern')} then 4 else 5 end`

export interface IssueListRow extends IssueRow {
  readonly labels: readonly Label[]
  readonly labelIds: readonly string[]
  readonly activeRun: RunBrief | null
  readonly lastActivityAt: string
  readonly myLastTouchAt?: string | null
  readonly lastExternalCommentAt?: string | null
  readonly isUnreadForMe?: boolean
}

interface SortedRow extends Omit<IssueListRow, 'labelIds'> {
  /** Present only in a search by text. Without a search, fields of the row itself order the list. */
  readonly sortMatch?: number
}

interface ListParams extends Record<string, unknown> {
  companyId: string
  limit: number
}

/** The order has two directions (priority up, activity down), so it is not a `keyset`. */
const cursorSchema = z.tuple([z.int(), z.int(), z.iso.datetime(), z.uuid()])

const listStatement = dynamicRead<ListParams, SortedRow>('issue_list')

interface QueryShape {
  readonly filters: readonly FilterName[]
  readonly after: boolean
  readonly me: boolean
}

function listSql({ filters, after, me }: QueryShape): SQL {
  const where = [sql`"issues"."company_id" = ${bind('companyId', 'uuid')}`, sql`"issues"."hidden_at" is null`]
  const includesRoutines = filters.some((key) => ['originKind', 'originId', 'includeRoutineExecutions'].includes(key))
  if (!includesRoutines) where.push(sql`"issues"."origin_kind" <> 'routine_execution'`)
  for (const key of filters) where.push(conditions[key]())
  const match = filters.includes('q') ? matchRank : sql`0`
  if (after) {
    where.push(sql`(${match}, "issues"."priority_rank"::int) >= (${bind('atMatch', 'int')}, ${bind('atRank', 'int')})`)
    where.push(sql`((${match}, "issues"."priority_rank"::int) > (${bind('atMatch', 'int')}, ${bind('atRank', 'int')})
      or ("issues"."updated_at", "issues"."id") < (${bind('atTime', 'timestamptz')}, ${bind('atId', 'uuid')}))`)
  }
  const personalColumns = me
    ? sql`, ${lastTouchAt(bind('me', 'text'))} as "myLastTouchAt", ${lastExternalComment(bind('me', 'text'))} as "lastExternalCommentAt",
        ${isUnread(bind('me', 'text'))} as "isUnreadForMe"`
    : sql``
  const order = filters.includes('q')
    ? sql`"sortMatch", "issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc`
    : sql`"issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc`
  const sortMatch = filters.includes('q') ? sql`, ${match} as "sortMatch"` : sql``
  return sql`select ${issueColumns}, ${labelsJson} as labels, ${activeRunJson} as "activeRun", "issues"."updated_at" as "lastActivityAt"${personalColumns}${sortMatch}
    from ${issues} where ${sql.join(where, sql` and `)} order by ${order} limit ${bind('limit', 'int')}`
}

const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, (char) => `\\${char}`)

/**
 * The issues of a company in the order of the list: with `q` by the rank of the match, then by priority, then by latest
 * activity. Hidden issues are left out, and so are executions of routines unless a filter asks for them.
 */
export async function listIssues(db: PageDb, companyId: string, filter: IssueFilter, page: PageRequest): Promise<Page<IssueListRow>> {
  const filters = (Object.keys(conditions) as FilterName[]).filter((key) => filter[key] !== undefined && filter[key] !== false)
  const cursor = page.after === undefined ? null : decodeCursor(page.after, cursorSchema)
  const me = filter.touchedByUserId ?? filter.unreadForUserId ?? filter.inboxArchivedByUserId
  const shape: QueryShape = { filters, after: cursor !== null, me: me !== undefined }
  const limit = page.limit ?? DEFAULT_LIMIT
  const text = escapeLike(filter.q ?? '')
  const rows = await db.runPage(
    listStatement(JSON.stringify(shape), () => listSql(shape)),
    {
      ...filter,
      companyId,
      limit: limit + 1,
      pattern: `%${text}%`,
      prefix: `${text}%`,
      me,
      atMatch: cursor?.[0],
      atRank: cursor?.[1],
      atTime: cursor?.[2],
      atId: cursor?.[3],
    },
    limit + 1,
  )
  return mapPage(toPage(rows, limit, cursorOf), toListRow)
}

const cursorOf = (row: SortedRow): string =>
  encodeCursor([row.sortMatch ?? 0, issuePriorities.indexOf(row.priority), row.updatedAt, row.id])

/** A row for the answer. Without a search it is the same object, because copying each of many rows costs time. */
function toListRow(row: SortedRow): IssueListRow {
  if (row.sortMatch === undefined) return withLabelIds(row)
  const { sortMatch: _, ...shown } = row
  return withLabelIds(shown)
}
