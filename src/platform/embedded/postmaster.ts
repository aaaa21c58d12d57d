// Starts one postmaster, waits until it is ready, and stops it.

import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './parameters.ts'
import type { Log } from './contract.ts'
import { spawnWithDeathSignal } from './parentDeathSignal.ts'
import { openLog, sizeOf, tailOf } from './logFile.ts'
import { clearStaleInstance, readLockFile } from './staleInstance.ts'
import { postmasterArguments } from './settings.ts'

export interface Postmaster {
  readonly child: ChildProcess
  /** Resolves with the exit code or signal as text; never rejects. */
  readonly exited: Promise<string>
}

/** A cluster without recovery is ready in 25 ms. Polling this often costs nothing and adds no delay. */
const READY_POLL_MS = 4

/** After a crash Postgres first replays its write-ahead log; even gigabytes take less than this. */
const READY_WITHIN_MS = 5 * 60_000

/** How long the backends of a killed postmaster may keep its shared memory until they notice that it has exited. */
const OLD_BACKENDS_WITHIN_MS = 10_000
const OLD_BACKENDS_POLL_MS = 50

/** Log lines of a Postgres that cannot start because backends of the previous one still run. */
const OLD_BACKENDS_RUN = /pre-existing shared memory block .* is still in use|lock file ".*" already exists/

/** The signals that shut a postmaster down, and how long in milliseconds each may take before the next one is sent. */
const SHUTDOWN_STEPS = [
  { signal: 'SIGINT', graceMs: 10_000 }, // fast shutdown: sessions end, a checkpoint is written
  { signal: 'SIGQUIT', graceMs: 3_000 }, // immediate: no checkpoint, the next start replays the log
  { signal: 'SIGKILL', graceMs: 3_000 },
] as const

/**
 * Starts a postmaster on the cluster and waits until it accepts connections. Rejects when another server uses the data,
 * when the postmaster exits early (with the end of its log), when it is not ready within five minutes, or when `signal`
 * is aborted.
 */
export async function launch(cluster: Cluster, signal: AbortSignal): Promise<Postmaster> {
  const deadline = performance.now() + OLD_BACKENDS_WITHIN_MS
  for (;;) {
    await clearStaleInstance(cluster.dataDir.data, signal, cluster.log)
    const { postmaster, logStart } = await spawnPostmaster(cluster)
    const earlyExit = await untilReady(postmaster, cluster, signal)
    if (earlyExit === null) return postmaster

    // It may have lost a race for the data. Then this check finds the winner, and its error is clearer than the log.
    await clearStaleInstance(cluster.dataDir.data, signal, cluster.log)
    const tail = await tailOf(cluster.dataDir.logFile, logStart)
    if (!OLD_BACKENDS_RUN.test(tail) || performance.now() > deadline) {
      throw new Error(`Postgres exited before it was ready (${earlyExit}). The end of its log, ${cluster.dataDir.logFile}:\n${tail}`)
    }
    await sleep(OLD_BACKENDS_POLL_MS, undefined, { signal })
  }
}

/** Sends the shutdown signals in turn, each after a grace period. Resolves when the process has exited; rejects when it survives SIGKILL. */
export async function stopPostmaster({ child, exited }: Postmaster, log: Log): Promise<void> {
  // A ready postmaster is unreferenced. Without this Node could exit before the shutdown is complete.
  child.ref()
  for (const { signal, graceMs } of SHUTDOWN_STEPS) {
    child.kill(signal)
    if (await settlesWithin(exited, graceMs)) return
    log('embedded Postgres has not exited after a signal', { pid: child.pid, signal, graceMs })
  }
  throw new Error(`Postgres (process ${child.pid}) has not exited after SIGKILL.`)
}

async function spawnPostmaster(cluster: Cluster): Promise<{ postmaster: Postmaster; logStart: number }> {
  const { dataDir, native, account, deathSignal } = cluster
  const logFile = await openLog(dataDir.logFile)
  try {
    const logStart = await sizeOf(dataDir.logFile)
    const child = spawnWithDeathSignal({
      deathSignal,
      file: join(native, 'bin', 'postgres'),
      arguments: postmasterArguments(dataDir.data, dataDir.socket, cluster, process.pid),
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
    // Node reports a signal that could not be sent here, too. Then the process still runs.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error.message)
    })
  })
}

/** Resolves with null when Postgres is ready, or with its exit. The log is no sign: it reports "ready" before the socket accepts connections. */
async function untilReady(postmaster: Postmaster, cluster: Cluster, signal: AbortSignal): Promise<string | null> {
  const { child, exited } = postmaster
  const deadline = performance.now() + READY_WITHIN_MS
  try {
    while (isRunning(child)) {
      const file = await readLockFile(cluster.dataDir.data)
      if (file !== null && file !== 'absent' && file.pid === child.pid && file.status === 'ready') {
        // The child must not keep Node alive: the server that uses the database does, and Postgres ends with Node.
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
