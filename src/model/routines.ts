import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'
import { issuePriorities } from './issueStatus.ts'
import { goals, projects } from './projects.ts'
import {
  catchUpPolicies,
  concurrencyPolicies,
  routinePauseReasons,
  routineRunSources,
  routineRunStatus,
  routineStatus,
  signingModes,
  triggerKinds,
} from './routineStatus.ts'
import type { VariableType } from './routineStatus.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** A value of a variable. */
export type VariableValue = string | number | boolean

/** A variable of a routine, whose value stands in the title and the description of its issues as `{{name}}`. */
export interface RoutineVariable {
  readonly name: string
  readonly label: string | null
  readonly type: VariableType
  readonly defaultValue: VariableValue | null
  readonly required: boolean
  /** The values of a `select`. */
  readonly options: readonly string[]
}

const authors = {
  createdByAgentId: uuid('created_by_agent_id'),
  createdByUserId: text('created_by_user_id'),
  updatedByAgentId: uuid('updated_by_agent_id'),
  updatedByUserId: text('updated_by_user_id'),
}

/**
 * Work that comes back: the issue that each run of it makes. Project, goal and assignee are deleted under the lock of the company, which every
 * write of a routine takes too; an issue is not, so its column has no foreign key and may name one that is gone.
 */
export const routines = pgTable(
  'routines',
  {
    id: primaryId(),
    companyId: companyId(),
    projectId: uuid('project_id').references(() => projects.id, { onDelete: 'set null' }),
    goalId: uuid('goal_id').references(() => goals.id, { onDelete: 'set null' }),
    parentIssueId: uuid('parent_issue_id'),
    title: text('title').notNull(),
    description: text('description'),
    assigneeAgentId: uuid('assignee_agent_id').references(() => agents.id, { onDelete: 'set null' }),
    priority: text('priority', { enum: issuePriorities }).notNull().default('medium'),
    status: text('status', { enum: routineStatus.statuses }).notNull().default('active'),
    /** Null while it is active. */
    pauseReason: text('pause_reason', { enum: routinePauseReasons }),
    concurrencyPolicy: text('concurrency_policy', { enum: concurrencyPolicies }).notNull().default('coalesce_if_active'),
    catchUpPolicy: text('catch_up_policy', { enum: catchUpPolicies }).notNull().default('skip_missed'),
    variables: jsonb('variables').$type<readonly RoutineVariable[]>().notNull().default([]),
    ...authors,
    lastTriggeredAt: instantColumn('last_triggered_at'),
    lastEnqueuedAt: instantColumn('last_enqueued_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('routines_company').on(table.companyId, table.createdAt, table.id),
    index('routines_assignee')
      .on(table.assigneeAgentId)
      .where(sql`assignee_agent_id is not null`),
    index('routines_project')
      .on(table.projectId)
      .where(sql`project_id is not null`),
    index('routines_goal')
      .on(table.goalId)
      .where(sql`goal_id is not null`),
    check('routines_status_check', sql.raw(`status in (${list(routineStatus.statuses)})`)),
    check('routines_pause_check', sql`(status = 'active') = (pause_reason is null)`),
  ],
)

/**
 * The cause of runs of a routine. A schedule has the next time at which it is due while it and its routine are active. A webhook has a sealed
 * secret, bound to the trigger and the version of the secret.
 */
export const routineTriggers = pgTable(
  'routine_triggers',
  {
    id: primaryId(),
    companyId: companyId(),
    routineId: uuid('routine_id')
      .notNull()
      .references(() => routines.id, { onDelete: 'cascade' }),
    kind: text('kind', { enum: triggerKinds }).notNull(),
    label: text('label'),
    enabled: boolean('enabled').notNull().default(true),
    cronExpression: text('cron_expression'),
    timezone: text('timezone'),
    /** Whether an agent wrote the expression or the zone last. The runs by such schedules stay within the quotas of agents (I21). */
    setByAgent: boolean('set_by_agent').notNull().default(false),
    nextRunAt: instantColumn('next_run_at'),
    /** The last time that was fired or passed over. No time up to it is ever due again, wherever the clock is set. */
    lastDueAt: instantColumn('last_due_at'),
    lastFiredAt: instantColumn('last_fired_at'),
    publicId: text('public_id'),
    signingMode: text('signing_mode', { enum: signingModes }),
    replayWindowSec: integer('replay_window_sec'),
    secretVersion: integer('secret_version').notNull().default(0),
    keyId: uuid('key_id'),
    sealed: bytes('sealed'),
    lastRotatedAt: instantColumn('last_rotated_at'),
    lastResult: text('last_result'),
    ...authors,
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('routine_triggers_routine').on(table.routineId, table.createdAt, table.id),
    index('routine_triggers_company').on(table.companyId),
    uniqueIndex('routine_triggers_public_key')
      .on(table.publicId)
      .where(sql`public_id is not null`),
    // The task looks every second, and only at what is due.
    index('routine_triggers_due')
      .on(table.nextRunAt, table.id)
      .where(sql`next_run_at is not null`),
    check('routine_triggers_kind_check', sql.raw(`kind in (${list(triggerKinds)})`)),
    check('routine_triggers_schedule_check', sql`(kind = 'schedule') = (cron_expression is not null and timezone is not null)`),
    check(
      'routine_triggers_webhook_check',
      sql`(kind = 'webhook') = (public_id is not null and sealed is not null and key_id is not null)`,
    ),
    check('routine_triggers_due_check', sql`next_run_at is null or (kind = 'schedule' and enabled)`),
  ],
)

/** One run of a routine: what made it run, and what came of it. Each due time of a trigger has at most one. */
export const routineRuns = pgTable(
  'routine_runs',
  {
    id: primaryId(),
    companyId: companyId(),
    routineId: uuid('routine_id')
      .notNull()
      .references(() => routines.id, { onDelete: 'cascade' }),
    triggerId: uuid('trigger_id'),
    source: text('source', { enum: routineRunSources }).notNull(),
    status: text('status', { enum: routineRunStatus.statuses }).notNull(),
    triggeredAt: instantColumn('triggered_at')
      .notNull()
      .default(sql`now()`),
    /** The time of the schedule that this is the run of. */
    dueAt: instantColumn('due_at'),
    idempotencyKey: text('idempotency_key'),
    /** The hash of a signature that has fired once. */
    replayKey: text('replay_key'),
    triggerPayload: jsonb('trigger_payload').$type<unknown>(),
    linkedIssueId: uuid('linked_issue_id'),
    /** Whether its issue is done, cancelled or deleted. The database notes it with the change of the issue (`note_closed_issue_of_routine`). */
    issueClosed: boolean('issue_closed').notNull().default(false),
    coalescedIntoRunId: uuid('coalesced_into_run_id'),
    failureReason: text('failure_reason'),
    dispatchFingerprint: text('dispatch_fingerprint'),
    completedAt: instantColumn('completed_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('routine_runs_routine').on(table.routineId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    index('routine_runs_company').on(table.companyId),
    index('routine_runs_age').on(table.createdAt),
    uniqueIndex('routine_runs_due_key')
      .on(table.triggerId, table.dueAt)
      .where(sql`due_at is not null`),
    // A key belongs to who sends it: a webhook, or those who run the routine by hand.
    uniqueIndex('routine_runs_idempotency_key')
      .on(table.routineId, sql`coalesce(trigger_id, routine_id)`, table.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    uniqueIndex('routine_runs_replay_key')
      .on(table.triggerId, table.replayKey)
      .where(sql`replay_key is not null`),
    // Whether an earlier issue of a routine is open is asked by each run of it.
    index('routine_runs_active')
      .on(table.routineId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(sql`status = 'issue_created'`),
    // The task looks every second, and only at what has ended.
    index('routine_runs_closed')
      .on(table.createdAt, table.id)
      .where(sql`status = 'issue_created' and issue_closed`),
    check('routine_runs_status_check', sql.raw(`status in (${list(routineRunStatus.statuses)})`)),
    check('routine_runs_source_check', sql.raw(`source in (${list(routineRunSources)})`)),
  ],
)
