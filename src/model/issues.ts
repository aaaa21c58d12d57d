import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, smallint, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import { issuePriorities, issueStatus } from './issueStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'
import { goals, projects } from './projects.ts'
import { runs } from './runs.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** The fields of an issue that say who holds it. Only the verbs of holding write them, and no body may name them. */
export const holdFields = ['checkoutRunId', 'executionRunId', 'executionAgentNameKey', 'executionLockedAt', 'lockEpoch'] as const

export const issues = pgTable(
  'issues',
  {
    id: primaryId(),
    companyId: companyId(),
    projectId: uuid('project_id').references(() => projects.id, { onDelete: 'set null' }),
    projectWorkspaceId: uuid('project_workspace_id'),
    goalId: uuid('goal_id').references(() => goals.id, { onDelete: 'set null' }),
    parentId: uuid('parent_id').references((): AnyPgColumn => issues.id, { onDelete: 'set null' }),
    title: text('title').notNull(),
    description: text('description'),
    status: text('status', { enum: issueStatus.statuses }).notNull().default('backlog'),
    priority: text('priority', { enum: issuePriorities }).notNull().default('medium'),
    assigneeAgentId: uuid('assignee_agent_id').references(() => agents.id, { onDelete: 'set null' }),
    assigneeUserId: text('assignee_user_id'),
    // The lock columns have no foreign key: imported and older rows may have stale values, which the next writer clears
    // (LOCK_PROTOCOL §2).
    checkoutRunId: uuid('checkout_run_id'),
    executionRunId: uuid('execution_run_id'),
    executionAgentNameKey: text('execution_agent_name_key'),
    executionLockedAt: instantColumn('execution_locked_at'),
    lockEpoch: bigint('lock_epoch', { mode: 'number' }).notNull().default(0),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    issueNumber: integer('issue_number').notNull(),
    identifier: text('identifier').notNull(),
    originKind: text('origin_kind').notNull().default('manual'),
    originId: text('origin_id'),
    originRunId: uuid('origin_run_id'),
    requestDepth: integer('request_depth').notNull().default(0),
    billingCode: text('billing_code'),
    assigneeAdapterOverrides: jsonb('assignee_adapter_overrides').$type<Record<string, unknown>>(),
    executionWorkspaceId: uuid('execution_workspace_id'),
    executionWorkspacePreference: text('execution_workspace_preference'),
    executionWorkspaceSettings: jsonb('execution_workspace_settings').$type<Record<string, unknown>>(),
    startedAt: instantColumn('started_at'),
    completedAt: instantColumn('completed_at'),
    cancelledAt: instantColumn('cancelled_at'),
    hiddenAt: instantColumn('hidden_at'),
    /** The run that closed the issue. Its comments do not reopen it (LOCK_PROTOCOL §4.2). */
    closedByRunId: uuid('closed_by_run_id'),
    /** A trigger counts every change of the row here. The ETag is made from it. */
    version: bigint('version', { mode: 'number' }).notNull().default(1),
    /** The index of the priority in `issuePriorities`, which the cursor of the list uses. */
    priorityRank: smallint('priority_rank')
      .notNull()
      .generatedAlwaysAs(sql`case priority when 'critical' then 0 when 'high' then 1 when 'medium' then 2 else 3 end`),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('issues_identifier_key').on(table.identifier),
    // The order of the list: by priority, then latest activity. One index serves the list without a filter, the other by status.
    index('issues_list')
      .on(table.companyId, table.priorityRank, table.updatedAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(sql`hidden_at is null`),
    index('issues_list_by_status')
      .on(table.companyId, table.status, table.priorityRank, table.updatedAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(sql`hidden_at is null`),
    index('issues_assignee')
      .on(table.assigneeAgentId, table.status, table.priorityRank, table.updatedAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(sql`assignee_agent_id is not null`),
    // The unassigned issues that `claim` may take, in the order in which it takes them.
    index('issues_claimable')
      .on(table.companyId, table.status, table.priorityRank, table.createdAt, table.id)
      .where(sql`assignee_agent_id is null and assignee_user_id is null and hidden_at is null`),
    // Lists the holds of a company, and finds those of a run (`isHeldBy`). An update of a held issue writes each index that the issue is in, so the second
    // one has only the issues that the first does not find by their execution: as good as none.
    index('issues_held')
      .on(table.companyId, table.checkoutRunId)
      .where(sql`checkout_run_id is not null or execution_run_id is not null`),
    index('issues_execution_run')
      .on(table.executionRunId)
      .where(sql`execution_run_id is not null and execution_run_id is distinct from checkout_run_id`),
    index('issues_parent')
      .on(table.parentId)
      .where(sql`parent_id is not null`),
    index('issues_project')
      .on(table.projectId)
      .where(sql`project_id is not null`),
    index('issues_list_of_project')
      .on(table.projectId, table.status, table.priorityRank, table.updatedAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(sql`project_id is not null and hidden_at is null`),
    // Few issues have these, so the others pay nothing for the indexes.
    index('issues_project_workspace')
      .on(table.projectWorkspaceId)
      .where(sql`project_workspace_id is not null`),
    index('issues_execution_workspace')
      .on(table.executionWorkspaceId)
      .where(sql`execution_workspace_id is not null`),
    index('issues_origin')
      .on(table.companyId, table.originId)
      .where(sql`origin_id is not null`),
    index('issues_origin_kind')
      .on(table.companyId, table.originKind, table.priorityRank, table.updatedAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(sql`origin_kind <> 'manual'`),
    index('issues_goal')
      .on(table.goalId)
      .where(sql`goal_id is not null`),
    check('issues_status_check', sql.raw(`status in (${list(issueStatus.statuses)})`)),
    check('issues_priority_check', sql.raw(`priority in (${list(issuePriorities)})`)),
    check('issues_one_assignee_check', sql`assignee_agent_id is null or assignee_user_id is null`),
  ],
)

/**
 * Whether a column of an issue names a run, in SQL, in the words of the indexes. A statement that asks for it names the company too.
 * @param alias of the table in the statement
 * @param equals the comparison with the run or the runs: `= $1`, `= any($1)`
 */
export const isHeldBy = (alias: string, equals: SQL): SQL =>
  sql`(${sql.raw(alias)}.checkout_run_id ${equals} or (${sql.raw(alias)}.execution_run_id ${equals}
    and ${sql.raw(alias)}.execution_run_id is distinct from ${sql.raw(alias)}.checkout_run_id))`

/** The column of the issue that a row belongs to. The row is deleted with the issue. */
export const issueId = () =>
  uuid('issue_id')
    .notNull()
    .references(() => issues.id, { onDelete: 'cascade' })

/** Evictions: runs whose hold on an issue an administrator revoked (I5). A row is kept as long as the run. */
export const evictions = pgTable(
  'issue_lock_evictions',
  {
    issueId: issueId(),
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.issueId, table.runId] }), index('issue_lock_evictions_run').on(table.runId)],
)

export const comments = pgTable(
  'issue_comments',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    authorAgentId: uuid('author_agent_id'),
    authorUserId: text('author_user_id'),
    createdByRunId: uuid('created_by_run_id'),
    body: text('body').notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('issue_comments_issue').on(table.issueId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    index('issue_comments_author_agent')
      .on(table.authorAgentId, table.issueId)
      .where(sql`author_agent_id is not null`),
    index('issue_comments_author_user')
      .on(table.authorUserId, table.issueId)
      .where(sql`author_user_id is not null`),
  ],
)

/** The issue `blocker` must be done before a run may take the issue `blocked`. */
export const blockers = pgTable(
  'issue_blockers',
  {
    blockedIssueId: uuid('blocked_issue_id')
      .notNull()
      .references(() => issues.id, { onDelete: 'cascade' }),
    blockerIssueId: uuid('blocker_issue_id')
      .notNull()
      .references(() => issues.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.blockedIssueId, table.blockerIssueId] }),
    index('issue_blockers_blocker').on(table.blockerIssueId),
    check('issue_blockers_self_check', sql`blocked_issue_id <> blocker_issue_id`),
  ],
)

export const labels = pgTable(
  'labels',
  {
    id: primaryId(),
    companyId: companyId(),
    name: text('name').notNull(),
    color: text('color').notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('labels_name_key').on(table.companyId, sql`lower(name)`)],
)

export const issueLabels = pgTable(
  'issue_labels',
  {
    issueId: issueId(),
    labelId: uuid('label_id')
      .notNull()
      .references(() => labels.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.issueId, table.labelId] }), index('issue_labels_label').on(table.labelId, table.issueId)],
)

/** The time at which a board user last read an issue. */
export const readStates = pgTable(
  'issue_read_states',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    userId: text('user_id').notNull(),
    lastReadAt: instantColumn('last_read_at')
      .notNull()
      .default(sql`now()`),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('issue_read_states_key').on(table.issueId, table.userId)],
)

/** Issues that a board user has archived in the inbox. */
export const inboxArchives = pgTable(
  'issue_inbox_archives',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    userId: text('user_id').notNull(),
    archivedAt: instantColumn('archived_at')
      .notNull()
      .default(sql`now()`),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('issue_inbox_archives_key').on(table.issueId, table.userId)],
)

/** Items of other kinds that a board user has dismissed from the inbox: an approval, a failed run. */
export const inboxDismissals = pgTable(
  'inbox_dismissals',
  {
    id: primaryId(),
    companyId: companyId(),
    userId: text('user_id').notNull(),
    itemKey: text('item_key').notNull(),
    dismissedAt: instantColumn('dismissed_at')
      .notNull()
      .default(sql`now()`),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('inbox_dismissals_key').on(table.companyId, table.userId, table.itemKey)],
)
