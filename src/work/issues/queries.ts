import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { assets, attachments } from '../../model/assets.ts'
import { comments, issues } from '../../model/issues.ts'
import { goals, projects } from '../../model/projects.ts'
import { columnsOf, isoJson, jsonPairsOf, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { blockedByJson, blocksJson, issueWithRelations, withLabelIds } from '../../engine/holds/index.ts'
import type { IssueRow, IssueWithRelations } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { RunStatus } from '../../model/runStatus.ts'
import { isInCompany, rowsOf } from './listOrder.ts'

type Reader = Pick<ReadDb, 'run'>

const selectIssue = statement<{ id: string; companyId: string }, Omit<IssueWithRelations, 'labelIds'>>('issue_by_id').read(sql`
  select ${issueWithRelations} from ${issues} where id = ${param('id')} and company_id = ${param('companyId')}`)

/** One issue of a company with labels, blockers and blocked issues. @throws Refusal `not_found` */
export async function issueById(db: Reader, companyId: string, id: string): Promise<IssueWithRelations> {
  const [row] = await db.run(selectIssue, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Issue not found' })
  return withLabelIds(row)
}

const issueExists = statement<{ id: string; companyId: string }, { id: string }>('issue_exists').read(
  sql`select id from ${issues} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** Refuses an issue that is missing or foreign. @throws Refusal `not_found` */
export async function requireIssue(db: Reader, companyId: string, id: string): Promise<void> {
  const rows = await db.run(issueExists, { id, companyId })
  if (rows.length === 0) refuse('not_found', { message: 'Issue not found' })
}

/** The most ancestors that are shown. Imported data may contain a cycle. */
const MAX_ANCESTORS = 50

/** The ancestors of the row `issues`, as the rows `up`. */
export const ancestors = sql`
  with recursive up as (
    select p.*, 1 as height from issues p where p.id = "issues"."parent_id" and p.company_id = "issues"."company_id"
    union all
    select p.*, up.height + 1 from up join issues p on p.id = up.parent_id and p.company_id = up.company_id
    where up.height < ${sql.raw(String(MAX_ANCESTORS))})`

const ancestorsBrief = sql`(select coalesce(json_agg(json_build_object(
    'id', u.id, 'identifier', u.identifier, 'title', u.title, 'status', u.status, 'priority', u.priority)
    order by u.height), '[]'::json) from (${ancestors} select * from up) u)`

/** The goal of an issue: its own, else the goal of its project, else, without a project, the first goal of the company. */
export const resolveGoalId = (goalId: SQL, projectId: SQL, companyId: SQL): SQL => sql`coalesce(${goalId},
  (select p.goal_id from ${projects} p where p.id = ${projectId}),
  case when ${projectId} is null then
    (select g.id from ${goals} g where g.company_id = ${companyId} and g.level = 'company' and g.status <> 'cancelled'
     order by g.created_at, g.id limit 1) end)`

/** The goal of the row `issues`. It is resolved when the issue is read, so an issue that is older than the goal gets it too. */
export const effectiveGoalId = resolveGoalId(sql`"issues"."goal_id"`, sql`"issues"."project_id"`, sql`"issues"."company_id"`)

/** A comment's row, under the names of Paperclip's API. */
export interface CommentRow {
  readonly id: string
  readonly companyId: string
  readonly issueId: string
  readonly authorAgentId: string | null
  readonly authorUserId: string | null
  readonly createdByRunId: string | null
  readonly body: string
  readonly createdAt: string
  readonly updatedAt: string
}

export const commentColumns = columnsOf(comments)

interface HeartbeatContext {
  issue: IssueRow & Pick<IssueWithRelations, 'blockedBy' | 'blocks'>
  ancestors: { id: string; identifier: string; title: string; status: IssueRow['status']; priority: IssueRow['priority'] }[]
  project: { id: string; name: string; status: string; targetDate: string | null } | null
  goal: { id: string; title: string; status: string; level: string; parentId: string | null } | null
  commentCursor: { totalComments: number; latestCommentId: string | null; latestCommentAt: string | null }
  wakeComment: CommentRow | null
  attachments: AttachmentBrief[]
}

/** An attachment for an agent that starts to work: its type and size, and the path of its bytes. */
interface AttachmentBrief {
  id: string
  issueCommentId: string | null
  contentType: string
  byteSize: number
  originalFilename: string | null
  createdAt: string
  contentPath: string
}

/** The most attachments in a heartbeat context, the newest ones. The list of attachments has all of them. */
const MAX_CONTEXT_ATTACHMENTS = 50

const attachmentsJson = sql`(select coalesce(json_agg(json_build_object('id', f.id, 'issueCommentId', f.issue_comment_id,
    'contentType', f.content_type, 'byteSize', f.byte_size, 'originalFilename', f.original_filename,
    'createdAt', ${isoJson(sql`f.created_at`)}, 'contentPath', '/api/attachments/' || f.id || '/content')
    order by f.created_at desc, f.id desc), '[]'::json)
  from (select a.id, a.issue_comment_id, s.content_type, s.byte_size, s.original_filename, a.created_at
    from ${attachments} a join ${assets} s on s.attachment_id = a.id where a.issue_id = "issues"."id"
    order by a.created_at desc, a.id desc limit ${sql.raw(String(MAX_CONTEXT_ATTACHMENTS))}) f)`

// One statement, so that the context costs one round trip.
const contextStatement = statement<{ id: string; companyId: string; wakeCommentId: string | null }, HeartbeatContext>('issue_context')
  .read(sql`
  select
    json_build_object('id', id, 'identifier', identifier, 'title', title, 'description', description, 'status', status,
      'priority', priority, 'projectId', project_id, 'goalId', ${effectiveGoalId}, 'parentId', parent_id,
      'assigneeAgentId', assignee_agent_id, 'assigneeUserId', assignee_user_id, 'lockEpoch', lock_epoch,
      'updatedAt', ${isoJson(issues.updatedAt)}, 'blockedBy', ${blockedByJson}, 'blocks', ${blocksJson}) as issue,
    case when "issues"."parent_id" is null then '[]'::json else ${ancestorsBrief} end as ancestors,
    (select json_build_object('id', p.id, 'name', p.name, 'status', p.status, 'targetDate', p.target_date)
      from ${projects} p where p.id = "issues"."project_id") as project,
    (select json_build_object('id', g.id, 'title', g.title, 'status', g.status, 'level', g.level, 'parentId', g.parent_id)
      from ${goals} g where g.id = ${effectiveGoalId}) as goal,
    (select json_build_object('totalComments', count(*), 'latestCommentId', (array_agg(c.id order by c.created_at desc, c.id desc))[1],
      'latestCommentAt', ${isoJson(sql`max(c.created_at)`)}) from ${comments} c where c.issue_id = "issues"."id") as "commentCursor",
    (select json_build_object(${jsonPairsOf(comments)}) from ${comments}
      where ${comments.id} = ${param('wakeCommentId', 'uuid')} and ${comments.issueId} = "issues"."id") as "wakeComment",
    ${attachmentsJson} as attachments
  from ${issues} where id = ${param('id')} and company_id = ${param('companyId')}`)

/** The context that an agent reads before it works on an issue. @throws Refusal `not_found` */
export async function heartbeatContext(db: Reader, companyId: string, id: string, wakeCommentId: string | null): Promise<HeartbeatContext> {
  const [row] = await db.run(contextStatement, { id, companyId, wakeCommentId })
  if (row === undefined) refuse('not_found', { message: 'Issue not found' })
  return row
}

/** A run in a list of issues. */
export interface RunBrief {
  readonly id: string
  readonly status: RunStatus
  readonly agentId: string
  readonly invocationSource: string
  readonly triggerDetail: string | null
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly createdAt: string
}

interface InboxRow {
  id: string
  identifier: string
  title: string
  status: IssueRow['status']
  priority: IssueRow['priority']
  projectId: string | null
  goalId: string | null
  parentId: string | null
  updatedAt: string
  activeRun: RunBrief | null
}

/** The unended run in the issue's `execution_run_id`, as JSON; null without one. */
const activeRunJson = sql`(select json_build_object('id', r.id, 'status', r.status, 'agentId', r.agent_id,
  'invocationSource', r.invocation_source, 'triggerDetail', r.trigger_detail, 'startedAt', ${isoJson(sql`r.started_at`)},
  'finishedAt', ${isoJson(sql`r.finished_at`)}, 'createdAt', ${isoJson(sql`r.created_at`)})
  from heartbeat_runs r where r.id = "issues"."execution_run_id" and r.status in ('queued', 'running'))`

/** The most issues of an agent's inbox. */
const INBOX_LIMIT = sql.raw('200')

// A scan of the index for each status has the order; one for all of them would read and sort every open issue of the agent.
const inboxStatement = statement<{ agentId: string; companyId: string }, InboxRow>('issue_inbox').read(sql`
  select "issues"."id", identifier, title, status, priority, project_id as "projectId", goal_id as "goalId", parent_id as "parentId",
    "issues"."updated_at" as "updatedAt", ${activeRunJson} as "activeRun"
  from ${rowsOf(sql`
    select open.id from unnest(array['todo', 'in_progress', 'in_review', 'blocked']) as leg (status) cross join lateral (
      select "issues"."id", "issues"."priority_rank", "issues"."updated_at" from ${issues}
      where "issues"."assignee_agent_id" = ${param('agentId')} and ${isInCompany} and "issues"."hidden_at" is null and "issues"."status" = leg.status
      order by "issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc limit ${INBOX_LIMIT}) open
    order by open.priority_rank, open.updated_at desc, open.id desc limit ${INBOX_LIMIT}`)}
  order by "issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc`)

/** The open issues of an agent, most urgent first. */
export const listAgentInbox = (db: Reader, companyId: string, agentId: string): Promise<InboxRow[]> =>
  db.run(inboxStatement, { agentId, companyId })
