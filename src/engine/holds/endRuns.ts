import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { pipelined, unawaited } from '../../platform/db/mutate.ts'
import { isHeldBy, issues } from '../../model/issues.ts'
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
import { giveBackAtEnd, hasReservations } from '../budgets/index.ts'
import { recordUsageAtEnd } from '../costs/index.ts'
import { holdCleared } from './events.ts'
import { lockedIssueColumns, lockIssues } from './holdFacts.ts'
import type { LockedIssue } from './holdFacts.ts'
import { clearHoldOf } from './holdColumns.ts'
import { holderRunIds } from './holders.ts'

const heldByRuns = sql`from ${issues} i where i.company_id = ${param('companyId', 'uuid')} and ${isHeldBy('i', sql`= any(${param('runIds', 'uuid[]')})`)}`

// Wakes also wait behind a run that was queued for an issue and has not taken it: they are next when it ends.
// No `status` filter on purpose: with one, the planner scans the partial index of unended runs instead of using the primary key.
const lockIssuesOfRuns = lockingRead(
  'issue',
  statement<{ issueIds: string[]; runIds: string[]; companyId: string }, LockedIssue>('end_lock_issues').read(sql`
    select ${lockedIssueColumns} from ${issues} where company_id = ${param('companyId', 'uuid')} and id = any(array(
      select unnest(${param('issueIds', 'uuid[]')})
      union select i.id ${heldByRuns}
      union select w.issue_id from ${runs} r join ${wakes} w on w.issue_id = r.issue_id and ${isDeferred('w')}
        where r.id = any(${param('runIds', 'uuid[]')}) and r.company_id = ${param('companyId', 'uuid')}))
    order by id for no key update`),
)

const issuesOfRuns = statement<{ runIds: string[]; companyId: string }, { id: string; isWaitedFor: boolean }>('end_issues_of_runs')
  .read(sql`
  select i.id, exists (select 1 from ${wakes} w where w.issue_id = i.id and ${isDeferred('w')}) as "isWaitedFor"
  ${heldByRuns}`)

const reservationsOfRuns = statement<{ runIds: string[] }, { exists: boolean }>('end_reservations').read(
  sql`select ${hasReservations(param('runIds', 'uuid[]'))} as exists`,
)

/** Issues and runs as `lockForEnd` has locked them. */
export interface LockedForEnd {
  readonly issues: readonly LockedIssue[]
  readonly runs: readonly RunFact[]
  /** Those of the issues that name a run and for which a wake waits. None is added or removed while the row of the issue is locked. */
  readonly waitedForIds: ReadonlySet<string>
  /** Whether one of the runs has reserved a part of a budget. Nothing is reserved for a run while its row is locked by another. */
  readonly hasReservations: boolean
}

/** For runs that end without an issue. */
export const noneWaitedFor: ReadonlySet<string> = new Set()

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
 * in the global order and in one round trip. If an issue starts to reference a run between the first read and the run's lock, the attempt
 * starts over (LOCK_PROTOCOL §6). A wake that began to wait in between waits for a live holder, whose end promotes it.
 */
export async function lockForEnd(tx: Tx, ctx: Ctx, runIds: readonly string[], also: AlsoLocked = {}): Promise<LockedForEnd> {
  const { issueIds = [], runIds: otherRunIds = [] } = also
  const companyId = companyOf(ctx)
  const params = { runIds: [...runIds], companyId }
  const runsToLock = [...new Set([...runIds, ...otherRunIds])]
  const [lockedIssues, lockedRuns, current, [reserved]] = await Promise.all([
    runIds.length === 0
      ? lockIssues(tx, companyId, [...new Set(issueIds)])
      : lockIssuesOfRuns(tx, { ...params, issueIds: [...new Set(issueIds)] }),
    runsToLock.length === 0 ? [] : lockRunFacts(tx, companyId, runsToLock),
    runIds.length === 0 ? [] : tx.run(issuesOfRuns, params),
    runIds.length === 0 ? [] : tx.run(reservationsOfRuns, { runIds: [...runIds] }),
  ])
  const lockedIds = new Set(lockedIssues.map((issue) => issue.id))
  if (current.some((row) => !lockedIds.has(row.id))) throw retryTransaction()
  const waitedFor = current.filter((row) => row.isWaitedFor).map((row) => row.id)
  return { issues: lockedIssues, runs: lockedRuns, waitedForIds: new Set(waitedFor), hasReservations: reserved?.exists === true }
}

/** The changes that the end of runs made. */
export interface EndedRuns {
  /** The runs as they were before. */
  readonly runs: readonly RunFact[]
  /** The same runs as they then are, when their ends are written. */
  readonly rows: Promise<readonly RunRow[]>
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
  if (unended.length === 0) return { runs: [], rows: Promise.resolve([]), events: [] }
  // A refusal comes before the first statement, because the answers are not awaited.
  for (const run of unended) runStatus.transition(run.status, result.status)
  const endingIds = new Set(unended.map((run) => run.id))
  // Their usage is charged before the rest of their reservations is given back.
  for (const id of endingIds) recordUsageAtEnd(tx, id, result.usageJson)
  if (locked.hasReservations) giveBackAtEnd(tx, [...endingIds])
  const held = locked.issues.filter((issue) => endingIds.has(issue.checkoutRunId ?? '') || endingIds.has(issue.executionRunId ?? ''))
  const rows = pipelined(Promise.all(unended.map((run) => recordRunResult(tx, run.id, run.status, result))))
  const retried = result.retryable === true ? await retryWakes(tx, [...endingIds], result.costsNothing === true) : []
  unawaited(finishWakes(tx, [...endingIds], wakeStatusByOutcome[result.status]))
  const clearedHolds = held.map((issue) => clearHoldOfEnded(tx, issue, endingIds))
  // A wake that was retried is before those that wait behind it; they are next when its new run ends.
  const retriedIssueIds = new Set(retried.map((wake) => wake.issueId))
  const events: DomainEvent[] = unended.map((run) => finishedEvent(run, held, result))
  for (const { issueId, events: cleared } of clearedHolds) {
    events.push(...cleared)
    if (locked.waitedForIds.has(issueId) && !retriedIssueIds.has(issueId)) events.push(...(await promoteWake(tx, issueId)))
  }
  const otherIssues = locked.issues.filter((issue) => !held.includes(issue))
  const endedIssueIds = otherIssues.length === 0 ? new Set() : new Set((await rows).map((run) => run.issueId))
  for (const issue of otherIssues)
    if (endedIssueIds.has(issue.id) && !retriedIssueIds.has(issue.id)) events.push(...(await promoteWakeIfFree(tx, issue.id)))
  return { runs: unended, rows, events: [...events, ...retried.map((wake) => wake.event)] }
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

function clearHoldOfEnded(
  tx: Tx,
  issue: LockedIssue,
  endingIds: ReadonlySet<string>,
): { readonly issueId: string; readonly events: readonly DomainEvent[] } {
  const runIds = holderRunIds(issue).filter((id) => endingIds.has(id))
  unawaited(clearHoldOf(tx, issue.id, runIds))
  const lockEpoch = issue.lockEpoch + 1
  return {
    issueId: issue.id,
    events: runIds.map((runId) => holdCleared(issue.id, { runId, why: 'run_finished', lockEpoch }, { runId })),
  }
}
