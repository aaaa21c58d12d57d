import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { issues } from '../db/schema/issues.ts'
import { runs } from '../db/schema/runs.ts'
import { isWaiting, wakes } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { closeRun, lockRunFacts, runFinished, runStatus } from '../runs/index.ts'
import type { Ending, RunFact, RunRow } from '../runs/index.ts'
import { finishWakes, promoteWake, promoteWakeIfFree, retryWakes } from '../wakes/index.ts'
import { lockCleared } from './events.ts'
import { lockIssues } from './facts.ts'
import type { LockedIssue } from './facts.ts'
import { clearRuns } from './hold.ts'

const issuesOfRuns = statement<{ runIds: string[]; companyId: string }, { id: string }>('end_issues_of_runs').read(sql`
  select id from ${issues} where company_id = ${param('companyId')}
    and (checkout_run_id = any(${param('runIds', 'uuid[]')}) or execution_run_id = any(${param('runIds', 'uuid[]')}))`)

// Those who wait for an issue behind a run that was queued for it and has not taken it: their turn comes with its end.
// That the run has not ended is not asked: the planner would rather read all that have not than this one by its id.
const issuesWaitedFor = statement<{ runIds: string[]; companyId: string }, { id: string }>('end_issues_waited_for').read(sql`
  select distinct w.issue_id as id from ${runs} r join ${wakes} w on w.issue_id = r.issue_id and ${isWaiting('w')}
  where r.id = any(${param('runIds', 'uuid[]')}) and r.company_id = ${param('companyId')}`)

/** Issues and runs as `lockForEnd` has locked them. */
export interface Locked {
  readonly issues: readonly LockedIssue[]
  readonly runs: readonly RunFact[]
}

/** Makes `mutate` run the whole body again: what was seen before the locks is no longer so. */
export const startOver = (): Error => Object.assign(new Error('start over'), { code: '40001' })

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
): Promise<Locked> {
  const companyId = companyOf(ctx)
  const look = { runIds: [...runIds], companyId }
  const looks = runIds.length === 0 ? [] : await Promise.all([tx.run(issuesOfRuns, look), tx.run(issuesWaitedFor, look)])
  const lockedIssues = await lockIssues(tx, companyId, [...new Set([...alsoIssueIds, ...looks.flat().map((row) => row.id)])])
  if (runIds.length + alsoRunIds.length === 0) return { issues: lockedIssues, runs: [] }
  const lockedRuns = await lockRunFacts(tx, companyId, [...new Set([...runIds, ...alsoRunIds])])
  const now = await tx.run(issuesOfRuns, look)
  const have = new Set(lockedIssues.map((issue) => issue.id))
  if (now.some((row) => !have.has(row.id))) throw startOver()
  return { issues: lockedIssues, runs: lockedRuns }
}

/** What ending runs did. */
export interface Ended {
  readonly runs: readonly RunRow[]
  readonly events: readonly DomainEvent[]
}

const wakeEnd = { succeeded: 'completed', failed: 'failed', timed_out: 'failed', cancelled: 'cancelled' } as const

/**
 * (tx) Ends runs: their outcome, every column that names them, the wakes that waited for those issues or behind those
 * runs, and the audit of it all, in the caller's transaction. The wakes of runs that were lost with their server get
 * another run. Runs that have ended are left as they are (lock-protocol §6).
 *
 * @param locked what `lockForEnd` returned, in this transaction
 */
export async function endRuns(tx: Tx, locked: Locked, runIds: readonly string[], ending: Ending): Promise<Ended> {
  const unended = locked.runs.filter((run) => runIds.includes(run.id) && !runStatus.terminal.includes(run.status))
  const endingIds = new Set(unended.map((run) => run.id))
  const events: DomainEvent[] = []
  const rows: RunRow[] = []
  const held = locked.issues.filter((issue) => endingIds.has(issue.checkoutRunId ?? '') || endingIds.has(issue.executionRunId ?? ''))
  for (const run of unended) {
    rows.push(await closeRun(tx, run.id, run.status, ending))
    const issueIds = held.filter((issue) => issue.checkoutRunId === run.id || issue.executionRunId === run.id).map((issue) => issue.id)
    const said = { agentId: run.agentId, status: ending.status, previousStatus: run.status, errorCode: ending.errorCode ?? null, issueIds }
    events.push(runFinished(run.id, said, { agentId: run.agentId, runId: run.id }))
  }
  const retried = ending.isWorthAnother === true && unended.length > 0 ? await retryWakes(tx, [...endingIds]) : []
  // Whoever waits behind a wake that goes on is next when that is over.
  const goesOn = new Set(retried.map((wake) => wake.issueId))
  if (unended.length > 0) await finishWakes(tx, [...endingIds], wakeEnd[ending.status])
  for (const issue of held) {
    const names = [...new Set([issue.checkoutRunId, issue.executionRunId])].filter((id) => id !== null && endingIds.has(id))
    const lockEpoch = await clearRuns(
      tx,
      issue.id,
      names.filter((id) => id !== null),
    )
    for (const runId of names) events.push(lockCleared(issue.id, { runId, why: 'run_finished', lockEpoch }, { runId }))
    if (!goesOn.has(issue.id)) events.push(...(await promoteWake(tx, issue.id)))
  }
  const about = new Set(rows.map((run) => run.issueId))
  for (const issue of locked.issues)
    if (about.has(issue.id) && !held.includes(issue) && !goesOn.has(issue.id)) events.push(...(await promoteWakeIfFree(tx, issue.id)))
  return { runs: rows, events: [...events, ...retried.map((wake) => wake.event)] }
}
