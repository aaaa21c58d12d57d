import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { assets, attachments } from '../../model/assets.ts'
import { documents } from '../../model/documents.ts'
import { comments, issues } from '../../model/issues.ts'
import { goals, projects } from '../../model/projects.ts'
import { workProducts } from '../../model/workProducts.ts'
import { withinBytes } from '../../platform/db/keyset.ts'
import { columnsOf, isoJson, jsonPairsOf, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { blockedByJson, blocksJson, issueWithRelations, withLabelIds } from '../../engine/holds/index.ts'
import type { IssueRow, IssueWithRelations } from '../../engine/holds/index.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { presentProject, projectRowJson } from '../../org/projects/index.ts'
import type { ProjectRow } from '../../org/projects/index.ts'
import type { RunStatus } from '../../model/runStatus.ts'
import type { issueDetail as issueDetailView } from './views.ts'

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

const ancestors = sql`
  with recursive up as (
    select p.*, 1 as height from issues p where p.id = "issues"."parent_id" and p.company_id = "issues"."company_id"
    union all
    select p.*, up.height + 1 from up join issues p on p.id = up.parent_id and p.company_id = up.company_id
    where up.height < ${sql.raw(String(MAX_ANCESTORS))})`

/**
 * Bytes of each list inside of an issue's page: ancestors from the parent on, and work products from the primary one on. A
 * list ends before an element that begins beyond them. Work products have a list of their own, and so have ancestors.
 */
const EMBEDDED_BYTES = 500_000

/** The elements of a list inside of a row, as an array of JSON. @param select rows with `element` and `place` */
const embeddedJson = (select: SQL): SQL => sql`(select coalesce(json_agg(fitting.element order by fitting.place), '[]'::json)
  from (${withinBytes({ select, orderBy: sql`place`, size: sql`octet_length(rows.element::text)`, maxBytes: EMBEDDED_BYTES })}) fitting)`

const ancestorsDetail = embeddedJson(sql`${ancestors} select u.height as place, json_build_object(
    'id', u.id, 'identifier', u.identifier, 'title', u.title, 'description', u.description, 'status', u.status,
    'priority', u.priority, 'assigneeAgentId', u.assignee_agent_id, 'projectId', u.project_id, 'goalId', u.goal_id,
    'project', (select json_build_object('id', p.id, 'name', p.name, 'description', p.description, 'status', p.status,
      'goalId', p.goal_id, 'workspaces', '[]'::json, 'primaryWorkspace', null) from ${projects} p where p.id = u.project_id),
    'goal', (select json_build_object('id', g.id, 'title', g.title, 'description', g.description, 'level', g.level,
      'status', g.status) from ${goals} g where g.id = u.goal_id)) as element
  from up u`)

const ancestorsBrief = sql`(select coalesce(json_agg(json_build_object(
    'id', u.id, 'identifier', u.identifier, 'title', u.title, 'status', u.status, 'priority', u.priority)
    order by u.height), '[]'::json) from (${ancestors} select * from up) u)`

/** The goal of an issue: its own, else the goal of its project, else, without a project, the first goal of the company. */
export const resolveGoalId = (goalId: SQL, projectId: SQL, companyId: SQL): SQL => sql`coalesce(${goalId},
  (select p.goal_id from ${projects} p where p.id = ${projectId}),
  case when ${projectId} is null then
    (select g.id from ${goals} g where g.company_id = ${companyId} and g.level = 'company' and g.status <> 'cancelled'
     order by g.created_at, g.id limit 1) end)`

// The goal is resolved when the issue is read, so an issue that is older than the goal gets it too.
const effectiveGoalId = resolveGoalId(sql`"issues"."goal_id"`, sql`"issues"."project_id"`, sql`"issues"."company_id"`)

interface DetailRow extends Omit<IssueWithRelations, 'labelIds'> {
  ancestors: z.input<typeof issueDetailView>['ancestors']
  project: ProjectRow | null
  goal: { id: string; title: string; status: string; level: string } | null
  documents: { key: string; body: string }[]
  workProducts: Record<string, unknown>[]
}

/** The key of the document that clients show as the issue's plan. */
const PLAN_KEY = 'plan'

/** Documents of the row `issues`; the plan with its text, the others without. */
const documentsJson = sql`(select coalesce(json_agg(json_build_object(${jsonPairsOf(documents, ['body'])},
    'body', case when ${documents.key} = ${sql.raw(`'${PLAN_KEY}'`)} then ${documents.body} end) order by ${documents.key}), '[]'::json)
  from ${documents} where ${documents.issueId} = "issues"."id")`

/** Work products of the row `issues`, the primary one first, then the newest. */
const workProductsJson = embeddedJson(sql`select json_build_object(${jsonPairsOf(workProducts)}) as element,
    row_number() over (order by ${workProducts.isPrimary} desc, ${workProducts.createdAt} desc, ${workProducts.id} desc) as place
  from ${workProducts} where ${workProducts.issueId} = "issues"."id"`)

const detailStatement = statement<{ id: string; companyId: string }, DetailRow>('issue_detail').read(sql`
  select ${issueWithRelations},
    case when "issues"."parent_id" is null then '[]'::json else ${ancestorsDetail} end as ancestors,
    (select ${projectRowJson} from ${projects} where ${projects.id} = "issues"."project_id") as project,
    (select json_build_object(${jsonPairsOf(goals)}) from ${goals} where ${goals.id} = ${effectiveGoalId}) as goal,
    ${documentsJson} as documents, ${workProductsJson} as "workProducts"
  from ${issues} where id = ${param('id')} and company_id = ${param('companyId')}`)

/** One issue with everything that its page shows. @throws Refusal `not_found` */
export async function issueDetail(db: Reader, companyId: string, id: string, actor: Actor) {
  const [row] = await db.run(detailStatement, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Issue not found' })
  const { documents: documentRows, ...issue } = row
  // The fields are written into the same object: a copy of an object with fifty fields costs 16 µs.
  return Object.assign(withLabelIds(issue), {
    goalId: issue.goal?.id ?? issue.goalId,
    project: issue.project === null ? null : presentProject(issue.project, actor),
    planDocument: documentRows.find((document) => document.key === PLAN_KEY) ?? null,
    documentSummaries: documentRows.map(({ body: _, ...summary }) => summary),
    legacyPlanDocument: null,
    mentionedProjects: [],
    currentExecutionWorkspace: null,
  })
}

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
export const activeRunJson = sql`(select json_build_object('id', r.id, 'status', r.status, 'agentId', r.agent_id,
  'invocationSource', r.invocation_source, 'triggerDetail', r.trigger_detail, 'startedAt', ${isoJson(sql`r.started_at`)},
  'finishedAt', ${isoJson(sql`r.finished_at`)}, 'createdAt', ${isoJson(sql`r.created_at`)})
  from heartbeat_runs r where r.id = "issues"."execution_run_id" and r.status in ('queued', 'running'))`

const inboxStatement = statement<{ agentId: string; companyId: string }, InboxRow>('issue_inbox').read(sql`
  select id, identifier, title, status, priority, project_id as "projectId", goal_id as "goalId", parent_id as "parentId",
    updated_at as "updatedAt", ${activeRunJson} as "activeRun"
  from ${issues}
  where assignee_agent_id = ${param('agentId')} and company_id = ${param('companyId')} and hidden_at is null
    and status in ('todo', 'in_progress', 'in_review', 'blocked')
  order by priority_rank, updated_at desc, id desc limit 200`)

/** The open issues of an agent, most urgent first. */
export const listAgentInbox = (db: Reader, companyId: string, agentId: string): Promise<InboxRow[]> =>
  db.run(inboxStatement, { agentId, companyId })
