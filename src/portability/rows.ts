import { sql } from 'drizzle-orm'
import type { AgentRow } from '../agents/index.ts'
import { agents } from '../db/schema/agents.ts'
import { blockers, issueLabels, issues, labels } from '../db/schema/issues.ts'
import { projects } from '../db/schema/projects.ts'
import { columnsOf, param, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { projectRowJson } from '../projects/index.ts'
import type { ProjectRow } from '../projects/index.ts'
import { only } from '../kernel/only.ts'
import type { IssueStatus } from '../issues/index.ts'

type Db = Pick<ReadDb, 'run'>

/** An issue as a package tells it; what it refers to by id. */
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
  select ${columnsOf(agents, ['nextTimerAt'])} from ${agents}
  where company_id = ${param('companyId')} and status not in ('terminated', 'pending_approval')
  order by url_key, id limit ${param('limit', 'int')}`)

/** Agents that are somebody, neither gone nor waiting for the board. By name: what one import made is all of one age. */
export const agentsOf = (db: Db, companyId: string, limit: number): Promise<AgentRow[]> => db.run(agentRows, { companyId, limit })

const projectRows = statement<{ companyId: string; limit: number }, { row: ProjectRow }>('package_projects').read(sql`
  select ${projectRowJson} as row from ${projects} where company_id = ${param('companyId')} and archived_at is null
  order by name, created_at, id limit ${param('limit', 'int')}`)

/** Projects that are not archived, by name. */
export const projectsOf = async (db: Db, companyId: string, limit: number): Promise<ProjectRow[]> =>
  (await db.run(projectRows, { companyId, limit })).map(({ row }) => row)

/** Which issues: all of them, or those named and those of the projects named. */
export interface IssueChoice {
  readonly companyId: string
  readonly all: boolean
  /** Ids and identifiers, in lower case. */
  readonly names: string[]
  readonly projectIds: string[]
}

const chosen = sql`i.company_id = ${param('companyId')} and i.hidden_at is null and (${param('all', 'boolean')}
  or i.id::text = any(${param('names', 'text[]')}) or lower(i.identifier) = any(${param('names', 'text[]')})
  or i.project_id = any(${param('projectIds', 'uuid[]')}))`

const issueSize = statement<IssueChoice, { count: number; bytes: number }>('package_issue_size').read(sql`
  select count(*)::int as count, coalesce(sum(octet_length(i.title) + coalesce(octet_length(i.description), 0)), 0)::float8 as bytes
  from ${issues} i where ${chosen}`)

/** How much the chosen issues are, before any of them is read. */
export const issueSizeOf = async (db: Db, choice: IssueChoice): Promise<{ count: number; bytes: number }> =>
  only(await db.run(issueSize, choice))

const issueRows = statement<IssueChoice & { limit: number }, IssueRow>('package_issues').read(sql`
  select i.id, i.identifier, i.title, i.description, i.status, i.priority, i.project_id as "projectId",
    i.assignee_agent_id as "assigneeAgentId", i.parent_id as "parentId", i.goal_id as "goalId", i.billing_code as "billingCode",
    (select coalesce(json_agg(json_build_object('name', l.name, 'color', l.color) order by l.name), '[]'::json)
      from ${issueLabels} il join ${labels} l on l.id = il.label_id where il.issue_id = i.id) as labels,
    (select coalesce(json_agg(b.blocker_issue_id order by x.issue_number), '[]'::json)
      from ${blockers} b join ${issues} x on x.id = b.blocker_issue_id where b.blocked_issue_id = i.id) as "blockedBy"
  from ${issues} i where ${chosen} order by i.issue_number limit ${param('limit', 'int')}`)

/** The chosen issues by their number. */
export const issuesOf = (db: Db, choice: IssueChoice, limit: number): Promise<IssueRow[]> => db.run(issueRows, { ...choice, limit })

/** What a company has that a package may meet. */
export interface Present {
  readonly agents: readonly { readonly id: string; readonly name: string; readonly urlKey: string; readonly isOpen: boolean }[]
  readonly projects: readonly { readonly id: string; readonly name: string; readonly urlKey: string }[]
  readonly labels: readonly { readonly id: string; readonly name: string }[]
}

const present = statement<{ companyId: string }, Present>('package_present').read(sql`
  select
    (select coalesce(json_agg(json_build_object('id', id, 'name', name, 'urlKey', url_key, 'isOpen', status <> 'pending_approval')
      order by created_at, id), '[]'::json) from ${agents} where company_id = ${param('companyId', 'uuid')} and status <> 'terminated') as agents,
    (select coalesce(json_agg(json_build_object('id', id, 'name', name, 'urlKey', url_key) order by created_at, id), '[]'::json)
      from ${projects} where company_id = ${param('companyId', 'uuid')} and archived_at is null) as projects,
    (select coalesce(json_agg(json_build_object('id', id, 'name', lower(name))), '[]'::json)
      from ${labels} where company_id = ${param('companyId', 'uuid')}) as labels`)

/** What a package would meet in a company. */
export const presentIn = async (db: Db, companyId: string): Promise<Present> => only(await db.run(present, { companyId }))
