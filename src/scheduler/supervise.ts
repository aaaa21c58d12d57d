import { setTimeout as sleep } from 'node:timers/promises'
import { endOrphan } from '../adapters/index.ts'
import type { Adapters, Chunk, Ended, Exit, LifecycleEvent, Listener, ProcessIdentity, StartedRun } from '../adapters/index.ts'
import { refusalOf } from '../db/faults.ts'
import type { ActivityRow } from '../db/record.ts'
import { concludeRun } from '../execution/index.ts'
import type { StartOrder } from '../execution/index.ts'
import { Refusal } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { shorten } from '../kernel/text.ts'
import { handOverRun, leaveSupervision, noteProcess, noteTraces, readToTheEnd, renewSupervised, SUPERVISED_LEASE_S } from '../runs/index.ts'
import type { Ending, Journal, RunHappening, RunJournal, Supervising, Traces } from '../runs/index.ts'
import { jobOf } from './brief.ts'
import type { Briefing } from './brief.ts'

const LEASE_MS = SUPERVISED_LEASE_S * 1000
/** A third of the lease: two more chances before it is out. */
export const RENEW_EVERY_MS = LEASE_MS / 3
/** How long a run that has finished by its own word may take to end its process. */
const LINGER_MS = 5000
/** What has lost its lease has nothing more to say, and another run may be in its place by now. */
const LOST_GRACE_MS = 2000
/** How long what runs may take to end when the server stops, before it is ended by force. */
const STOP_GRACE_MS = 4000
/** After that only the database can keep an end from being written, and then the lease will do. */
const STOP_PATIENCE_MS = 3500
const RETRY_MS = 100
const RETRY_MOST_MS = 2000
/** Failures that are no outage: a bug that a few tries do not cure; the lease then ends the run. */
const MOST_FAULTS = 5
/** An agent's own words, up to a megabyte of them; lists carry as much of it as a run may say itself when it finishes. */
const LONGEST_ERROR = 10_000

export interface SupervisorDeps extends Briefing {
  readonly adapters: Adapters
  readonly journal: Journal
  readonly server: Supervising
  readonly maxRuns: number
  readonly renewEveryMs: number
  readonly log: Log
  /** Hears what runs write, as it comes. */
  readonly onOutput: (order: StartOrder, chunk: Chunk) => void
  /** A run is over and its place is free. */
  readonly onFree: () => void
}

/** Starts claimed runs, watches them, and ends them. */
export interface Supervisor {
  /** How many more runs may be started. */
  free(): number
  /** Runs at work by company. */
  atWork(): ReadonlyMap<string, number>
  /** Takes a claimed run over. `claimedAt` is when the claim was asked for, by this process's own clock. */
  adopt(order: StartOrder, claimedAt: number): void
  /** Renews the leases that are due, and ends what has lost its own. To be called every second. */
  tend(): Promise<void>
  /** Hears of what this process has committed. */
  heed(rows: readonly ActivityRow[]): void
  /** Ends everything, gracefully and then by force, within 8 s. */
  stop(): Promise<void>
}

/** A run under supervision. */
interface Ward {
  readonly order: StartOrder
  readonly journal: RunJournal
  /** When its lease was last renewed at the latest, by this process's own clock, which also runs while it is stopped. */
  leasedAt: number
  started: StartedRun | null
  process: ProcessIdentity | null
  /** Why it is to end, once it is. */
  doom: { readonly reason: string; readonly by: 'others' | 'lease' | 'stop' } | null
  isConcluding: boolean
  /** Until it is told to end after it has said itself that it is over. */
  linger: NodeJS.Timeout | null
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, journal, server, log, renewEveryMs } = deps
  const wards = new Map<string, Ward>()
  const lives = new Set<Promise<void>>()
  let stopping = false
  /** No more tries: the server is about to close its connections. */
  const abandoned = new AbortController()
  let seenAt = -Infinity

  const doom = (ward: Ward, by: 'others' | 'lease' | 'stop', reason: string): void => {
    if (ward.doom !== null) return
    ward.doom = { by, reason }
    ward.started?.cancel(reason)
    if (by === 'lease') setTimeout(() => force(ward), LOST_GRACE_MS).unref()
  }

  const force = ({ process, order }: Ward): void => {
    if (process !== null && wards.has(order.runId)) endOrphan(process, order.runId, 0).catch(() => {})
  }

  /** What is doomed for another reason is dead or as good as dead, and its lease is not to say otherwise. */
  const isLeased = ({ doom: by }: Ward): boolean => by === null || by.by === 'stop'

  const leaseIsOut = (ward: Ward): boolean => performance.now() - ward.leasedAt > LEASE_MS

  const live = async (ward: Ward): Promise<void> => {
    const { runId } = ward.order
    try {
      await conclude(ward, await run(ward))
    } catch (error) {
      log.error({ err: error, runId }, 'a run could not be supervised to its end')
    }
    if (ward.linger !== null) clearTimeout(ward.linger)
    ward.journal.end().catch(() => {})
  }

  /** Starts the run and waits for its exit; null when it ended before it began. */
  const run = async (ward: Ward): Promise<Exit | null> => {
    const { order } = ward
    ward.journal.say({ eventType: 'lifecycle', level: 'info', message: 'run started', payload: { status: 'running' } })
    const job = await persist(
      () => jobOf(deps, order),
      () => ward.doom === null,
    )
    if (leaseIsOut(ward)) doom(ward, 'lease', LEASE_LOST)
    if (ward.doom !== null || job === undefined) return null
    ward.started = deps.adapters.start(order.adapterType, job, listenerOf(ward))
    return await ward.started.exit
  }

  const listenerOf = (ward: Ward): Listener => ({
    mayStart() {
      if (leaseIsOut(ward)) doom(ward, 'lease', LEASE_LOST)
      return ward.doom === null
    },
    output(chunk) {
      deps.onOutput(ward.order, chunk)
      return ward.journal.write(chunk)
    },
    event(event) {
      ward.journal.say(happeningOf(event, ward.order.adapterType))
      if (event.kind !== 'started') return
      ward.process = event.process
      const { runId } = ward.order
      noteProcess(store, server.id, runId, event.process.pid, JSON.stringify(event.process)).catch((error: unknown) =>
        log.warn({ err: error, runId }, 'the process of a run could not be noted'),
      )
    },
  })

  const conclude = async (ward: Ward, exit: Exit | null): Promise<void> => {
    const { order } = ward
    // It goes on wherever it is, whether this server stops or not.
    if (exit?.pending === true && isLeased(ward)) {
      ward.journal.say({ eventType: 'lifecycle', level: 'info', message: 'the agent goes on by itself' })
      return await handOver(ward, exit.externalRunId)
    }
    const ended = exit?.pending === false ? exit : null
    const log = await ward.journal.close()
    const traces = tracesOf(exit, log)
    await readToTheEnd(store, order.runId, log?.bytes ?? 0, () => ward.doom === null)
    const ending: Ending = { ...endingOf(ward, ended), traces }
    // The word of whoever ended it counts, and a lease that is out is the reaper's.
    const isOurs = isLeased(ward)
    if (isOurs) ward.isConcluding = true
    const sessionIdAfter = ended === null || ended.status === 'cancelled' ? order.sessionIdBefore : ended.sessionIdAfter
    const conclusion = isOurs ? await persist(() => concludeRun(store, order, ending, sessionIdAfter)) : 'over'
    if (conclusion === 'over') await persist(() => noteTraces(store, order.runId, traces, ending.usageJson))
    ward.journal.say(
      conclusion === 'ended'
        ? {
            eventType: 'lifecycle',
            level: ending.status === 'succeeded' ? 'info' : 'error',
            message: `run ${ending.status}`,
            payload: { status: ending.status, errorCode: ending.errorCode ?? null },
          }
        : { eventType: 'lifecycle', level: 'warn', message: `the run had been ended: ${ward.doom?.reason ?? 'by somebody else'}` },
    )
  }

  const handOver = async (ward: Ward, externalRunId: string | null): Promise<void> => {
    await ward.journal.close()
    await persist(() => handOverRun(store, server.id, ward.order.runId, externalRunId))
  }

  /** Tries until it succeeds, however long the database is away; undefined when it was given up. */
  const persist = async <T>(write: () => Promise<T>, isWanted: () => boolean = () => true): Promise<T | undefined> => {
    let faults = 0
    for (let wait = RETRY_MS; isWanted() && !abandoned.signal.aborted; wait = Math.min(wait * 2, RETRY_MOST_MS)) {
      try {
        return await write()
      } catch (error) {
        // Away or busy: neither says anything of the run, and both pass.
        const isOutage = (error instanceof Refusal ? error : refusalOf(error))?.status === 503
        if (!isOutage) {
          faults += 1
          log.error({ err: error }, 'a run could not be started or ended')
          if (faults === MOST_FAULTS) return undefined
        }
      }
      await sleep(wait, undefined, { signal: abandoned.signal, ref: false }).catch(() => {})
    }
    return undefined
  }

  /**
   * A run is over, and not by its supervisor's word. One that may have said so itself is about to end its process, and
   * what it still says is worth having.
   */
  const over = (ward: Ward, status: string | undefined, mayHaveSaidSo: boolean): void => {
    const reason = overBecause(status)
    if (mayHaveSaidSo) ward.linger ??= setTimeout(() => doom(ward, 'others', reason), LINGER_MS).unref()
    else doom(ward, status === 'running' || status === 'timed_out' ? 'lease' : 'others', reason)
  }

  const renew = async (): Promise<void> => {
    const askedAt = performance.now()
    const asked = [...wards.values()].filter(isLeased)
    const standing = await renewSupervised(
      store,
      server,
      asked.map((ward) => ward.order.runId),
    )
    const isFirst = seenAt === -Infinity
    seenAt = askedAt
    if (isFirst) deps.onFree()
    const found = new Map(standing.map((row) => [row.id, row]))
    for (const ward of asked) {
      const row = found.get(ward.order.runId)
      if (row?.renewed === true) ward.leasedAt = askedAt
      if (row?.live === true || ward.isConcluding) continue
      over(ward, row?.status, row?.status === 'succeeded' || row?.status === 'failed')
    }
  }

  return {
    // A child is ended when its server has died, for which others must know of the server before it has any.
    free: () => (stopping || seenAt === -Infinity ? 0 : deps.maxRuns - wards.size),
    atWork() {
      const counts = new Map<string, number>()
      for (const { order } of wards.values()) counts.set(order.companyId, (counts.get(order.companyId) ?? 0) + 1)
      return counts
    },
    adopt(order, claimedAt) {
      const ward: Ward = {
        order,
        journal: journal.open(order.runId),
        leasedAt: claimedAt,
        started: null,
        process: null,
        doom: null,
        isConcluding: false,
        linger: null,
      }
      wards.set(order.runId, ward)
      if (stopping) doom(ward, 'stop', SERVER_STOPPED)
      const life = live(ward).finally(() => {
        wards.delete(order.runId)
        lives.delete(life)
        deps.onFree()
      })
      lives.add(life)
    },
    async tend() {
      for (const ward of wards.values()) if (leaseIsOut(ward)) doom(ward, 'lease', LEASE_LOST)
      const now = performance.now()
      const isDue = [...wards.values()].some((ward) => isLeased(ward) && now - ward.leasedAt >= renewEveryMs)
      if (isDue || now - seenAt >= renewEveryMs) await renew()
    },
    heed(rows) {
      for (const row of rows) {
        if (row.action !== 'heartbeat.run_finished') continue
        const ward = wards.get(row.entityId)
        if (ward === undefined || ward.isConcluding) continue
        const isOwnWord = row.actorType === 'agent' && row.actorId === ward.order.agentId
        over(ward, String(row.details['status']), isOwnWord)
      }
    },
    async stop() {
      stopping = true
      for (const ward of wards.values()) doom(ward, 'stop', SERVER_STOPPED)
      const ended = Promise.all(lives)
      const late = setTimeout(() => [...wards.values()].forEach(force), STOP_GRACE_MS)
      const giveUp = setTimeout(() => abandoned.abort(), STOP_GRACE_MS + STOP_PATIENCE_MS)
      const given = new Promise<void>((resolve) => abandoned.signal.addEventListener('abort', () => resolve(), { once: true }))
      await Promise.race([ended, given])
      clearTimeout(late)
      clearTimeout(giveUp)
      abandoned.abort()
      await journal.stop()
      leaveSupervision(store, server.id).catch(() => {})
    },
  }
}

/** @param status of the run; none where it was deleted */
function overBecause(status: string | undefined): string {
  if (status === undefined) return 'The run was deleted'
  return status === 'running' ? LEASE_LOST : `The run is ${status}`
}

const LEASE_LOST = 'The lease of the run ran out before it could be renewed'
const SERVER_STOPPED = 'The server was stopped'

const tracesOf = (exit: Exit | null, log: Traces['log']): Traces => ({
  exitCode: exit?.pending === false ? exit.exitCode : null,
  signal: exit?.pending === false ? exit.signal : null,
  log,
  stdoutExcerpt: exit?.stdoutExcerpt ?? '',
  stderrExcerpt: exit?.stderrExcerpt ?? '',
})

function endingOf(ward: Ward, ended: Ended | null): Ending {
  const reported = { usageJson: ended?.usage === null || ended === null ? null : { ...ended.usage }, resultJson: ended?.result ?? null }
  // What came to its own end before it could be told to stop has ended as it says.
  if (ward.doom?.by === 'stop' && (ended === null || ended.status === 'cancelled'))
    return { status: 'cancelled', error: SERVER_STOPPED, errorCode: 'server_stopped', isWorthAnother: true, ...reported }
  if (ended === null) return { status: 'failed', error: 'The run could not be started', errorCode: 'start_failed' }
  const error = ended.error === null ? null : shorten(ended.error, LONGEST_ERROR)
  // Nothing is started twice for one run, but nobody else knows that the next one would start afresh.
  const isWorthAnother = ended.errorCode === 'adapter_session_unknown'
  return { status: ended.status, error, errorCode: ended.errorCode, isWorthAnother, ...reported }
}

function happeningOf(event: LifecycleEvent, adapterType: string): RunHappening {
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
