import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import type { Log } from './contract.ts'
import { spawnWithDeathSignal } from './parentDeathSignal.ts'
import { openLog, sizeOf, tailOf } from './logFile.ts'
import { clearStaleInstance, readLockFile } from './staleInstance.ts'
import { postmasterArguments } from './settings.ts'

export interface Postmaster {
  readonly child: ChildProcess
  /** How it ended, in words; never rejects. */
  readonly exited: Promise<string>
}

/** A quiet cluster is ready in 25 ms, so looking every few costs nothing and adds nothing. */
const READY_POLL_MS = 4

/** After a crash Postgres replays its log first; even gigabytes of it take less than this. */
const READY_WITHIN_MS = 5 * 60_000

/** How long the backends of a killed postmaster may keep its shared memory while they notice that it is gone. */
const LEFTOVERS_WITHIN_MS = 10_000
const LEFTOVERS_POLL_MS = 50

/** What Postgres says when leftovers of the one before are in its way, rather than something of its own. */
const LEFTOVERS = /pre-existing shared memory block .* is still in use|lock file ".*" already exists/

/** What each signal means to a postmaster, and how long (ms) it may take over it before the next, harsher one. */
const SHUTDOWN_STEPS = [
  { signal: 'SIGINT', graceMs: 10_000 }, // fast shutdown: sessions end, a checkpoint is written
  { signal: 'SIGQUIT', graceMs: 3_000 }, // immediate: no checkpoint, the next start replays the log
  { signal: 'SIGKILL', graceMs: 3_000 },
] as const

/**
 * Starts a postmaster on the cluster and waits until it takes connections. Rejects when somebody else holds the data,
 * when it ends early (with the tail of its log), when it is not ready within five minutes, or when `signal` is aborted.
 */
export async function launch(cluster: Cluster, signal: AbortSignal): Promise<Postmaster> {
  const deadline = performance.now() + LEFTOVERS_WITHIN_MS
  for (;;) {
    await clearStaleInstance(cluster.dataDir.data, signal, cluster.log)
    const { postmaster, logStart } = await spawnPostmaster(cluster)
    const earlyExit = await untilReady(postmaster, cluster, signal)
    if (earlyExit === null) return postmaster

    // It may have lost a race for the data. Then this look finds the winner and says so better than its log would.
    await clearStaleInstance(cluster.dataDir.data, signal, cluster.log)
    const tail = await tailOf(cluster.dataDir.logFile, logStart)
    if (!LEFTOVERS.test(tail) || performance.now() > deadline) {
      throw new Error(`Postgres ended before it was ready (${earlyExit}). Its log, ${cluster.dataDir.logFile}, says:\n${tail}`)
    }
    await sleep(LEFTOVERS_POLL_MS, undefined, { signal })
  }
}

/** Fast shutdown, then harsher ones, each after a grace. Resolves when the process is gone; rejects if even SIGKILL fails. */
export async function stopPostmaster({ child, exited }: Postmaster, log: Log): Promise<void> {
  // Ready ones are unreferenced; without this node could exit before the shutdown it waits for is done.
  child.ref()
  for (const { signal, graceMs } of SHUTDOWN_STEPS) {
    child.kill(signal)
    if (await settlesWithin(exited, graceMs)) return
    log('Postgres does not end', { pid: child.pid, signal, graceMs })
  }
  throw new Error(`Postgres (process ${child.pid}) does not end, not even after SIGKILL.`)
}

async function spawnPostmaster(cluster: Cluster): Promise<{ postmaster: Postmaster; logStart: number }> {
  const { dataDir, native, account, deathSignal, durable } = cluster
  const logFile = await openLog(dataDir.logFile)
  try {
    const logStart = await sizeOf(dataDir.logFile)
    const child = spawnWithDeathSignal({
      deathSignal,
      file: join(native, 'bin', 'postgres'),
      arguments: postmasterArguments(dataDir.data, dataDir.socket, durable, process.pid),
      account,
      output: logFile.fd,
    })
    return { postmaster: { child, exited: exitOf(child) }, logStart }
  } finally {
    await logFile.close()
  }
}

async function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `code ${code}` : `signal ${signal}`))
    // A signal that could not be sent is reported here too, and then the process is still there.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error.message)
    })
  })
}

/** Null once ready, or how it ended instead. The log's text is no sign: it comes before the socket takes connections. */
async function untilReady(postmaster: Postmaster, cluster: Cluster, signal: AbortSignal): Promise<string | null> {
  const { child, exited } = postmaster
  const deadline = performance.now() + READY_WITHIN_MS
  try {
    while (isRunning(child)) {
      const file = await readLockFile(cluster.dataDir.data)
      if (file !== null && file !== 'absent' && file.pid === child.pid && file.status === 'ready') {
        // The server that uses the database keeps node alive; the database alone must not, and it dies with node.
        child.unref()
        return null
      }
      if (performance.now() > deadline) throw new Error(`Postgres is not ready after ${READY_WITHIN_MS / 1000} s.`)
      await sleep(READY_POLL_MS, undefined, { signal })
    }
    return await exited
  } catch (error) {
    await stopPostmaster(postmaster, cluster.log)
    throw error
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  return Promise.race([promise.then(() => true), late]).finally(() => timer.abort())
}
