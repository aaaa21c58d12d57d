import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { runs } from '../model/runs.ts'
import type { RunOutcome } from '../model/runStatus.ts'
import { insertRows, rowColumn } from '../platform/db/insertRows.ts'
import { redact } from '../platform/kernel/redact.ts'
import { createdColumn, id, idColumn, INT_MAX, line, needed, orElse, recordOf, reference, time, updatedColumn } from './columns.ts'
import type { SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move } from './move.ts'
import { found, moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

/** The longest text of a run that comes, in characters: what a run printed in full is in the source's log files. */
const MAX_TEXT = 100_000
/** The longest results and contexts, as JSON. */
const MAX_JSON = 200_000
/** The longest usage, as JSON: it is a few numbers. */
const MAX_USAGE = 20_000
const outcomes = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const satisfies readonly RunOutcome[]
const text = (column: string, max = MAX_TEXT) => orElse('text', column, z.string().max(max).nullable(), null)
const whole = z.int().min(-INT_MAX).max(INT_MAX).nullable()

export const runTable = {
  name: 'heartbeat_runs',
  columns: {
    id: idColumn,
    agentId: needed('uuid', 'agent_id', id),
    invocationSource: orElse('text', 'invocation_source', line(100), 'on_demand'),
    triggerDetail: text('trigger_detail', 500),
    status: orElse('text', 'status', line(100), 'cancelled'),
    startedAt: orElse('time', 'started_at', time.nullable(), null),
    finishedAt: orElse('time', 'finished_at', time.nullable(), null),
    error: text('error'),
    errorCode: text('error_code', 200),
    exitCode: orElse('int', 'exit_code', whole, null),
    signal: text('signal', 50),
    usageJson: orElse('json', 'usage_json', recordOf(MAX_USAGE).nullable(), null),
    resultJson: orElse('json', 'result_json', recordOf(MAX_JSON).nullable(), null),
    sessionIdBefore: text('session_id_before', 500),
    sessionIdAfter: text('session_id_after', 500),
    stdoutExcerpt: text('stdout_excerpt'),
    stderrExcerpt: text('stderr_excerpt'),
    externalRunId: text('external_run_id', 500),
    retryOfRunId: reference('retry_of_run_id'),
    processLossRetryCount: orElse('int', 'process_loss_retry_count', z.int().min(0).max(INT_MAX), 0),
    contextSnapshot: orElse('json', 'context_snapshot', recordOf(MAX_JSON).nullable(), null),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const ended = rowColumn('finishedAt')

const insertRuns = insertRows(
  'moveover_runs',
  runs,
  [
    'id',
    'companyId',
    'agentId',
    'issueId',
    'invocationSource',
    'triggerDetail',
    'status',
    'leaseSeconds',
    'leaseExpiresAt',
    'startedAt',
    'finishedAt',
    'error',
    'errorCode',
    'exitCode',
    'signal',
    'usageJson',
    'resultJson',
    'sessionIdBefore',
    'sessionIdAfter',
    'stdoutExcerpt',
    'stderrExcerpt',
    'logCompressed',
    'externalRunId',
    'retryOfRunId',
    'processLossRetryCount',
    'contextSnapshot',
    'createdAt',
    'updatedAt',
  ],
  // The end of a run that was live in the source is the time at which it came.
  { computed: { finishedAt: sql`coalesce(${ended}, now())`, leaseExpiresAt: sql`coalesce(${ended}, now())` } },
)
type RunRow = Parameters<typeof insertRuns>[1][number] & { readonly id: string }

const outcomeOf = (status: string): RunOutcome | null => outcomes.find((outcome) => outcome === status) ?? null

/** The issue that a run of the source was about stands in its context only. */
const issueOf = (context: Readonly<Record<string, unknown>> | null): string | null => {
  const issueId = context?.['issueId']
  return typeof issueId === 'string' ? issueId : null
}

const STILL_LIVE = {
  errorCode: 'moved_over',
  error: 'The run was not over in the server that it came from when its company was moved here',
}

const movement: Movement<(typeof runTable)['columns'], RunRow> = {
  table: runTable,
  noun: {
    name: 'heartbeat_runs',
    knownById: knownIn('runs', runs),
    async write(tx, rows) {
      await insertRuns(tx, rows)
      return []
    },
  },
  shape({ agentId, status, ...row }, note, { companyId, present }) {
    if (found(present.agents, agentId, 'the run', note) === null) return null
    const outcome = outcomeOf(status)
    if (outcome === null) note('it arrives as cancelled: it was not over in the source')
    const issueId = issueOf(row.contextSnapshot)
    return {
      // Texts that a run was given or wrote may show secrets, and the server that it came from may not have covered them.
      ...redact(row),
      ...(outcome === null ? STILL_LIVE : {}),
      companyId,
      agentId,
      status: outcome ?? 'cancelled',
      issueId: issueId !== null && present.issues.has(issueId) ? issueId : null,
      leaseSeconds: 1,
      leaseExpiresAt: row.finishedAt ?? row.createdAt,
      logCompressed: false,
    }
  },
}

/** Brings the runs of a company. All of them have ended: what was alive there is not alive here. */
export const moveRuns = async (move: Move): Promise<void> => await moveTable(move, movement)
