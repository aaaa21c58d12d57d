import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { closePolicies, operationPhases, operationStatuses, reusePolicies, workspaceEnds, workspaceStatus } from './workspaceStatus.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/**
 * A worktree of git in which runs of one agent for one issue work. A run has it while the run is live and `lease_run_id` names it, so the end of the run is the
 * end of its lease, whichever way it ends.
 */
export const executionWorkspaces = pgTable(
  'execution_workspaces',
  {
    id: primaryId(),
    companyId: companyId(),
    // No foreign keys: what a workspace was made for may be deleted, and its folder is still there.
    projectId: uuid('project_id').notNull(),
    projectWorkspaceId: uuid('project_workspace_id').notNull(),
    sourceIssueId: uuid('source_issue_id').notNull(),
    agentId: uuid('agent_id').notNull(),
    name: text('name').notNull(),
    status: text('status', { enum: workspaceStatus.statuses }).notNull().default('preparing'),
    /** The folder of the repository when the workspace was made, as the board wrote it. */
    repository: text('repository').notNull(),
    /** The name of the worktree in its folder and in the repository. */
    worktreeName: text('worktree_name').notNull(),
    branchName: text('branch_name').notNull(),
    /** The branch, tag or commit of the project that it began at; null for the head of the repository. */
    baseRef: text('base_ref'),
    baseCommit: text('base_commit'),
    /** The mark of the folder of the operator in which it stands. Only a server that has that folder touches it. */
    folderMark: uuid('folder_mark').notNull(),
    cwd: text('cwd').notNull(),
    reusePolicy: text('reuse_policy', { enum: reusePolicies }).notNull(),
    closePolicy: text('close_policy', { enum: closePolicies }).notNull(),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    /** The run that has it, or had it last. */
    leaseRunId: uuid('lease_run_id'),
    /** The process that makes or closes it, and until when; another one then cleans up. */
    claimedBy: text('claimed_by'),
    claimedUntil: instantColumn('claimed_until'),
    /** When this server looks again whether it may be closed. */
    nextCheckAt: instantColumn('next_check_at')
      .notNull()
      .default(sql`now()`),
    lastUsedAt: instantColumn('last_used_at')
      .notNull()
      .default(sql`now()`),
    closedAt: instantColumn('closed_at'),
    closedReason: text('closed_reason', { enum: workspaceEnds }),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('execution_workspaces_company').on(table.companyId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    index('execution_workspaces_issue').on(table.sourceIssueId),
    index('execution_workspaces_unclosed')
      .on(table.folderMark, table.nextCheckAt)
      .where(sql`status <> 'archived'`),
    index('execution_workspaces_closed')
      .on(table.closedAt)
      .where(sql`status = 'archived'`),
    // The last wall: no run has two worktrees, and with the row lock no worktree two runs.
    uniqueIndex('execution_workspaces_lease_key')
      .on(table.leaseRunId)
      .where(sql`status in ('preparing', 'open')`),
    check('execution_workspaces_status_check', sql.raw(`status in (${list(workspaceStatus.statuses)})`)),
    check('execution_workspaces_reason_check', sql.raw(`closed_reason in (${list(workspaceEnds)})`)),
    check(
      'execution_workspaces_closed_check',
      sql`(status = 'archived') = (closed_at is not null) and (status = 'archived') = (closed_reason is not null)`,
    ),
    check(
      'execution_workspaces_claim_check',
      sql`(status in ('preparing', 'closing')) = (claimed_by is not null) and (claimed_by is null) = (claimed_until is null)`,
    ),
  ],
)

/** An act of a server on a workspace. */
export const workspaceOperations = pgTable(
  'workspace_operations',
  {
    id: primaryId(),
    companyId: companyId(),
    executionWorkspaceId: uuid('workspace_id')
      .notNull()
      .references(() => executionWorkspaces.id, { onDelete: 'cascade' }),
    runId: uuid('run_id'),
    phase: text('phase', { enum: operationPhases }).notNull(),
    status: text('status', { enum: operationStatuses }).notNull().default('running'),
    error: text('error'),
    /** Lines of JSON, as the log of a run has them, without what looks like a secret. */
    log: text('log').notNull().default(''),
    logBytes: integer('log_bytes').notNull().default(0),
    /** The order in which they were begun. */
    number: bigint('number', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    startedAt: instantColumn('started_at')
      .notNull()
      .default(sql`now()`),
    finishedAt: instantColumn('finished_at'),
    createdAt: createdAt(),
  },
  (table) => [
    index('workspace_operations_workspace').on(table.executionWorkspaceId, table.number),
    index('workspace_operations_company').on(table.companyId),
    index('workspace_operations_run')
      .on(table.runId)
      .where(sql`run_id is not null`),
    check('workspace_operations_phase_check', sql.raw(`phase in (${list(operationPhases)})`)),
    check('workspace_operations_status_check', sql.raw(`status in (${list(operationStatuses)})`)),
    check('workspace_operations_finished_check', sql`(status = 'running') = (finished_at is null)`),
  ],
)
