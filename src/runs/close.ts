import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import type { Store } from '../db/store.ts'
import { note } from '../db/telemetry.ts'
import { only } from '../kernel/only.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'
import { runStatus } from './status.ts'
import type { RunOutcome, RunStatus } from './status.ts'

/** Where the log of a run is, once it is whole. */
export interface LogFacts {
  readonly store: 'postgres'
  readonly ref: string
  readonly bytes: number
  readonly sha256: string
}

/** What the process of a run left behind, as its supervisor saw it. */
export interface Traces {
  readonly exitCode: number | null
  readonly signal: string | null
  /** Null for a run that wrote nothing. */
  readonly log: LogFacts | null
  readonly stdoutExcerpt: string
  readonly stderrExcerpt: string
}

/** How a run ended. */
export interface Ending {
  readonly status: RunOutcome
  readonly error?: string | null | undefined
  readonly errorCode?: string | null | undefined
  readonly usageJson?: Readonly<Record<string, unknown>> | null | undefined
  readonly resultJson?: Readonly<Record<string, unknown>> | null | undefined
  readonly sessionIdAfter?: string | null | undefined
  readonly traces?: Traces | undefined
  /** It did not end by its own doing: its server, or the session it was to go on with, is gone. Its wake is worth another run. */
  readonly isWorthAnother?: boolean | undefined
}

interface TraceParams {
  exitCode: number | null
  signal: string | null
  logStore: string | null
  logRef: string | null
  logBytes: number | null
  logSha256: string | null
  stdoutExcerpt: string | null
  stderrExcerpt: string | null
}

const setTraces = sql`exit_code = coalesce(${param('exitCode', 'int')}, exit_code), signal = coalesce(${param('signal')}, signal),
  log_store = coalesce(${param('logStore')}, log_store), log_ref = coalesce(${param('logRef')}, log_ref),
  log_bytes = coalesce(${param('logBytes', 'bigint')}, log_bytes), log_sha256 = coalesce(${param('logSha256')}, log_sha256),
  stdout_excerpt = coalesce(${param('stdoutExcerpt')}, stdout_excerpt), stderr_excerpt = coalesce(${param('stderrExcerpt')}, stderr_excerpt)`

const traceParams = (traces: Traces | undefined): TraceParams => ({
  exitCode: traces?.exitCode ?? null,
  signal: traces?.signal ?? null,
  logStore: traces?.log?.store ?? null,
  logRef: traces?.log?.ref ?? null,
  logBytes: traces?.log?.bytes ?? null,
  logSha256: traces?.log?.sha256 ?? null,
  stdoutExcerpt: traces?.stdoutExcerpt ?? null,
  stderrExcerpt: traces?.stderrExcerpt ?? null,
})

const closeRow = statement<
  {
    id: string
    from: RunStatus
    status: RunOutcome
    error: string | null
    errorCode: string | null
    usageJson: string | null
    resultJson: string | null
    sessionIdAfter: string | null
  } & TraceParams,
  RunRow
>('run_close').write(sql`
  update ${runs} set status = ${param('status')}, finished_at = now(), updated_at = now(), error = ${param('error')},
    error_code = ${param('errorCode')}, usage_json = coalesce(${param('usageJson', 'jsonb')}, usage_json),
    result_json = coalesce(${param('resultJson', 'jsonb')}, result_json),
    session_id_after = coalesce(${param('sessionIdAfter')}, session_id_after), ${setTraces}
  where id = ${param('id')} and status = ${param('from')}
  returning ${runColumns}`)

const json = (value: unknown): string | null => (value === undefined || value === null ? null : JSON.stringify(value))

/** (tx) The only writer of a run's end. Expects the run's row lock; refuses a second end. */
export async function closeRun(tx: Tx, id: string, from: RunStatus, ending: Ending): Promise<RunRow> {
  runStatus.step(from, ending.status)
  const rows = await tx.run(closeRow, {
    id,
    from,
    status: ending.status,
    error: ending.error ?? null,
    errorCode: ending.errorCode ?? null,
    usageJson: json(ending.usageJson),
    resultJson: json(ending.resultJson),
    sessionIdAfter: ending.sessionIdAfter ?? null,
    ...traceParams(ending.traces),
  })
  return only(rows)
}

const leaveTraces = statement<TraceParams & { id: string; usageJson: string | null }, { id: string }>('run_leave_traces').telemetry(sql`
  update ${runs} set usage_json = coalesce(usage_json, ${param('usageJson', 'jsonb')}), ${setTraces}
  where id = ${param('id')} returning id`)

/** Notes what the process of a run left behind after somebody else ended the run. Its outcome stays as it is. */
export async function noteTraces(store: Store, id: string, traces: Traces, usageJson: Ending['usageJson']): Promise<void> {
  await note(store, leaveTraces, { id, usageJson: json(usageJson), ...traceParams(traces) })
}
