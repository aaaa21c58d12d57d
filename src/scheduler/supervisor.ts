import { setTimeout as sleep } from 'node:timers/promises'
import { killOrphan } from '../adapters/index.ts'
import type {
  Adapters,
  Chunk,
  FinishedOutcome,
  AdapterOutcome,
  LifecycleEvent,
  RunListener,
  ProcessIdentity,
  StartedRun,
} from '../adapters/index.ts'
import { refusalOf } from '../platform/db/databaseErrors.ts'
import type { ActivityRow } from '../platform/db/types.ts'
import { finishSupervisedRun } from '../control/execution/index.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Log } from '../platform/kernel/log.ts'
import { truncate } from '../platform/kernel/text.ts'
import {
  handOverRun,
  unregisterServer,
  recordProcess,
  recordExitFacts,
  waitForReaders,
  renewSupervised,
  SUPERVISED_LEASE_S,
} from '../engine/runs/index.ts'
import type { RunResult, LogWriter, RunEvent, RunLogWriter, ServerIdentity, ExitFacts } from '../engine/runs/index.ts'
import { buildJob } from './jobInput.ts'
import type { JobDeps } from './jobInput.ts'

const LEASE_MS = SUPERVISED_LEASE_S * 1000
/** A third of the lease: two more chances before it is out. */
export const RENEW_INTERVAL_MS = LEASE_MS / 3
/** How long a run that has finished by its own word may take to end its process. */
const EXIT_GRACE_MS = 5000
/** What has lost its lease has nothing more to say, and another run may be in its place by now. */
const LEASE_LOST_GRACE_MS = 2000
/** How long what runs may take to end when the server stops, before it is ended by force. */
const STOP_GRACE_MS = 4000
/** After that only the database can keep an end from being written, and then the lease will do. */
const STOP_WRITE_TIMEOUT_MS = 3500
const RETRY_DELAY_MS = 100
const MAX_RETRY_DELAY_MS = 2000
/** Failures that are no outage: a bug that a few tries do not cure; the lease then ends the run. */
const MAX_FAULTS = 5
/** An agent's own words, up to a megabyte of them; lists carry as much of it as a run may say itself when it finishes. */
const MAX_ERROR_LENGTH = 10_000

export interface SupervisorDeps extends JobDeps {
  readonly adapters: Adapters
  readonly logWriter: LogWriter
  readonly server: ServerIdentity
  readonly maxRuns: number
  readonly renewIntervalMs: number
  readonly log: Log
  /** Hears what runs write, as it comes. */
  readonly onOutput: (order: StartOrder, chunk: Chunk) => void
  /** A run is over and its place is free. */
  readonly onSlotFree: () => void
}

/** Starts claimed runs, watches them, and ends them. */
export interface Supervisor {
  /** How many more runs may be started. */
  freeSlots(): number
  /** Runs at work by company. */
  runCountByCompany(): ReadonlyMap<string, number>
  /** Takes a claimed run over. `claimedAt` is when the claim was asked for, by this process's own clock. */
  start(order: StartOrder, claimedAt: number): void
  /** Renews the leases that are due, and ends what has lost its own. To be called every second. */
  tick(): Promise<void>
  /** Hears of what this process has committed. */
  onCommit(rows: readonly ActivityRow[]): void
  /** Ends everything, gracefully and then by force, within 8 s. */
  stop(): Promise<void>
}

/** A run under supervision. */
interface SupervisedRun {
  readonly order: StartOrder
  readonly logWriter: RunLogWriter
  /** When its lease was last renewed at the latest, by this process's own clock, which also runs while it is stopped. */
  leaseRenewedAt: number
  started: StartedRun | null
  process: ProcessIdentity | null
  /** Why it is to end, once it is. */
  stopRequest: { readonly reason: string; readonly by: 'others' | 'lease' | 'stop' } | null
  isFinishing: boolean
  /** Until it is told to end after it has said itself that it is over. */
  exitGraceTimer: NodeJS.Timeout | null
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, logWriter, server, log, renewIntervalMs } = deps
  const runs = new Map<string, SupervisedRun>()
  const inFlight = new Set<Promise<void>>()
  let stopping = false
  /** No more tries: the server is about to close its connections. */
  const persistAbort = new AbortController()
  let lastRenewalAt = -Infinity

  const requestStop = (run: SupervisedRun, by: 'others' | 'lease' | 'stop', reason: string): void => {
    if (run.stopRequest !== null) return
    run.stopRequest = { by, reason }
    run.started?.cancel(reason)
    if (by === 'lease') setTimeout(() => forceKill(run), LEASE_LOST_GRACE_MS).unref()
  }

  const forceKill = ({ process, order }: SupervisedRun): void => {
    if (process !== null && runs.has(order.runId)) killOrphan(process, order.runId, 0).catch(() => {})
  }

  /** What is doomed for another reason is dead or as good as dead, and its lease is not to say otherwise. */
  const mayRenewLease = ({ stopRequest: by }: SupervisedRun): boolean => by === null || by.by === 'stop'

  const isLeaseExpired = (run: SupervisedRun): boolean => performance.now() - run.leaseRenewedAt > LEASE_MS

  const superviseToEnd = async (run: SupervisedRun): Promise<void> => {
    const { runId } = run.order
    try {
      await finish(run, await runToExit(run))
    } catch (error) {
      log.error({ err: error, runId }, 'a run could not be supervised to its end')
    }
    if (run.exitGraceTimer !== null) clearTimeout(run.exitGraceTimer)
    run.logWriter.dispose().catch(() => {})
  }

  /** Starts the run and waits for its exit; null when it ended before it began. */
  const runToExit = async (run: SupervisedRun): Promise<AdapterOutcome | null> => {
    const { order } = run
    run.logWriter.addEvent({ eventType: 'lifecycle', level: 'info', message: 'run started', payload: { status: 'running' } })
    const job = await persist(
      () => buildJob(deps, order),
      () => run.stopRequest === null,
    )
    if (isLeaseExpired(run)) requestStop(run, 'lease', LEASE_LOST)
    if (run.stopRequest !== null || job === undefined) return null
    run.started = deps.adapters.start(order.adapterType, job, listenerOf(run))
    return await run.started.outcome
  }

  const listenerOf = (run: SupervisedRun): RunListener => ({
    mayStart() {
      if (isLeaseExpired(run)) requestStop(run, 'lease', LEASE_LOST)
      return run.stopRequest === null
    },
    output(chunk) {
      deps.onOutput(run.order, chunk)
      return run.logWriter.write(chunk)
    },
    event(event) {
      run.logWriter.addEvent(runEventOf(event, run.order.adapterType))
      if (event.kind !== 'started') return
      run.process = event.process
      const { runId } = run.order
      recordProcess(store, server.id, runId, event.process.pid, JSON.stringify(event.process)).catch((error: unknown) =>
        log.warn({ err: error, runId }, 'the process of a run could not be noted'),
      )
    },
  })

  const finish = async (run: SupervisedRun, exit: AdapterOutcome | null): Promise<void> => {
    const { order } = run
    // It goes on wherever it is, whether this server stops or not.
    if (exit?.pending === true && mayRenewLease(run)) {
      run.logWriter.addEvent({ eventType: 'lifecycle', level: 'info', message: 'the agent goes on by itself' })
      return await handOver(run, exit.externalRunId)
    }
    const ended = exit?.pending === false ? exit : null
    const log = await run.logWriter.close()
    const exitFacts = exitFactsOf(exit, log)
    await waitForReaders(store, order.runId, log?.bytes ?? 0, () => run.stopRequest === null)
    const result: RunResult = { ...resultOf(run, ended), exitFacts }
    // The word of whoever ended it counts, and a lease that is out is the reaper's.
    const isOurs = mayRenewLease(run)
    if (isOurs) run.isFinishing = true
    const sessionIdAfter = ended === null || ended.status === 'cancelled' ? order.sessionIdBefore : ended.sessionIdAfter
    const outcome = isOurs ? await persist(() => finishSupervisedRun(store, order, result, sessionIdAfter)) : 'over'
    if (outcome === 'over') await persist(() => recordExitFacts(store, order.runId, exitFacts, result.usageJson))
    run.logWriter.addEvent(
      outcome === 'ended'
        ? {
            eventType: 'lifecycle',
            level: result.status === 'succeeded' ? 'info' : 'error',
            message: `run ${result.status}`,
            payload: { status: result.status, errorCode: result.errorCode ?? null },
          }
        : { eventType: 'lifecycle', level: 'warn', message: `the run had been ended: ${run.stopRequest?.reason ?? 'by somebody else'}` },
    )
  }

  const handOver = async (run: SupervisedRun, externalRunId: string | null): Promise<void> => {
    await run.logWriter.close()
    await persist(() => handOverRun(store, server.id, run.order.runId, externalRunId))
  }

  /** Tries until it succeeds, however long the database is away; undefined when it was given up. */
  const persist = async <T>(write: () => Promise<T>, isWanted: () => boolean = () => true): Promise<T | undefined> => {
    let faults = 0
    for (let wait = RETRY_DELAY_MS; isWanted() && !persistAbort.signal.aborted; wait = Math.min(wait * 2, MAX_RETRY_DELAY_MS)) {
      try {
        return await write()
      } catch (error) {
        // Away or busy: neither says anything of the run, and both pass.
        const isOutage = (error instanceof Refusal ? error : refusalOf(error))?.status === 503
        if (!isOutage) {
          faults += 1
          log.error({ err: error }, 'a run could not be started or ended')
          if (faults === MAX_FAULTS) return undefined
        }
      }
      await sleep(wait, undefined, { signal: persistAbort.signal, ref: false }).catch(() => {})
    }
    return undefined
  }

  /**
   * A run is over, and not by its supervisor's word. One that may have said so itself is about to end its process, and
   * what it still says is worth having.
   */
  const onRunEnded = (run: SupervisedRun, status: string | undefined, mayHaveFinishedItself: boolean): void => {
    const reason = stopReason(status)
    if (mayHaveFinishedItself) run.exitGraceTimer ??= setTimeout(() => requestStop(run, 'others', reason), EXIT_GRACE_MS).unref()
    else requestStop(run, status === 'running' || status === 'timed_out' ? 'lease' : 'others', reason)
  }

  const renew = async (): Promise<void> => {
    const requestedAt = performance.now()
    const renewing = [...runs.values()].filter(mayRenewLease)
    const leaseStates = await renewSupervised(
      store,
      server,
      renewing.map((run) => run.order.runId),
    )
    const isFirst = lastRenewalAt === -Infinity
    lastRenewalAt = requestedAt
    if (isFirst) deps.onSlotFree()
    const stateById = new Map(leaseStates.map((row) => [row.id, row]))
    for (const run of renewing) {
      const row = stateById.get(run.order.runId)
      if (row?.renewed === true) run.leaseRenewedAt = requestedAt
      if (row?.live === true || run.isFinishing) continue
      onRunEnded(run, row?.status, row?.status === 'succeeded' || row?.status === 'failed')
    }
  }

  return {
    // A child is ended when its server has died, for which others must know of the server before it has any.
    freeSlots: () => (stopping || lastRenewalAt === -Infinity ? 0 : deps.maxRuns - runs.size),
    runCountByCompany() {
      const counts = new Map<string, number>()
      for (const { order } of runs.values()) counts.set(order.companyId, (counts.get(order.companyId) ?? 0) + 1)
      return counts
    },
    start(order, claimedAt) {
      const run: SupervisedRun = {
        order,
        logWriter: logWriter.open(order.runId),
        leaseRenewedAt: claimedAt,
        started: null,
        process: null,
        stopRequest: null,
        isFinishing: false,
        exitGraceTimer: null,
      }
      runs.set(order.runId, run)
      if (stopping) requestStop(run, 'stop', SERVER_STOPPED)
      const supervised = superviseToEnd(run).finally(() => {
        runs.delete(order.runId)
        inFlight.delete(supervised)
        deps.onSlotFree()
      })
      inFlight.add(supervised)
    },
    async tick() {
      for (const run of runs.values()) if (isLeaseExpired(run)) requestStop(run, 'lease', LEASE_LOST)
      const now = performance.now()
      const isDue = [...runs.values()].some((run) => mayRenewLease(run) && now - run.leaseRenewedAt >= renewIntervalMs)
      if (isDue || now - lastRenewalAt >= renewIntervalMs) await renew()
    },
    onCommit(rows) {
      for (const row of rows) {
        if (row.action !== 'heartbeat.run_finished') continue
        const run = runs.get(row.entityId)
        if (run === undefined || run.isFinishing) continue
        const isFinishedByAgent = row.actorType === 'agent' && row.actorId === run.order.agentId
        onRunEnded(run, String(row.details['status']), isFinishedByAgent)
      }
    },
    async stop() {
      stopping = true
      for (const run of runs.values()) requestStop(run, 'stop', SERVER_STOPPED)
      const ended = Promise.all(inFlight)
      const forceKillTimer = setTimeout(() => [...runs.values()].forEach(forceKill), STOP_GRACE_MS)
      const giveUpTimer = setTimeout(() => persistAbort.abort(), STOP_GRACE_MS + STOP_WRITE_TIMEOUT_MS)
      const gaveUp = new Promise<void>((resolve) => persistAbort.signal.addEventListener('abort', () => resolve(), { once: true }))
      await Promise.race([ended, gaveUp])
      clearTimeout(forceKillTimer)
      clearTimeout(giveUpTimer)
      persistAbort.abort()
      await logWriter.stop()
      unregisterServer(store, server.id).catch(() => {})
    },
  }
}

/** @param status of the run; none where it was deleted */
function stopReason(status: string | undefined): string {
  if (status === undefined) return 'The run was deleted'
  return status === 'running' ? LEASE_LOST : `The run is ${status}`
}

const LEASE_LOST = 'The lease of the run ran out before it could be renewed'
const SERVER_STOPPED = 'The server was stopped'

const exitFactsOf = (exit: AdapterOutcome | null, log: ExitFacts['log']): ExitFacts => ({
  exitCode: exit?.pending === false ? exit.exitCode : null,
  signal: exit?.pending === false ? exit.signal : null,
  log,
  stdoutExcerpt: exit?.stdoutExcerpt ?? '',
  stderrExcerpt: exit?.stderrExcerpt ?? '',
})

function resultOf(run: SupervisedRun, ended: FinishedOutcome | null): RunResult {
  const reported = { usageJson: ended?.usage === null || ended === null ? null : { ...ended.usage }, resultJson: ended?.result ?? null }
  // What came to its own end before it could be told to stop has ended as it says.
  if (run.stopRequest?.by === 'stop' && (ended === null || ended.status === 'cancelled'))
    return { status: 'cancelled', error: SERVER_STOPPED, errorCode: 'server_stopped', retryable: true, ...reported }
  if (ended === null) return { status: 'failed', error: 'The run could not be started', errorCode: 'start_failed' }
  const error = ended.error === null ? null : truncate(ended.error, MAX_ERROR_LENGTH)
  // Nothing is started twice for one run, but nobody else knows that the next one would start afresh.
  const retryable = ended.errorCode === 'adapter_session_unknown'
  return { status: ended.status, error, errorCode: ended.errorCode, retryable, ...reported }
}

function runEventOf(event: LifecycleEvent, adapterType: string): RunEvent {
  switch (event.kind) {
    case 'invoked':
      return { eventType: 'adapter.invoke', level: 'info', message: 'adapter invocation', payload: { adapterType, ...event.details } }
    case 'started':
      return { eventType: 'lifecycle', level: 'info', message: 'process started', payload: { pid: event.process.pid } }
    case 'signalled':
      return { eventType: 'lifecycle', level: 'warn', message: `${event.signal} sent`, payload: { signal: event.signal, why: event.why } }
    case 'output_capped':
      return { eventType: 'lifecycle', level: 'warn', message: 'output capped', payload: { limitBytes: event.limitBytes } }
    case 'exited':
      return {
        eventType: 'lifecycle',
        level: 'info',
        message: 'process exited',
        payload: { exitCode: event.exitCode, signal: event.signal },
      }
  }
}
