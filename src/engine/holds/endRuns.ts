import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { isDeferred, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { lockRunFacts } from '../../auth/runFacts.ts'
import { recordRunResult, runFinished } from '../runs/index.ts'
import { runStatus } from '../../model/runStatus.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import type { RunResult, RunRow } from '../runs/index.ts'
import { finishWakes, promoteWake, promoteWakeIfFree, retryWakes } from '../wakes/index.ts'
import { holdCleared } from './events.ts'
import { lockIssues } from './holdFacts.ts'
import type { LockedIssue } from './holdFacts.ts'
import { clearHoldOf } from './holdColumns.ts'

const issuesOfRuns = statement<{ runIds: string[]; companyId: string }, { id: string }>('end_issues_of_runs').read(sql`
  select id from ${issues} where company_id = ${param('companyId')}
    and (checkout_run_id = any(${param('runIds', 'uuid[]')}) or execution_run_id = any(${param('runIds', 'uuid[]')}))`)

// Those who wait for an issue behind a run that was queued for it and has not taken it: their turn comes with its end.
// That the run has not ended is not asked: the planner would rather read all that have not than this one by its id.
const issuesWaitedFor = statement<{ runIds: string[]; companyId: string }, { id: string }>('end_issues_waited_for').read(sql`
  select distinct w.issue_id as id from ${runs} r join ${wakes} w on w.issue_id = r.issue_id and ${isDeferred('w')}
  where r.id = any(${param('runIds', 'uuid[]')}) and r.company_id = ${param('companyId')}`)

/** Issues and runs as `lockForEnd` has locked them. */
export interface LockedForEnd {
  readonly issues: readonly LockedIssue[]
  readonly runs: readonly RunFact[]
}

/** Makes `mutate` run the whole body again: what was seen before the locks is no longer so. */
export const retryTransaction = (): Error => Object.assign(new Error('start over'), { code: '40001' })

/**
 * (tx) Locks runs that are to end and every issue whose columns name them or that somebody waits for behind them, in the
 * global order. An issue that came to name a run between the look and the run's lock makes the attempt start over
 * (lock-protocol §6). Whoever came to wait meanwhile waits for a live holder, whose own end it will be.
 *
 * @param alsoIssueIds issues that must be locked in the same sweep, because ids decide the order
 * @param alsoRunIds runs that must be locked in the same sweep, for the same reason, and go on
 */
export async function lockForEnd(
  tx: Tx,
  ctx: Ctx,
  runIds: readonly string[],
  alsoIssueIds: readonly string[] = [],
  alsoRunIds: readonly string[] = [],
): Promise<LockedForEnd> {
  const companyId = companyOf(ctx)
  const params = { runIds: [...runIds], companyId }
  const found = runIds.length === 0 ? [] : await Promise.all([tx.run(issuesOfRuns, params), tx.run(issuesWaitedFor, params)])
  const lockedIssues = await lockIssues(tx, companyId, [...new Set([...alsoIssueIds, ...found.flat().map((row) => row.id)])])
  if (runIds.length + alsoRunIds.length === 0) return { issues: lockedIssues, runs: [] }
  const lockedRuns = await lockRunFacts(tx, companyId, [...new Set([...runIds, ...alsoRunIds])])
  const current = await tx.run(issuesOfRuns, params)
  const lockedIds = new Set(lockedIssues.map((issue) => issue.id))
  if (current.some((row) => !lockedIds.has(row.id))) throw retryTransaction()
  return { issues: lockedIssues, runs: lockedRuns }
}

/** What ending runs did. */
export interface EndedRuns {
  readonly runs: readonly RunRow[]
  readonly events: readonly DomainEvent[]
}

const wakeStatusByOutcome = { succeeded: 'completed', failed: 'failed', timed_out: 'failed', cancelled: 'cancelled' } as const

/**
 * (tx) Ends runs: their outcome, every column that names them, the wakes that waited for those issues or behind those
 * runs, and the audit of it all, in the caller's transaction. The wakes of runs that were lost with their server get
 * another run. Runs that have ended are left as they are (lock-protocol §6).
 *
 * @param locked what `lockForEnd` returned, in this transaction
 */
export async function endRuns(tx: Tx, locked: LockedForEnd, runIds: readonly string[], result: RunResult): Promise<EndedRuns> {
  const unended = locked.runs.filter((run) => runIds.includes(run.id) && !runStatus.terminal.includes(run.status))
  const endingIds = new Set(unended.map((run) => run.id))
  const events: DomainEvent[] = []
  const rows: RunRow[] = []
  const held = locked.issues.filter((issue) => endingIds.has(issue.checkoutRunId ?? '') || endingIds.has(issue.executionRunId ?? ''))
  for (const run of unended) {
    rows.push(await recordRunResult(tx, run.id, run.status, result))
    const issueIds = held.filter((issue) => issue.checkoutRunId === run.id || issue.executionRunId === run.id).map((issue) => issue.id)
    const details = {
      agentId: run.agentId,
      status: result.status,
      previousStatus: run.status,
      errorCode: result.errorCode ?? null,
      issueIds,
    }
    events.push(runFinished(run.id, details, { agentId: run.agentId, runId: run.id }))
  }
  const retried = result.retryable === true && unended.length > 0 ? await retryWakes(tx, [...endingIds]) : []
  // Whoever waits behind a wake that goes on is next when that is over.
  const retriedIssueIds = new Set(retried.map((wake) => wake.issueId))
  if (unended.length > 0) await finishWakes(tx, [...endingIds], wakeStatusByOutcome[result.status])
  for (const issue of held) {
    const clearedRunIds = [...new Set([issue.checkoutRunId, issue.executionRunId])].filter((id) => id !== null && endingIds.has(id))
    const lockEpoch = await clearHoldOf(
      tx,
      issue.id,
      clearedRunIds.filter((id) => id !== null),
    )
    for (const runId of clearedRunIds) events.push(holdCleared(issue.id, { runId, why: 'run_finished', lockEpoch }, { runId }))
    if (!retriedIssueIds.has(issue.id)) events.push(...(await promoteWake(tx, issue.id)))
  }
  const endedIssueIds = new Set(rows.map((run) => run.issueId))
  for (const issue of locked.issues)
    if (endedIssueIds.has(issue.id) && !held.includes(issue) && !retriedIssueIds.has(issue.id))
      events.push(...(await promoteWakeIfFree(tx, issue.id)))
  return { runs: rows, events: [...events, ...retried.map((wake) => wake.event)] }
}
