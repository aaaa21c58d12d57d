import { setTimeout as sleep } from 'node:timers/promises'
import { coverOfJob, failed } from '../adapters/index.ts'
import type { AdapterOutcome, Adapters, Chunk, Job, RunListener, Worktrees } from '../adapters/index.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { countLateUsage, finishSupervisedRun } from '../control/execution/index.ts'
import { placeRun } from '../control/workspaces/index.ts'
import { handOverRun, recordExitFacts, recordProcess, waitForReaders } from '../engine/runs/index.ts'
import type { RunResult, ServerIdentity } from '../engine/runs/index.ts'
import { refusalOf } from '../platform/db/databaseErrors.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Log } from '../platform/kernel/log.ts'
import { recordIsolation } from './agentIsolation.ts'
import { buildJob } from './jobInput.ts'
import type { JobDeps } from './jobInput.ts'
import { exitFactsOf, finishEvent, resultOf, runEventOf, sessionAfter } from './runReport.ts'
import { mayRenewLease, stopIfLeaseExpired } from './supervisedRun.ts'
import type { SupervisedRun } from './supervisedRun.ts'

const RETRY_DELAY_MS = 100
const MAX_RETRY_DELAY_MS = 2000
/** Errors that are no outage indicate a bug, which more attempts do not cure. The lease then ends the run. */
const MAX_FAULTS = 5

export interface RunLifeDeps extends JobDeps {
  readonly adapters: Adapters
  readonly worktrees: Worktrees | null
  readonly server: ServerIdentity
  readonly log: Log
  /** Receives what runs write, as it arrives. */
  readonly onOutput: (order: StartOrder, chunk: Chunk) => void
  /** Aborted when the server is about to close its connections: nothing is retried after that. */
  readonly retrySignal: AbortSignal
}

/**
 * The life of one run: builds its job, starts its adapter, waits for the exit and writes the end. Never rejects: what fails
 * is logged, and the lease then ends the run.
 */
export async function superviseToEnd(deps: RunLifeDeps, run: SupervisedRun): Promise<void> {
  try {
    await finish(deps, run, await runToExit(deps, run))
  } catch (error) {
    deps.log.error({ err: error, runId: run.order.runId }, 'the supervision of a run failed')
  }
  if (run.exitGraceTimer !== null) clearTimeout(run.exitGraceTimer)
  run.logWriter.dispose().catch(() => {})
}

/** Starts the run and waits for its exit; null when the run was stopped before it started. */
async function runToExit(deps: RunLifeDeps, run: SupervisedRun): Promise<AdapterOutcome | null> {
  const { order } = run
  run.logWriter.addEvent({ eventType: 'lifecycle', level: 'info', message: 'run started', payload: { status: 'running' } })
  const job = await persist(
    deps,
    () => buildJob(deps, order),
    () => run.stopRequest === null,
  )
  const placement = job === undefined || run.stopRequest !== null ? undefined : await place(deps, run)
  stopIfLeaseExpired(run)
  if (run.stopRequest !== null || job === undefined || placement === undefined || placement.kind === 'over') return null
  if (placement.kind === 'problem') return failed('project_folder_unavailable', placement.problem)
  const placed = placement.kind === 'folder' ? { ...job, projectFolder: placement.folder } : job
  const traced = run.span === null ? placed : { ...placed, traceParent: run.span.traceParent }
  run.started = deps.adapters.start(order.adapterType, traced, listenerOf(deps, run, job))
  // Its parts were decoded from the output: a value that was written in another form is whole again.
  return coverOfJob(job).json(await run.started.outcome)
}

/** Puts the run into its worktree, where its project asks for one. Git may take minutes, in which the lease is renewed as ever. */
async function place(deps: RunLifeDeps, run: SupervisedRun) {
  if (run.order.workspace === null && deps.worktrees === null) return { kind: 'none' } as const
  const isWanted = (): boolean => run.stopRequest === null
  const placement = await persist(deps, () => placeRun(deps.store, deps.worktrees, run.order), isWanted)
  if (placement?.kind === 'folder')
    run.logWriter.addEvent({ eventType: 'lifecycle', level: 'info', message: 'the run works in a worktree of its own' })
  return placement
}

function listenerOf(deps: RunLifeDeps, run: SupervisedRun, job: Job): RunListener {
  const { store, server, log, onOutput } = deps
  const cover = coverOfJob(job)
  return {
    mayStart() {
      stopIfLeaseExpired(run)
      return run.stopRequest === null
    },
    output(chunk) {
      onOutput(run.order, chunk)
      return run.logWriter.write(chunk)
    },
    event(event) {
      run.logWriter.addEvent(cover.json(runEventOf(event, run.order.adapterType)))
      if (event.kind === 'isolation_tried') recordIsolation(deps, run.order, event.problems)
      if (event.kind !== 'started') return
      run.process = event.process
      const { runId } = run.order
      recordProcess(store, server.id, runId, { pid: event.process.pid, identity: JSON.stringify(event.process) }).catch((error: unknown) =>
        log.warn({ err: error, runId }, 'the process of a run could not be recorded'),
      )
    },
  }
}

async function finish(deps: RunLifeDeps, run: SupervisedRun, outcome: AdapterOutcome | null): Promise<void> {
  // A pending run goes on at the agent's side, whether this server stops or not.
  if (outcome?.pending === true && mayRenewLease(run)) return await handOver(deps, run, outcome.externalRunId)
  const { store } = deps
  const { order } = run
  const finished = outcome?.pending === false ? outcome : null
  const logFacts = await run.logWriter.close()
  const exitFacts = exitFactsOf(outcome, logFacts)
  await waitForReaders(store, order.runId, logFacts?.bytes ?? 0, () => run.stopRequest === null)
  const result: RunResult = { ...resultOf(run, finished), exitFacts }
  // Another request has decided how its run ended, and a run whose lease has expired belongs to the reaper.
  const isOurs = mayRenewLease(run)
  if (isOurs) run.isFinishing = true
  const sessionIdAfter = sessionAfter(order.sessionIdBefore, finished)
  const written = isOurs ? await persist(deps, () => finishSupervisedRun(store, order, result, sessionIdAfter)) : 'over'
  if (written === 'over') {
    await persist(deps, () => countLateUsage(store, order, result.usageJson))
    await persist(deps, () => recordExitFacts(store, order.runId, exitFacts, result.usageJson))
  }
  run.logWriter.addEvent(finishEvent(result, written === 'ended', run.stopRequest?.reason))
  run.span?.note({ 'paperclip.run_status': result.status })
  run.span?.end(result.status === 'failed' || result.status === 'timed_out' ? (result.errorCode ?? result.status) : undefined)
}

/** Gives the run the lease of one that lives elsewhere: from now on the agent renews it and finishes the run. */
async function handOver(deps: RunLifeDeps, run: SupervisedRun, externalRunId: string | null): Promise<void> {
  run.logWriter.addEvent({ eventType: 'lifecycle', level: 'info', message: 'the agent continues the run on its own' })
  run.span?.note({ 'paperclip.handed_over': true })
  await run.logWriter.close()
  await persist(deps, () => handOverRun(deps.store, deps.server.id, run.order.runId, externalRunId))
}

/**
 * Retries until an action succeeds, however long the database is unreachable. Resolves with undefined after five errors that
 * are no outage, once the action is not wanted any more, and once `retrySignal` is aborted.
 */
async function persist<T>(deps: RunLifeDeps, action: () => Promise<T>, isWanted: () => boolean = () => true): Promise<T | undefined> {
  const { log, retrySignal } = deps
  let faults = 0
  for (let wait = RETRY_DELAY_MS; isWanted() && !retrySignal.aborted; wait = Math.min(wait * 2, MAX_RETRY_DELAY_MS)) {
    try {
      return await action()
    } catch (error) {
      // An unreachable or busy database is no fact about the run, and both pass.
      const isOutage = (error instanceof Refusal ? error : refusalOf(error))?.status === 503
      if (!isOutage) {
        faults += 1
        log.error({ err: error }, `a run could not be started or finished; ${faults === MAX_FAULTS ? 'giving up' : 'retrying'}`)
        if (faults === MAX_FAULTS) return undefined
      }
    }
    await sleep(wait, undefined, { signal: retrySignal, ref: false }).catch(() => {})
  }
  return undefined
}
