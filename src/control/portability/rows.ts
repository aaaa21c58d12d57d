import { sql } from 'drizzle-orm'
import type { AgentRow } from '../../org/agents/index.ts'
import { agents } from '../../model/agents.ts'
import { blockers, issueLabels, issues, labels } from '../../model/issues.ts'
import { goals, projects } from '../../model/projects.ts'
import { routines } from '../../model/routines.ts'
import { companySkills } from '../../model/skills.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { projectRowJson } from '../../org/projects/index.ts'
import type { ProjectRow } from '../../org/projects/index.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { resolveGoalId } from '../../work/issues/index.ts'
import type { IssueStatus } from '../../model/issueStatus.ts'

type Db = Pick<ReadDb, 'run'>

/** An issue for a package. Its references are ids. */
export interface IssueRow {
  readonly id: string
  readonly identifier: string
  readonly title: string
  readonly description: string | null
  readonly status: IssueStatus
  readonly priority: string
  readonly projectId: string | null
  readonly assigneeAgentId: string | null
  readonly parentId: string | null
  readonly goalId: string | null
  readonly billingCode: string | null
  readonly labels: readonly { name: string; color: string }[]
  readonly blockedBy: readonly string[]
}

const agentRows = statement<{ companyId: string; limit: number }, AgentRow>('package_agents').read(sql`
  select ${columnsOf(agents, ['nextTimerAt', 'isolation'])} from ${agents}
  where company_id = ${param('companyId')} and status not in ('terminated', 'pending_approval')
  order by name, id limit ${param('limit', 'int')}`)

/** Agents that are neither terminated nor pending. Ordered by name, because agents of one import have the same creation time. */
export const listAgents = (db: Db, companyId: string, limit: number): Promise<AgentRow[]> => db.run(agentRows, { companyId, limit })

const projectRows = statement<{ companyId: string; limit: number }, { row: ProjectRow }>('package_projects').read(sql`
  select ${projectRowJson} as row from ${projects} where company_id = ${param('companyId')} and archived_at is null
  order by name, created_at, id limit ${param('limit', 'int')}`)

/** Projects that are not archived, by name. */
export const listProjects = async (db: Db, companyId: string, limit: number): Promise<ProjectRow[]> =>
  (await db.run(projectRows, { companyId, limit })).map(({ row }) => row)

/** The issues of a package: all of them, or the named ones and those of the named projects. */
export interface IssueSelection {
  readonly companyId: string
  readonly all: boolean
  /** Ids and identifiers, in lower case. */
  readonly names: string[]
  readonly projectIds: string[]
}

const isSelected = sql`i.company_id = ${param('companyId')} and i.hidden_at is null and (${param('all', 'boolean')}
  or i.id::text = any(${param('names', 'text[]')}) or lower(i.identifier) = any(${param('names', 'text[]')})
  or i.project_id = any(${param('projectIds', 'uuid[]')}))`

const issueSize = statement<IssueSelection, { count: number; bytes: number }>('package_issue_size').read(sql`
  select count(*)::int as count, coalesce(sum(octet_length(i.title) + coalesce(octet_length(i.description), 0)), 0)::float8 as bytes
  from ${issues} i where ${isSelected}`)

/** Number and text bytes of the selected issues, before any of them is read. */
export const measureIssues = async (db: Db, selection: IssueSelection): Promise<{ count: number; bytes: number }> =>
  exactlyOne(await db.run(issueSize, selection))

const issueRows = statement<IssueSelection & { limit: number }, IssueRow>('package_issues').read(sql`
  select i.id, i.identifier, i.title, i.description, i.status, i.priority, i.project_id as "projectId",
    i.assignee_agent_id as "assigneeAgentId", i.parent_id as "parentId", ${resolveGoalId(sql`i.goal_id`, sql`i.project_id`, sql`i.company_id`)} as "goalId", i.billing_code as "billingCode",
    (select coalesce(json_agg(json_build_object('name', l.name, 'color', l.color) order by l.name), '[]'::json)
      from ${issueLabels} il join ${labels} l on l.id = il.label_id where il.issue_id = i.id) as labels,
    (select coalesce(json_agg(b.blocker_issue_id order by x.issue_number), '[]'::json)
      from ${blockers} b join ${issues} x on x.id = b.blocker_issue_id where b.blocked_issue_id = i.id) as "blockedBy"
  from ${issues} i where ${isSelected} order by i.issue_number limit ${param('limit', 'int')}`)

/** The selected issues by their number. */
export const listIssues = (db: Db, selection: IssueSelection, limit: number): Promise<IssueRow[]> =>
  db.run(issueRows, { ...selection, limit })

/** The rows of a company that entries of a package may match. */
export interface ExistingRows {
  readonly agents: readonly { readonly id: string; readonly name: string; readonly urlKey: string; readonly isOpen: boolean }[]
  readonly projects: readonly { readonly id: string; readonly name: string; readonly urlKey: string }[]
  readonly labels: readonly { readonly id: string; readonly name: string }[]
  readonly goals: readonly { readonly id: string; readonly title: string }[]
  /** Those that are not archived. */
  readonly routines: readonly { readonly id: string; readonly title: string }[]
  readonly skills: readonly { readonly id: string; readonly slug: string; readonly contentHash: string }[]
}

const existingRows = statement<{ companyId: string }, ExistingRows>('package_present').read(sql`
  select
    (select coalesce(json_agg(json_build_object('id', id, 'name', name, 'urlKey', url_key, 'isOpen', status <> 'pending_approval')
      order by created_at, id), '[]'::json) from ${agents} where company_id = ${param('companyId', 'uuid')} and status <> 'terminated') as agents,
    (select coalesce(json_agg(json_build_object('id', id, 'name', name, 'urlKey', url_key) order by created_at, id), '[]'::json)
      from ${projects} where company_id = ${param('companyId', 'uuid')} and archived_at is null) as projects,
    (select coalesce(json_agg(json_build_object('id', id, 'name', name)), '[]'::json)
      from ${labels} where company_id = ${param('companyId', 'uuid')}) as labels,
    (select coalesce(json_agg(json_build_object('id', id, 'title', lower(title)) order by created_at, id), '[]'::json)
      from ${goals} where company_id = ${param('companyId', 'uuid')}) as goals,
    (select coalesce(json_agg(json_build_object('id', id, 'title', title) order by created_at, id), '[]'::json)
      from ${routines} where company_id = ${param('companyId', 'uuid')} and status <> 'archived') as routines,
    (select coalesce(json_agg(json_build_object('id', id, 'slug', slug, 'contentHash', content_hash)), '[]'::json)
      from ${companySkills} where company_id = ${param('companyId', 'uuid')}) as skills`)

/** Loads the rows of a company that entries of a package may match. */
export const loadExistingRows = async (db: Db, companyId: string): Promise<ExistingRows> =>
  exactlyOne(await db.run(existingRows, { companyId }))
