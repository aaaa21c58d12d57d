import { sql } from 'drizzle-orm'
import type { Store, Tx } from '../../platform/db/types.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunOutcome, RunStatus } from '../../model/runStatus.ts'

/** Where the complete log of a run is. */
export interface LogFacts {
  readonly store: 'postgres'
  readonly ref: string
  readonly bytes: number
  readonly sha256: string
}

/** The facts about the exit of a run's process, as its supervisor observed them. */
export interface ExitFacts {
  readonly exitCode: number | null
  readonly signal: string | null
  /** Null for a run that wrote nothing. */
  readonly log: LogFacts | null
  readonly stdoutExcerpt: string
  readonly stderrExcerpt: string
}

/** How a run ended. */
export interface RunResult {
  readonly status: RunOutcome
  readonly error?: string | null | undefined
  readonly errorCode?: string | null | undefined
  readonly usageJson?: Readonly<Record<string, unknown>> | null | undefined
  readonly resultJson?: Readonly<Record<string, unknown>> | null | undefined
  readonly sessionIdAfter?: string | null | undefined
  readonly exitFacts?: ExitFacts | undefined
  /** The run did not end by itself: its server, or the session that it was to resume, is lost. Its wake may get another run. */
  readonly retryable?: boolean | undefined
  /** The run was stopped by an operator's act: its wake gets another run however often that happens. */
  readonly costsNothing?: boolean | undefined
}

/** The result that Paperclip's API documents for a run that the board cancels. */
export const CANCELLED_BY_BOARD: RunResult = { status: 'cancelled', error: 'Cancelled by control plane', errorCode: 'cancelled' }

interface ExitFactParams {
  exitCode: number | null
  signal: string | null
  logStore: string | null
  logRef: string | null
  logBytes: number | null
  logSha256: string | null
  stdoutExcerpt: string | null
  stderrExcerpt: string | null
}

const setExitFacts = sql`exit_code = coalesce(${param('exitCode', 'int')}, exit_code), signal = coalesce(${param('signal')}, signal),
  log_store = coalesce(${param('logStore')}, log_store), log_ref = coalesce(${param('logRef')}, log_ref),
  log_bytes = coalesce(${param('logBytes', 'bigint')}, log_bytes), log_sha256 = coalesce(${param('logSha256')}, log_sha256),
  stdout_excerpt = coalesce(${param('stdoutExcerpt')}, stdout_excerpt), stderr_excerpt = coalesce(${param('stderrExcerpt')}, stderr_excerpt)`

const exitFactParams = (exitFacts: ExitFacts | undefined): ExitFactParams => ({
  exitCode: exitFacts?.exitCode ?? null,
  signal: exitFacts?.signal ?? null,
  logStore: exitFacts?.log?.store ?? null,
  logRef: exitFacts?.log?.ref ?? null,
  logBytes: exitFacts?.log?.bytes ?? null,
  logSha256: exitFacts?.log?.sha256 ?? null,
  stdoutExcerpt: exitFacts?.stdoutExcerpt ?? null,
  stderrExcerpt: exitFacts?.stderrExcerpt ?? null,
})

const updateResult = statement<
  {
    id: string
    from: RunStatus
    status: RunOutcome
    error: string | null
    errorCode: string | null
    usageJson: string | null
    resultJson: string | null
    sessionIdAfter: string | null
  } & ExitFactParams,
  RunRow
>('run_close').write(sql`
  update ${runs} set status = ${param('status')}, finished_at = now(), updated_at = now(), error = ${param('error')},
    error_code = ${param('errorCode')}, usage_json = coalesce(${param('usageJson', 'jsonb')}, usage_json),
    result_json = coalesce(${param('resultJson', 'jsonb')}, result_json),
    session_id_after = coalesce(${param('sessionIdAfter')}, session_id_after), ${setExitFacts}
  where id = ${param('id')} and status = ${param('from')}
  returning ${runColumns}`)

const json = (value: unknown): string | null => (value === undefined || value === null ? null : JSON.stringify(value))

/** (tx) The only writer of a run's end. Expects the run's row lock; refuses a second end. */
export async function recordRunResult(tx: Tx, id: string, from: RunStatus, result: RunResult): Promise<RunRow> {
  runStatus.transition(from, result.status)
  const rows = await tx.run(updateResult, {
    id,
    from,
    status: result.status,
    error: result.error ?? null,
    errorCode: result.errorCode ?? null,
    usageJson: json(result.usageJson),
    resultJson: json(result.resultJson),
    sessionIdAfter: result.sessionIdAfter ?? null,
    ...exitFactParams(result.exitFacts),
  })
  return exactlyOne(rows)
}

const updateExitFacts = statement<ExitFactParams & { id: string; usageJson: string | null }, { id: string }>('run_leave_traces')
  .unaudited(sql`
  update ${runs} set usage_json = coalesce(${param('usageJson', 'jsonb')}, usage_json), ${setExitFacts}
  where id = ${param('id')} returning id`)

/** Records the exit facts of a run that another party has ended. Its outcome stays unchanged; the usage is what its program reported. */
export async function recordExitFacts(store: Store, id: string, exitFacts: ExitFacts, usageJson: RunResult['usageJson']): Promise<void> {
  await writeUnaudited(store, updateExitFacts, { id, usageJson: json(usageJson), ...exitFactParams(exitFacts) })
}
