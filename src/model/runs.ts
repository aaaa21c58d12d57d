import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, boolean, check, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { runStatus } from './runStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'

const unendedStatuses = "('queued', 'running')"

/** The qualified name of a column; a statement that updates the one table may have no alias. */
const columnOf = (alias: string | undefined, column: string): string => (alias === undefined ? column : `${alias}.${column}`)

/**
 * Whether the lease of a run has not expired, in SQL. It reads `clock_timestamp()` and not `now()`, which is the start of
 * the transaction: a transaction that waited for a row lock would take a lease for valid that expired during the wait.
 *
 * Three statements use `now()` on purpose. The reaper compares with a value that is the same for all rows, so that its index scan
 * ends at the first lease that has not expired. The check of a run's token and the search for a queued run wait for no
 * lock, and what they find is checked again under the lock before it decides a write.
 * @param alias of the table `heartbeat_runs` in the statement; left out where the statement has no alias
 */
export const hasLease = (alias?: string): SQL => sql.raw(`${columnOf(alias, 'lease_expires_at')} > clock_timestamp()`)

/**
 * Whether a run is live, in SQL: queued or running, and its lease has not expired on the database's clock
 * (LOCK_PROTOCOL §2). It has no counterpart in TypeScript, because only the database's clock decides.
 * @param alias as in `hasLease`
 */
export const isLive = (alias?: string): SQL =>
  sql`(${sql.raw(columnOf(alias, 'status'))} in ${sql.raw(unendedStatuses)} and ${hasLease(alias)})`

/**
 * Whether a run has not ended, in SQL, in the words of the partial indexes of runs that have not ended. Only a statement
 * that is to use such an index has this condition.
 *
 * The `coalesce` hides from Postgres that another condition implies that of the index. While a queue is empty these
 * indexes look cheaper to the planner than a primary key. With that plan a statement reads the whole queue to find one
 * run once the queue is full: starting ten thousand runs took twice the time.
 * @param alias as in `hasLease`
 */
export const isUnended = (alias?: string): SQL => sql.raw(`coalesce(${columnOf(alias, 'status')} in ${unendedStatuses}, false)`)

/** One execution of an agent. A row with only a company, an agent and a status is a valid run. */
/** Whether a run has ended, in SQL, in the words of the partial indexes of ended runs. */
export const isEnded = sql.raw("status in ('succeeded', 'failed', 'cancelled', 'timed_out')")

export const runs = pgTable(
  'heartbeat_runs',
  {
    id: primaryId(),
    companyId: companyId(),
    agentId: uuid('agent_id')
      .notNull()
      .references(() => agents.id, { onDelete: 'cascade' }),
    /** The issue for which the run was opened. The issues that it holds are found in the lock columns of the issues only. */
    issueId: uuid('issue_id'),
    invocationSource: text('invocation_source').notNull().default('on_demand'),
    triggerDetail: text('trigger_detail'),
    status: text('status', { enum: runStatus.statuses }).notNull().default('queued'),
    /** Length of the lease in seconds, as requested when the run was opened. */
    leaseSeconds: integer('lease_seconds').notNull().default(300),
    leaseExpiresAt: instantColumn('lease_expires_at')
      .notNull()
      .default(sql`now() + interval '5 minutes'`),
    lastSeenAt: instantColumn('last_seen_at'),
    startedAt: instantColumn('started_at'),
    finishedAt: instantColumn('finished_at'),
    error: text('error'),
    errorCode: text('error_code'),
    wakeupRequestId: uuid('wakeup_request_id'),
    exitCode: integer('exit_code'),
    signal: text('signal'),
    usageJson: jsonb('usage_json').$type<Record<string, unknown>>(),
    resultJson: jsonb('result_json').$type<Record<string, unknown>>(),
    sessionIdBefore: text('session_id_before'),
    sessionIdAfter: text('session_id_after'),
    logStore: text('log_store'),
    logRef: text('log_ref'),
    logBytes: bigint('log_bytes', { mode: 'number' }),
    logSha256: text('log_sha256'),
    logCompressed: boolean('log_compressed').notNull().default(false),
    stdoutExcerpt: text('stdout_excerpt'),
    stderrExcerpt: text('stderr_excerpt'),
    externalRunId: text('external_run_id'),
    processPid: integer('process_pid'),
    processStartedAt: instantColumn('process_started_at'),
    /** The server that supervises the run, and the identity of its child process, which distinguishes it from a later process with the same pid. */
    supervisorId: uuid('supervisor_id'),
    processIdentity: text('process_identity'),
    retryOfRunId: uuid('retry_of_run_id'),
    processLossRetryCount: integer('process_loss_retry_count').notNull().default(0),
    /** When a heartbeat of the run was answered with the order to stop; null while none was. */
    stopOrderedAt: instantColumn('stop_ordered_at'),
    contextSnapshot: jsonb('context_snapshot').$type<Record<string, unknown>>(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('heartbeat_runs_company').on(table.companyId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    index('heartbeat_runs_agent').on(table.agentId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    // Serves the history of an issue, and the deletion of an issue.
    index('heartbeat_runs_issue')
      .on(table.issueId)
      .where(sql`issue_id is not null`),
    // The reaper and the counters read only runs that have not ended. Without the predicate the index would be as large as the table.
    index('heartbeat_runs_unended').on(table.leaseExpiresAt).where(isUnended()),
    // Counts the running runs of an agent, finds its oldest queued run, and skips from one waiting agent to the next,
    // independently of the number of runs that wait for each.
    index('heartbeat_runs_unended_agent').on(table.status, table.agentId, table.createdAt, table.id).where(isUnended()),
    // Counts the live runs of a company that were opened through the API.
    index('heartbeat_runs_opened')
      .on(table.companyId, table.agentId)
      .where(sql`${isUnended()} and wakeup_request_id is null`),
    // Ended runs by how they ended. A run is entered once, at its end, and a renewal of a lease costs nothing here.
    index('heartbeat_runs_ended')
      .on(table.companyId, table.status, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(isEnded),
    index('heartbeat_runs_ended_of_agent')
      .on(table.agentId, table.status, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())
      .where(isEnded),
    check('heartbeat_runs_status_check', sql.raw(`status in (${runStatus.statuses.map((s) => `'${s}'`).join(', ')})`)),
    check('heartbeat_runs_lease_check', sql`lease_seconds between 1 and 86400`),
  ],
)
