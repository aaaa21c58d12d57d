import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import type { EmbeddedPostgres } from '../../platform/embedded/index.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { databaseEnvOf, postgresProcessesUnder } from '../testing/serverProcess.ts'

/** Delay between two attempts while the database is unreachable. */
const RETRY_MS = 50

/** The database of a chaos test. The nemesis restarts and crashes it. */
export interface Postgres {
  /** The variables of its servers: the application's login, and the owner's for migrations. */
  readonly env: Readonly<Record<string, string>>
  /** The chaos test's own pool. A query rejects while the database is unreachable. */
  readonly sql: Pool
  /** Runs a query and retries it, without limit, while the database is unreachable. */
  queryWithRetry<R extends object>(text: string, values?: unknown[]): Promise<R[]>
  /** Stops Postgres cleanly and starts it again on the same data. */
  restart(): Promise<void>
  /** Kills the postmaster. Its supervisor starts another one; resolves when that one answers. */
  crash(): Promise<void>
  /** Deadlocks so far: the larger of the number in the statistics and the number in the log. */
  countDeadlocks(): Promise<number>
  stop(): Promise<void>
}

/** Connections of the chaos test itself, and of each process of a server: each server divides what the database allows, and knows of no other one. */
const OWN_CONNECTIONS = 40
const CONNECTIONS_OF_A_PROCESS = 17

/**
 * Starts Postgres with an operator's durability, migrates it, and installs the triggers that check every commit.
 * @param processes of all servers together
 */
export async function startPostgres(home: string, processes: number): Promise<Postgres> {
  const maxConnections = OWN_CONNECTIONS + CONNECTIONS_OF_A_PROCESS * processes
  const start = (): Promise<EmbeddedPostgres> => startEmbedded({ home, durable: true, maxConnections })
  let postgres = await start()
  const { connection, ownerConnection } = postgres
  const sql = openPool({ ...ownerConnection, max: 4, application_name: 'chaos', query_timeout: 0, statement_timeout: 0 })
  await migrate(sql, connection.user)
  for (const file of ['../testing/tripwire.sql', './observers.sql', './budgetObservers.sql'])
    await sql.query(readFileSync(new URL(file, import.meta.url), 'utf8'))

  const queryWithRetry: Postgres['queryWithRetry'] = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> => {
    for (;;) {
      try {
        return (await sql.query<R>(text, values)).rows
      } catch (error) {
        // An error with a severity is an answer of the database: it is reachable and the query is wrong. Classes 08 and 57P
        // are the exception: the database is starting, stopping or has closed the connection.
        const { code = '', severity } = error as { code?: string; severity?: string }
        if (severity !== undefined && !/^(08|57P)/.test(code)) throw error
        await sleep(RETRY_MS)
      }
    }
  }
  /** The highest number of the statistics so far. A crash resets the statistics. */
  let maxDeadlocks = 0
  const updateDeadlocks = async (): Promise<void> => {
    const [row] = await queryWithRetry<{ count: number }>(
      'select deadlocks::int as count from pg_stat_database where datname = current_database()',
    )
    maxDeadlocks = Math.max(maxDeadlocks, row?.count ?? 0)
  }
  const logFile = path.join(home, 'postgres.log')
  return {
    env: databaseEnvOf(connection, ownerConnection),
    sql,
    queryWithRetry,
    async restart() {
      await updateDeadlocks()
      await postgres.stop()
      postgres = await start()
    },
    async crash() {
      await updateDeadlocks()
      const [pid] = readFileSync(path.join(home, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
      process.kill(Number(pid), 'SIGKILL')
      await sleep(RETRY_MS)
      await queryWithRetry('select 1')
    },
    async countDeadlocks() {
      await updateDeadlocks()
      return Math.max(maxDeadlocks, readFileSync(logFile, 'utf8').split('deadlock detected').length - 1)
    },
    async stop() {
      await sql.end()
      await postgres.stop()
      while (postgresProcessesUnder(home).length > 0) await sleep(RETRY_MS)
    },
  }
}
