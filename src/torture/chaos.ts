import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../testing/dice.ts'
import type { Server } from './fleet.ts'
import type { Findings } from './laws.ts'
import type { Postgres } from './postgres.ts'

/** How often a server is killed. */
const KILL_EVERY_S = 10
/** Between the end of sessions of the database. */
const TERMINATE_EVERY_S = { least: 1, most: 4 }
/** Beyond the lease of 30 s and the 10 s in which everybody else must have ended what the server left. */
const STOPPED_FOR_S = 43
/** When servers are stopped, as parts of the whole, and how many times the length of a stop there must be for that. */
const STOPS_AT = [0.15, 0.65] as const
const SHORTEST_FOR_STOPS = 3
/** How soon a server that was stopped must answer again. */
const SERVES_WITHIN_MS = 10_000
/** How long runs of a server are waited for, so that it has some when it is stopped. */
const HAS_RUNS_WITHIN_MS = 5000

const MOST_STARTS = 6
const START_AGAIN_MS = 500

/** What was done to servers and database. */
export interface Blows {
  kills: number
  terminated: number
  restarts: number
  crashes: number
  stops: number
}

export interface Chaos {
  readonly blows: Blows
  /** Deals no more blows; resolves when everything stands again. */
  stop(): Promise<void>
}

export interface ChaosOptions {
  readonly servers: readonly Server[]
  readonly postgres: Postgres
  readonly findings: Findings
  readonly chance: Dice
  readonly seconds: number
  readonly say: (line: string) => void
}

/** Deals blows until it is stopped. What comes when is settled by the seconds and the dice. */
export function startChaos({ servers, postgres, findings, chance, seconds, say }: ChaosOptions): Chaos {
  const stopping = new AbortController()
  const { signal } = stopping
  const starting = new Set<Promise<void>>()
  const blows: Blows = { kills: 0, terminated: 0, restarts: 0, crashes: 0, stops: 0 }
  const until = (at: number): Promise<unknown> => sleep(Math.max(0, at), undefined, { signal })

  /** As a service manager does: one that ends because the database is away at that moment is started again. */
  const bringBack = async (server: Server): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await server.start()
      } catch (error) {
        if (tries === MOST_STARTS) return findings.fault('orderly', `${server.name} does not start again: ${String(error)}`)
        await sleep(START_AGAIN_MS)
      }
    }
  }

  const killServers = async (): Promise<void> => {
    for (;;) {
      await until(KILL_EVERY_S * 1000)
      const server = chance.pick(servers.filter((each) => each.standing() === 'up'))
      if (server === undefined) continue
      say(`${server.name} is killed`)
      blows.kills += 1
      await server.kill()
      await sleep(chance.roll() * 500)
      const coming = bringBack(server).finally(() => starting.delete(coming))
      starting.add(coming)
    }
  }

  const endSessions = async (): Promise<void> => {
    for (;;) {
      await until((TERMINATE_EVERY_S.least + chance.roll() * (TERMINATE_EVERY_S.most - TERMINATE_EVERY_S.least)) * 1000)
      const sessions = await postgres.ask<{ pid: number }>(
        `select pid from pg_stat_activity where datname = current_database() and application_name like 'paperclip-server%' order by pid`,
      )
      if (sessions.length === 0) continue
      const ended = await postgres.ask<{ ended: boolean }>('select pg_terminate_backend($1) as ended', [chance.pick(sessions).pid])
      if (ended[0]?.ended === true) blows.terminated += 1
    }
  }

  const takePostgres = async (): Promise<void> => {
    await until((seconds * 1000) / 3)
    say('Postgres is restarted')
    await postgres.restart()
    blows.restarts += 1
    await until((seconds * 1000) / 3)
    say('Postgres is killed')
    await postgres.crash()
    blows.crashes += 1
  }

  const freezeOne = async (): Promise<void> => {
    const { server, runs } = await busiest()
    say(`${server.name} is stopped with ${runs.length} runs at work`)
    server.freeze()
    try {
      await until(STOPPED_FOR_S * 1000)
      const left = await postgres.ask<{ id: string }>(
        `select id from heartbeat_runs where id = any($1::uuid[]) and status in ('queued', 'running')`,
        [runs],
      )
      for (const { id } of left)
        findings.fault('stopped', `run ${id} of ${server.name} has not ended ${STOPPED_FOR_S} s after the server was stopped`)
    } finally {
      const ends = await endsOf(runs)
      server.thaw()
      say(`${server.name} goes on`)
      blows.stops += 1
      if (!signal.aborted) await returns(server, runs, ends)
    }
  }

  /** The server with the most runs at work, once one has any. */
  const busiest = async (): Promise<{ server: Server; runs: string[] }> => {
    const deadline = performance.now() + HAS_RUNS_WITHIN_MS
    for (;;) {
      const up = servers.filter((each) => each.standing() === 'up')
      const rows = await postgres.ask<{ pid: number; runs: string[] }>(
        `select s.pid, array_agg(r.id) as runs from servers s join heartbeat_runs r on r.supervisor_id = s.id and r.status = 'running'
         where s.pid = any($1::int[]) group by s.pid order by count(*) desc limit 1`,
        [up.map((each) => each.pid())],
      )
      const server = up.find((each) => each.pid() === rows[0]?.pid)
      if (server !== undefined) return { server, runs: rows[0]?.runs ?? [] }
      if (performance.now() > deadline) return { server: chance.pick(up), runs: [] }
      await sleep(100)
    }
  }

  const endsOf = async (runs: readonly string[]): Promise<string> => {
    const rows = await postgres.ask<{ end: string }>(
      `select concat_ws(' ', id, status, finished_at, error_code) as end from heartbeat_runs where id = any($1::uuid[]) order by id`,
      [runs],
    )
    return rows.map(({ end }) => end).join('\n')
  }

  const returns = async (server: Server, runs: readonly string[], ends: string): Promise<void> => {
    const deadline = performance.now() + SERVES_WITHIN_MS
    const answers = async (): Promise<boolean> => {
      const response = await fetch(`${server.url}/api/companies`, { signal: AbortSignal.timeout(1000) }).catch(() => null)
      await response?.body?.cancel()
      return response?.ok === true
    }
    // It may be killed while it comes to itself; then there is nothing to be said of it.
    while (server.standing() === 'up' && !(await answers())) {
      if (performance.now() > deadline) return findings.fault('stopped', `${server.name} does not serve after it was stopped`)
      await sleep(100)
    }
    if ((await endsOf(runs)) !== ends) findings.fault('stopped', `${server.name} has changed the end of a run that it had lost`)
  }

  const freeze = async (): Promise<void> => {
    if (seconds < STOPPED_FOR_S * SHORTEST_FOR_STOPS) return
    const begun = performance.now()
    for (const part of STOPS_AT) {
      await until(begun + part * seconds * 1000 - performance.now())
      await freezeOne()
    }
  }

  const failures: unknown[] = []
  const deal = (blow: () => Promise<void>): Promise<void> =>
    blow().catch((error: unknown) => {
      if (!signal.aborted) failures.push(error)
    })
  const under = Promise.all([killServers, endSessions, takePostgres, freeze].map(deal))
  return {
    blows,
    async stop() {
      stopping.abort()
      await under
      for (const server of servers) if (server.standing() === 'stopped') server.thaw()
      await Promise.all(starting)
      if (failures.length > 0) throw new AggregateError(failures, 'the torture itself has failed')
    },
  }
}
