import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import { activityLog } from '../db/schema/activity.ts'
import { comments, inboxArchives, issueLabels, issues, readStates } from '../db/schema/issues.ts'
import { param, shapedRead } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { issueColumns, labelsJson, withLabelIds } from '../holds/index.ts'
import type { IssueRow, Label } from '../holds/index.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import { activeRunJson } from './queries.ts'
import type { RunBrief } from './queries.ts'
import { issuePriorities } from './status.ts'
import type { IssueStatus } from './status.ts'

/** Every filter of the list; each narrows. */
export interface IssueFilter {
  readonly status?: readonly IssueStatus[] | undefined
  readonly assigneeAgentId?: string | undefined
  /** Created, is assigned, commented, or acted. */
  readonly participantAgentId?: string | undefined
  readonly assigneeUserId?: string | undefined
  /** Created, is assigned, commented, or read. */
  readonly touchedByUserId?: string | undefined
  /** Leaves out what that user has archived since the last activity: their inbox. */
  readonly inboxArchivedByUserId?: string | undefined
  /** Touched, with a comment by somebody else since. */
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

const p = param

const touched = (user: SQL): SQL => sql`("issues"."created_by_user_id" = ${user} or "issues"."assignee_user_id" = ${user}
  or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.author_user_id = ${user})
  or exists (select 1 from ${readStates} s where s.issue_id = "issues"."id" and s.user_id = ${user}))`

/** When a user last had the issue in hand: wrote it, commented on it, or read it. */
const lastTouch = (user: SQL): SQL => sql`greatest(
  (select max(c.created_at) from ${comments} c where c.issue_id = "issues"."id" and c.author_user_id = ${user}),
  (select s.last_read_at from ${readStates} s where s.issue_id = "issues"."id" and s.user_id = ${user}),
  case when "issues"."created_by_user_id" = ${user} then "issues"."created_at" end)`

const lastExternalComment = (user: SQL): SQL => sql`(select max(c.created_at) from ${comments} c
  where c.issue_id = "issues"."id" and c.author_user_id is distinct from ${user})`

const isUnread = (user: SQL): SQL =>
  sql`coalesce(${lastExternalComment(user)} > coalesce(${lastTouch(user)}, '-infinity'::timestamptz), false)`

type Key = keyof IssueFilter

/** The condition of each filter; the parameter has the filter's name. */
const conditions: Record<Key, () => SQL> = {
  status: () => sql`"issues"."status" = any(${p('status', 'text[]')})`,
  assigneeAgentId: () => sql`"issues"."assignee_agent_id" = ${p('assigneeAgentId', 'uuid')}`,
  participantAgentId: () => sql`("issues"."created_by_agent_id" = ${p('participantAgentId', 'uuid')}
    or "issues"."assignee_agent_id" = ${p('participantAgentId', 'uuid')}
    or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.author_agent_id = ${p('participantAgentId', 'uuid')})
    or exists (select 1 from ${activityLog} l where l.entity_id = "issues"."id"::text and l.actor_type = 'agent'
      and l.actor_id = ${p('participantAgentId', 'text')}))`,
  assigneeUserId: () => sql`"issues"."assignee_user_id" = ${p('assigneeUserId', 'text')}`,
  touchedByUserId: () => touched(p('touchedByUserId', 'text')),
  inboxArchivedByUserId: () => sql`not exists (select 1 from ${inboxArchives} a where a.issue_id = "issues"."id"
    and a.user_id = ${p('inboxArchivedByUserId', 'text')} and a.archived_at >= "issues"."updated_at")`,
  unreadForUserId: () => sql`${touched(p('unreadForUserId', 'text'))} and ${isUnread(p('unreadForUserId', 'text'))}`,
  projectId: () => sql`"issues"."project_id" = ${p('projectId', 'uuid')}`,
  executionWorkspaceId: () => sql`"issues"."execution_workspace_id" = ${p('executionWorkspaceId', 'uuid')}`,
  parentId: () => sql`"issues"."parent_id" = ${p('parentId', 'uuid')}`,
  labelId: () => sql`exists (select 1 from ${issueLabels} il where il.issue_id = "issues"."id" and il.label_id = ${p('labelId', 'uuid')})`,
  originKind: () => sql`"issues"."origin_kind" = ${p('originKind', 'text')}`,
  originId: () => sql`"issues"."origin_id" = ${p('originId', 'text')}`,
  includeRoutineExecutions: () => sql`true`,
  q: () => sql`("issues"."title" ilike ${p('pattern')} or "issues"."identifier" ilike ${p('pattern')} or "issues"."description" ilike ${p('pattern')}
    or exists (select 1 from ${comments} c where c.issue_id = "issues"."id" and c.body ilike ${p('pattern')}))`,
}

/** How well a row matches `q`: title from its start, title, identifier from its start, identifier, description, comment. */
const matchRank = sql`case when "issues"."title" ilike ${p('prefix')} then 0 when "issues"."title" ilike ${p('pattern')} then 1
  when "issues"."identifier" ilike ${p('prefix')} then 2 when "issues"."identifier" ilike ${p('pattern')} then 3
  when "issues"."description" ilike ${p('pattern')} then 4 else 5 end`

export interface IssueListRow extends IssueRow {
  readonly labels: readonly Label[]
  readonly labelIds: readonly string[]
  readonly activeRun: RunBrief | null
  readonly lastActivityAt: string
  readonly myLastTouchAt?: string | null
  readonly lastExternalCommentAt?: string | null
  readonly isUnreadForMe?: boolean
}

interface Sorted extends Omit<IssueListRow, 'labelIds'> {
  /** Only where text is looked for: nothing else orders a list that its own fields do not tell. */
  readonly sortMatch?: number
}

interface Params extends Record<string, unknown> {
  companyId: string
  limit: number
}

const cursorShape = z.tuple([z.int(), z.int(), z.iso.datetime(), z.uuid()])

const shaped = shapedRead<Params, Sorted>('issue_list')

interface Shape {
  readonly filters: readonly Key[]
  readonly after: boolean
  readonly me: boolean
}

function template({ filters, after, me }: Shape): SQL {
  const where = [sql`"issues"."company_id" = ${p('companyId', 'uuid')}`, sql`"issues"."hidden_at" is null`]
  const asksForRoutines = filters.some((key) => ['originKind', 'originId', 'includeRoutineExecutions'].includes(key))
  if (!asksForRoutines) where.push(sql`"issues"."origin_kind" <> 'routine_execution'`)
  for (const key of filters) where.push(conditions[key]())
  const match = filters.includes('q') ? matchRank : sql`0`
  if (after) {
    where.push(sql`(${match}, "issues"."priority_rank"::int) >= (${p('atMatch', 'int')}, ${p('atRank', 'int')})`)
    where.push(sql`((${match}, "issues"."priority_rank"::int) > (${p('atMatch', 'int')}, ${p('atRank', 'int')})
      or ("issues"."updated_at", "issues"."id") < (${p('atTime', 'timestamptz')}, ${p('atId', 'uuid')}))`)
  }
  const mine = me
    ? sql`, ${lastTouch(p('me', 'text'))} as "myLastTouchAt", ${lastExternalComment(p('me', 'text'))} as "lastExternalCommentAt",
        ${isUnread(p('me', 'text'))} as "isUnreadForMe"`
    : sql``
  const order = filters.includes('q')
    ? sql`"sortMatch", "issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc`
    : sql`"issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc`
  const sortMatch = filters.includes('q') ? sql`, ${match} as "sortMatch"` : sql``
  return sql`select ${issueColumns}, ${labelsJson} as labels, ${activeRunJson} as "activeRun", "issues"."updated_at" as "lastActivityAt"${mine}${sortMatch}
    from ${issues} where ${sql.join(where, sql` and `)} order by ${order} limit ${p('limit', 'int')}`
}

const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, (char) => `\\${char}`)

/**
 * Issues of a company in the order of the list: best match first where `q` is given, then by priority, then by latest
 * activity. Hidden ones never; executions of routines only when asked for.
 */
export async function listIssues(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  filter: IssueFilter,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<IssueListRow>> {
  const filters = (Object.keys(conditions) as Key[]).filter((key) => filter[key] !== undefined && filter[key] !== false)
  const at = page.after === undefined ? null : decodeCursor(page.after, cursorShape)
  const me = filter.touchedByUserId ?? filter.unreadForUserId ?? filter.inboxArchivedByUserId
  const shape: Shape = { filters, after: at !== null, me: me !== undefined }
  const limit = page.limit ?? DEFAULT_LIMIT
  const text = escapeLike(filter.q ?? '')
  const rows = await db.run(
    shaped(JSON.stringify(shape), () => template(shape)),
    {
      ...filter,
      companyId,
      limit: limit + 1,
      pattern: `%${text}%`,
      prefix: `${text}%`,
      me,
      atMatch: at?.[0],
      atRank: at?.[1],
      atTime: at?.[2],
      atId: at?.[3],
    },
  )
  const { items, next } = cut(rows, limit, (row) => [row.sortMatch ?? 0, issuePriorities.indexOf(row.priority), row.updatedAt, row.id])
  return { items: items.map(listed), next }
}

/** A row as it is shown. What no text was looked for in goes out as the object that it came as: a list has many of them. */
function listed(row: Sorted): IssueListRow {
  if (row.sortMatch === undefined) return withLabelIds(row)
  const { sortMatch: _, ...shown } = row
  return withLabelIds(shown)
}
