// Starts the workers of a server and keeps them running, until they are asked to stop.

import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../platform/kernel/log.ts'
import { startProblem } from '../../platform/kernel/startProblem.ts'
import { settlesWithin } from '../../platform/kernel/timeout.ts'
import type { Assignment, FromWorker, ReadyFacts, ToWorker } from './messages.ts'
import { createSwitchboard } from './switchboard.ts'
import type { Switchboard, WorkerLine } from './switchboard.ts'

/** The first wait is short, because most crashes are single. The longest limits how late a worker is back once its cause is gone. */
const MIN_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 5000
/** A worker that served this long did not fail because of its start, so the waits begin again. */
const HEALTHY_AFTER_MS = 30_000
/** A worker drains for nine seconds; then it is killed, and its runs are ended by the others. */
const STOP_MS = 15_000
/** Options of Node for a worker, as `npm start` has them: young objects of requests get room, and a leak ends one worker, not the machine. */
const HEAP_OPTIONS = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--max-old-space-size=2000']

/** The workers of a server. */
export interface RunningWorkers {
  /** The facts that the first worker gave when it listened. */
  readonly facts: ReadyFacts
  /** Lets all workers open their log again, and read again what needs no restart. */
  readonly reload: () => void
  /** Asks all workers to stop, and waits for their ends. */
  stop(): Promise<void>
}

interface StartedWorker {
  readonly worker: Worker
  /** Resolves with what it serves, or with null when it ended before. */
  readonly ready: Promise<ReadyFacts | null>
  readonly exited: Promise<string>
}

/** The part of a worker's assignment that the primary process knows; the rest is the worker's own. */
export type AssignmentOf = (number: number) => Omit<Assignment, 'number' | 'notices'>

const sendTo = (worker: Worker, message: ToWorker): void => {
  // A worker that has just ended takes no message; its end is handled on its own.
  if (worker.isConnected()) worker.send(message, () => {})
}

function prepare(): void {
  // The workers accept by themselves. Where this process accepts and hands on, a connection on its way to a worker that dies is closed by neither, and its client waits.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  const given = new Set(process.execArgv.map((option) => option.split('=')[0]))
  const heap = HEAP_OPTIONS.filter((option) => !given.has(option.split('=')[0]))
  cluster.setupPrimary({ execArgv: [...process.execArgv, ...heap, '--enable-source-maps'], args: [], serialization: 'advanced' })
}

/** Starts a process with an assignment, and connects it with the others. */
function launch(assignment: Omit<Assignment, 'notices'>, switchboard: Switchboard): StartedWorker {
  const worker = cluster.fork()
  const line: WorkerLine = { send: (message) => sendTo(worker, message) }
  const exited = new Promise<string>((resolve) => {
    worker.once('exit', (code, signal) => resolve(signal === null ? `code ${code}` : `signal ${signal}`))
    worker.once('error', (error) => resolve(error.message))
  })
  const served = new Promise<ReadyFacts>((resolve) => {
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'hello') {
        switchboard.add(line)
        return sendTo(worker, { kind: 'begin', assignment: { ...assignment, notices: switchboard.notices() } })
      }
      if (message.kind !== 'ready') return switchboard.handle(line, message)
      switchboard.open(line)
      resolve(message.facts)
    })
  })
  void exited.then(() => switchboard.remove(line)).catch(() => {})
  return { worker, exited, ready: Promise.race([served, exited.then(() => null)]) }
}

async function stopWorker({ worker, exited }: StartedWorker, log: Log): Promise<void> {
  worker.process.kill('SIGTERM')
  if (await settlesWithin(exited, STOP_MS)) return
  log.error({ workerPid: worker.process.pid }, 'a worker has not ended after SIGTERM; it is killed')
  worker.process.kill('SIGKILL')
  await exited
}

interface Keeping {
  readonly start: () => StartedWorker
  readonly number: number
  readonly signal: AbortSignal
  readonly log: Log
}

/** Starts a worker again whenever it ends, until the signal is aborted. */
async function keep(first: StartedWorker, { start, number, signal, log }: Keeping): Promise<void> {
  let current = first
  let backoffMs = MIN_BACKOFF_MS
  for (;;) {
    const since = performance.now()
    const how = await current.exited
    if (signal.aborted) return
    if (performance.now() - since > HEALTHY_AFTER_MS) backoffMs = MIN_BACKOFF_MS
    log.error(
      { worker: number, workerPid: current.worker.process.pid, how, nextStartInMs: backoffMs },
      'a worker ended; it is started again',
    )
    await sleep(backoffMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)
    try {
      current = start()
    } catch {
      // No process could be made. The end of the one before is seen again, and the next attempt waits longer.
      continue
    }
    void current.ready.then((facts) => facts !== null && log.info({ worker: number }, 'a worker serves again')).catch(() => {})
  }
}

/**
 * Starts workers, the first one alone: it makes the files of the home that a first start makes. Each that ends is started again, with growing waits and without limit.
 * @param count how many
 * @throws when a worker ends before all of them served once; its own log has the reason
 */
export async function startWorkers(count: number, assignmentOf: AssignmentOf, log: Log): Promise<RunningWorkers> {
  prepare()
  const switchboard = createSwitchboard()
  const stopping = new AbortController()
  const running = new Map<number, StartedWorker>()

  const start = (number: number): StartedWorker => {
    // Port 0 stays 0: workers that ask for the same port share it, and one that asked for the number would find it taken.
    const started = launch({ ...assignmentOf(number), number }, switchboard)
    running.set(number, started)
    return started
  }
  const stop = async (): Promise<void> => {
    stopping.abort()
    await Promise.all([...running.values()].map(async (worker) => await stopWorker(worker, log)))
  }

  const first = start(1)
  const facts = await first.ready
  const others = facts === null ? [] : Array.from({ length: count - 1 }, (_, at) => start(at + 2))
  const served = await Promise.all(others.map(({ ready }) => ready))
  if (facts === null || served.includes(null)) {
    await stop()
    throw startProblem('A worker could not start; its own line of the log says why')
  }
  for (const [number, worker] of running)
    void keep(worker, { start: () => start(number), number, signal: stopping.signal, log }).catch(() => {})
  const reload = (): void => {
    for (const { worker } of running.values()) worker.process.kill('SIGHUP')
  }
  return { facts, reload, stop }
}
