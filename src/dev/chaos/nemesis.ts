import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'
import type { Postgres } from './postgres.ts'

/** How often a server is killed. */
const KILL_INTERVAL_S = 10
/** Between the end of sessions of the database. */
const TERMINATE_INTERVAL_S = { min: 1, max: 4 }
/** Beyond the lease of 30 s and the 10 s in which everybody else must have ended what the server left. */
const PAUSE_S = 43
/** When servers are stopped, as parts of the whole, and how many times the length of a stop there must be for that. */
const PAUSE_AT = [0.15, 0.65] as const
const MIN_PAUSE_MULTIPLE = 3
/** How soon a server that was stopped must answer again. */
const RECOVERY_TIMEOUT_MS = 10_000
/** How long runs of a server are waited for, so that it has some when it is stopped. */
const BUSY_SERVER_TIMEOUT_MS = 5000

const MAX_START_ATTEMPTS = 6
const RESTART_DELAY_MS = 500

/** What was done to servers and database. */
export interface FaultCounts {
  kills: number
  terminated: number
  restarts: number
  crashes: number
  pauses: number
}

export interface Nemesis {
  readonly faults: FaultCounts
  /** Deals no more blows; resolves when everything stands again. */
  stop(): Promise<void>
}

export interface NemesisOptions {
  readonly servers: readonly Server[]
  readonly postgres: Postgres
  readonly findings: Findings
  readonly random: SeededRandom
  readonly seconds: number
  readonly log: (line: string) => void
}

/** Deals blows until it is stopped. What comes when is settled by the seconds and the dice. */
export function startNemesis({ servers, postgres, findings, random, seconds, log }: NemesisOptions): Nemesis {
  const stopping = new AbortController()
  const { signal } = stopping
  const pendingRestarts = new Set<Promise<void>>()
  const faults: FaultCounts = { kills: 0, terminated: 0, restarts: 0, crashes: 0, pauses: 0 }
  const wait = (at: number): Promise<unknown> => sleep(Math.max(0, at), undefined, { signal })

  /** As a service manager does: one that ends because the database is away at that moment is started again. */
  const restartServer = async (server: Server): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await server.start()
      } catch (error) {
        if (attempt === MAX_START_ATTEMPTS)
          return findings.reportViolation('orderly', `${server.name} does not start again: ${String(error)}`)
        await sleep(RESTART_DELAY_MS)
      }
    }
  }

  const killServers = async (): Promise<void> => {
    for (;;) {
      await wait(KILL_INTERVAL_S * 1000)
      const server = random.pick(servers.filter((each) => each.state() === 'up'))
      if (server === undefined) continue
      log(`${server.name} is killed`)
      faults.kills += 1
      await server.kill()
      await sleep(random.next() * 500)
      const restarting = restartServer(server).finally(() => pendingRestarts.delete(restarting))
      pendingRestarts.add(restarting)
    }
  }

  const terminateSessions = async (): Promise<void> => {
    for (;;) {
      await wait((TERMINATE_INTERVAL_S.min + random.next() * (TERMINATE_INTERVAL_S.max - TERMINATE_INTERVAL_S.min)) * 1000)
      const sessions = await postgres.queryWithRetry<{ pid: number }>(
        `select pid from pg_stat_activity where datname = current_database() and application_name like 'paperclip-server%' order by pid`,
      )
      if (sessions.length === 0) continue
      const ended = await postgres.queryWithRetry<{ ended: boolean }>('select pg_terminate_backend($1) as ended', [
        random.pick(sessions).pid,
      ])
      if (ended[0]?.ended === true) faults.terminated += 1
    }
  }

  const restartAndCrashPostgres = async (): Promise<void> => {
    await wait((seconds * 1000) / 3)
    log('Postgres is restarted')
    await postgres.restart()
    faults.restarts += 1
    await wait((seconds * 1000) / 3)
    log('Postgres is killed')
    await postgres.crash()
    faults.crashes += 1
  }

  const pauseBusiestServer = async (): Promise<void> => {
    const { server, runs } = await findBusiestServer()
    log(`${server.name} is stopped with ${runs.length} runs at work`)
    server.pause()
    try {
      await wait(PAUSE_S * 1000)
      const unendedRuns = await postgres.queryWithRetry<{ id: string }>(
        `select id from heartbeat_runs where id = any($1::uuid[]) and status in ('queued', 'running')`,
        [runs],
      )
      for (const { id } of unendedRuns)
        findings.reportViolation('stopped', `run ${id} of ${server.name} has not ended ${PAUSE_S} s after the server was stopped`)
    } finally {
      const endsBefore = await readRunEnds(runs)
      server.resume()
      log(`${server.name} goes on`)
      faults.pauses += 1
      if (!signal.aborted) await checkRecovery(server, runs, endsBefore)
    }
  }

  /** The server with the most runs at work, once one has any. */
  const findBusiestServer = async (): Promise<{ server: Server; runs: string[] }> => {
    const deadline = performance.now() + BUSY_SERVER_TIMEOUT_MS
    for (;;) {
      const up = servers.filter((each) => each.state() === 'up')
      const rows = await postgres.queryWithRetry<{ pid: number; runs: string[] }>(
        `select s.pid, array_agg(r.id) as runs from servers s join heartbeat_runs r on r.supervisor_id = s.id and r.status = 'running'
         where s.pid = any($1::int[]) group by s.pid order by count(*) desc limit 1`,
        [up.map((each) => each.pid())],
      )
      const server = up.find((each) => each.pid() === rows[0]?.pid)
      if (server !== undefined) return { server, runs: rows[0]?.runs ?? [] }
      if (performance.now() > deadline) return { server: random.pick(up), runs: [] }
      await sleep(100)
    }
  }

  const readRunEnds = async (runs: readonly string[]): Promise<string> => {
    const rows = await postgres.queryWithRetry<{ end: string }>(
      `select concat_ws(' ', id, status, finished_at, error_code) as end from heartbeat_runs where id = any($1::uuid[]) order by id`,
      [runs],
    )
    return rows.map(({ end }) => end).join('\n')
  }

  const checkRecovery = async (server: Server, runs: readonly string[], endsBefore: string): Promise<void> => {
    const deadline = performance.now() + RECOVERY_TIMEOUT_MS
    const isServing = async (): Promise<boolean> => {
      const response = await fetch(`${server.url}/api/companies`, { signal: AbortSignal.timeout(1000) }).catch(() => null)
      await response?.body?.cancel()
      return response?.ok === true
    }
    // It may be killed while it comes to itself; then there is nothing to be said of it.
    while (server.state() === 'up' && !(await isServing())) {
      if (performance.now() > deadline) return findings.reportViolation('stopped', `${server.name} does not serve after it was stopped`)
      await sleep(100)
    }
    if ((await readRunEnds(runs)) !== endsBefore)
      findings.reportViolation('stopped', `${server.name} has changed the end of a run that it had lost`)
  }

  const pauseServers = async (): Promise<void> => {
    if (seconds < PAUSE_S * MIN_PAUSE_MULTIPLE) return
    const begun = performance.now()
    for (const part of PAUSE_AT) {
      await wait(begun + part * seconds * 1000 - performance.now())
      await pauseBusiestServer()
    }
  }

  const failures: unknown[] = []
  const inject = (injectFaults: () => Promise<void>): Promise<void> =>
    injectFaults().catch((error: unknown) => {
      if (!signal.aborted) failures.push(error)
    })
  const injections = Promise.all([killServers, terminateSessions, restartAndCrashPostgres, pauseServers].map(inject))
  return {
    faults,
    async stop() {
      stopping.abort()
      await injections
      for (const server of servers) if (server.state() === 'stopped') server.resume()
      await Promise.all(pendingRestarts)
      if (failures.length > 0) throw new AggregateError(failures, 'the torture itself has failed')
    },
  }
}
