import { sql } from 'drizzle-orm'
import { issueLabels, issues, labels } from '../../model/issues.ts'
import { jsonColumnsOf } from '../../platform/db/rawRows.ts'
import { columnsOf, isoJson } from '../../platform/db/statement.ts'
import type { IssuePriority, IssueStatus } from '../../model/issueStatus.ts'
import type { Instant } from '../../platform/kernel/time.ts'

/** Columns that never leave the database. */
const privateColumns = ['closedByRunId', 'priorityRank']

export interface Label {
  readonly id: string
  readonly companyId: string
  readonly name: string
  readonly color: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** The row of an issue, under the names of the API. */
export interface IssueRow {
  readonly id: string
  readonly companyId: string
  readonly projectId: string | null
  readonly projectWorkspaceId: string | null
  readonly goalId: string | null
  readonly parentId: string | null
  readonly title: string
  readonly description: string | null
  readonly status: IssueStatus
  readonly priority: IssuePriority
  readonly assigneeAgentId: string | null
  readonly assigneeUserId: string | null
  readonly checkoutRunId: string | null
  readonly executionRunId: string | null
  readonly executionAgentNameKey: string | null
  readonly executionLockedAt: Instant | null
  readonly lockEpoch: number
  readonly createdByAgentId: string | null
  readonly createdByUserId: string | null
  readonly issueNumber: number
  readonly identifier: string
  readonly originKind: string
  readonly originId: string | null
  readonly originRunId: string | null
  readonly requestDepth: number
  readonly billingCode: string | null
  readonly assigneeAdapterOverrides: Readonly<Record<string, unknown>> | null
  readonly executionWorkspaceId: string | null
  readonly executionWorkspacePreference: string | null
  readonly executionWorkspaceSettings: Readonly<Record<string, unknown>> | null
  readonly startedAt: Instant | null
  readonly completedAt: Instant | null
  readonly cancelledAt: Instant | null
  readonly hiddenAt: Instant | null
  readonly version: number
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** An issue that blocks another one or is blocked by it. */
export interface IssueRef {
  readonly id: string
  readonly identifier: string
  readonly title: string
  readonly status: IssueStatus
  readonly priority: IssuePriority
  readonly assigneeAgentId: string | null
  readonly assigneeUserId: string | null
}

/** The answer of a change of a hold: the row and its labels. */
export interface IssueWithLabels extends IssueRow {
  readonly labels: readonly Label[]
  readonly labelIds: readonly string[]
}

/** The answer of other writes: also the issues that block it and that it blocks. */
export interface IssueWithRelations extends IssueWithLabels {
  readonly blockedBy: readonly IssueRef[]
  readonly blocks: readonly IssueRef[]
}

export const issueColumns = columnsOf(issues, privateColumns)
/** The same columns, for rows that stay as Postgres sends them. */
export const issueJsonColumns = jsonColumnsOf(issues, privateColumns)

/** Labels of the row `issues`, by name. */
export const labelsJson = sql`(
  select coalesce(json_agg(json_build_object('id', l.id, 'companyId', l.company_id, 'name', l.name, 'color', l.color,
    'createdAt', ${isoJson(sql`l.created_at`)}, 'updatedAt', ${isoJson(sql`l.updated_at`)}) order by l.name), '[]'::json)
  from ${issueLabels} il join ${labels} l on l.id = il.label_id where il.issue_id = "issues"."id")`

const refJson = sql`coalesce(json_agg(json_build_object('id', n.id, 'identifier', n.identifier, 'title', n.title,
  'status', n.status, 'priority', n.priority, 'assigneeAgentId', n.assignee_agent_id,
  'assigneeUserId', n.assignee_user_id) order by n.identifier), '[]'::json)`

/** Issues that must be done before the row `issues`. */
export const blockedByJson = sql`(select ${refJson} from issue_blockers b join issues n on n.id = b.blocker_issue_id
  where b.blocked_issue_id = "issues"."id")`

/** Issues that wait for the row `issues`. */
export const blocksJson = sql`(select ${refJson} from issue_blockers b join issues n on n.id = b.blocked_issue_id
  where b.blocker_issue_id = "issues"."id")`

/** The select list of IssueWithLabels, without the ids that `withLabelIds` adds. */
export const issueWithLabels = sql`${issueColumns}, ${labelsJson} as labels`

/** Adds the ids of its labels to a row. A second read of the labels would cost the database more than this walk. */
export const withLabelIds = <T extends { readonly labels: readonly Label[] }>(row: T): T & { readonly labelIds: readonly string[] } =>
  Object.assign(row, { labelIds: row.labels.map((label) => label.id) })

/** The select list of IssueWithRelations, without the ids that `withLabelIds` adds. */
export const issueWithRelations = sql`${issueWithLabels}, ${blockedByJson} as "blockedBy", ${blocksJson} as "blocks"`
