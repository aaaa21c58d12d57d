import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pipelined } from '../../platform/db/mutate.ts'
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
import { holderRunIds } from './holders.ts'

const issuesOfRuns = statement<{ runIds: string[]; companyId: string }, { id: string }>('end_issues_of_runs').read(sql`
  select id from ${issues} where company_id = ${param('companyId')}
    and (checkout_run_id = any(${param('runIds', 'uuid[]')}) or execution_run_id = any(${param('runIds', 'uuid[]')}))`)

// Wakes also wait behind a run that was queued for an issue and has not taken it: they are next when it ends.
// No `status` filter on purpose: with one, the planner scans the partial index of unended runs instead of using the primary key.
const issuesWaitedFor = statement<{ runIds: string[]; companyId: string }, { id: string }>('end_issues_waited_for').read(sql`
  select distinct w.issue_id as id from ${runs} r join ${wakes} w on w.issue_id = r.issue_id and ${isDeferred('w')}
  where r.id = any(${param('runIds', 'uuid[]')}) and r.company_id = ${param('companyId')}`)

/** Issues and runs as `lockForEnd` has locked them. */
export interface LockedForEnd {
  readonly issues: readonly LockedIssue[]
  readonly runs: readonly RunFact[]
}

/** An error that makes `mutate` run the whole body again: what was read before the locks has changed. */
export const retryTransaction = (): Error => Object.assign(new Error('start over'), { code: '40001' })

/** Rows that must be locked together with the runs that end, because ids decide the order of locks. */
interface AlsoLocked {
  readonly issueIds?: readonly string[]
  /** Runs that go on. */
  readonly runIds?: readonly string[]
}

/**
 * (tx) Locks runs that are to end, every issue whose columns name them, and every issue for which a wake waits behind them,
 * in the global order. If an issue starts to reference a run between the first read and the run's lock, the attempt
 * starts over (LOCK_PROTOCOL §6). A wake that began to wait in between waits for a live holder, whose end promotes it.
 */
export async function lockForEnd(tx: Tx, ctx: Ctx, runIds: readonly string[], also: AlsoLocked = {}): Promise<LockedForEnd> {
  const { issueIds = [], runIds: otherRunIds = [] } = also
  const companyId = companyOf(ctx)
  const params = { runIds: [...runIds], companyId }
  const found = runIds.length === 0 ? [] : await Promise.all([tx.run(issuesOfRuns, params), tx.run(issuesWaitedFor, params)])
  const lockedIssues = await lockIssues(tx, companyId, [...new Set([...issueIds, ...found.flat().map((row) => row.id)])])
  if (runIds.length + otherRunIds.length === 0) return { issues: lockedIssues, runs: [] }
  const lockedRuns = await lockRunFacts(tx, companyId, [...new Set([...runIds, ...otherRunIds])])
  const current = await tx.run(issuesOfRuns, params)
  const lockedIds = new Set(lockedIssues.map((issue) => issue.id))
  if (current.some((row) => !lockedIds.has(row.id))) throw retryTransaction()
  return { issues: lockedIssues, runs: lockedRuns }
}

/** The changes that the end of runs made. */
export interface EndedRuns {
  readonly runs: readonly RunRow[]
  readonly events: readonly DomainEvent[]
}

const wakeStatusByOutcome = { succeeded: 'completed', failed: 'failed', timed_out: 'failed', cancelled: 'cancelled' } as const

/**
 * (tx) Ends runs: their outcome, every column that names them, the wakes that waited for those issues or behind those
 * runs, and the audit of it all, in the caller's transaction. The wakes of runs that were lost with their server get
 * another run. Runs that have ended already are not changed (LOCK_PROTOCOL §6).
 *
 * @param locked what `lockForEnd` returned, in this transaction
 */
export async function endRuns(tx: Tx, locked: LockedForEnd, runIds: readonly string[], result: RunResult): Promise<EndedRuns> {
  const unended = locked.runs.filter((run) => runIds.includes(run.id) && !runStatus.terminal.includes(run.status))
  if (unended.length === 0) return { runs: [], events: [] }
  const endingIds = new Set(unended.map((run) => run.id))
  const held = locked.issues.filter((issue) => endingIds.has(issue.checkoutRunId ?? '') || endingIds.has(issue.executionRunId ?? ''))
  const rows = await Promise.all(unended.map((run) => recordRunResult(tx, run.id, run.status, result)))
  const retried = result.retryable === true ? await retryWakes(tx, [...endingIds], result.costsNothing === true) : []
  const wakesFinished = pipelined(finishWakes(tx, [...endingIds], wakeStatusByOutcome[result.status]))
  const clearedHolds = await Promise.all(held.map((issue) => clearHoldOfEnded(tx, issue, endingIds)))
  await wakesFinished
  // A wake that was retried is before those that wait behind it; they are next when its new run ends.
  const retriedIssueIds = new Set(retried.map((wake) => wake.issueId))
  const events: DomainEvent[] = unended.map((run) => finishedEvent(run, held, result))
  for (const { issueId, events: cleared } of clearedHolds) {
    events.push(...cleared)
    if (!retriedIssueIds.has(issueId)) events.push(...(await promoteWake(tx, issueId)))
  }
  const endedIssueIds = new Set(rows.map((run) => run.issueId))
  for (const issue of locked.issues)
    if (endedIssueIds.has(issue.id) && !held.includes(issue) && !retriedIssueIds.has(issue.id))
      events.push(...(await promoteWakeIfFree(tx, issue.id)))
  return { runs: rows, events: [...events, ...retried.map((wake) => wake.event)] }
}

function finishedEvent(run: RunFact, held: readonly LockedIssue[], result: RunResult): DomainEvent {
  const details = {
    agentId: run.agentId,
    status: result.status,
    previousStatus: run.status,
    errorCode: result.errorCode ?? null,
    issueIds: held.filter((issue) => holderRunIds(issue).includes(run.id)).map((issue) => issue.id),
  }
  return runFinished(run.id, details, { agentId: run.agentId, runId: run.id })
}

async function clearHoldOfEnded(
  tx: Tx,
  issue: LockedIssue,
  endingIds: ReadonlySet<string>,
): Promise<{ readonly issueId: string; readonly events: readonly DomainEvent[] }> {
  const runIds = holderRunIds(issue).filter((id) => endingIds.has(id))
  const lockEpoch = await clearHoldOf(tx, issue.id, runIds)
  return {
    issueId: issue.id,
    events: runIds.map((runId) => holdCleared(issue.id, { runId, why: 'run_finished', lockEpoch }, { runId })),
  }
}
