import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import type { EmbeddedPostgres } from '../../platform/embedded/index.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { postgresProcessesUnder, databaseUrlOf } from '../testing/serverProcess.ts'

/** How soon the database is looked for again while it is away. */
const RETRY_MS = 50

/** The one database of a torture, which is taken away and given back. */
export interface Postgres {
  readonly url: string
  /** Its own pool, for looking; what it is asked while the database is away rejects. */
  readonly sql: Pool
  /** Asks until it is answered, however long the database is away. */
  queryWithRetry<R extends object>(text: string, values?: unknown[]): Promise<R[]>
  /** Ends it in order and starts it again on the same data. */
  restart(): Promise<void>
  /** Kills the postmaster; whoever started it notices and starts another. */
  crash(): Promise<void>
  /** Deadlocks so far, by its statistics and by its log. */
  countDeadlocks(): Promise<number>
  stop(): Promise<void>
}

/** Starts Postgres as durable as an operator has it, with the schema and, on top, what judges every commit. */
export async function startPostgres(home: string): Promise<Postgres> {
  const start = (): Promise<EmbeddedPostgres> => startEmbedded({ home, durable: true })
  let postgres = await start()
  const { connection } = postgres
  const sql = openPool({ ...connection, max: 4, application_name: 'torture', query_timeout: 0, statement_timeout: 0 })
  await migrate(sql)
  for (const file of ['../testing/tripwire.sql', './observers.sql']) await sql.query(readFileSync(new URL(file, import.meta.url), 'utf8'))

  const queryWithRetry: Postgres['queryWithRetry'] = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> => {
    for (;;) {
      try {
        return (await sql.query<R>(text, values)).rows
      } catch (error) {
        // What has a severity is the database's own word: it is there, and the question is wrong.
        const { code = '', severity } = error as { code?: string; severity?: string }
        if (severity !== undefined && !/^(08|57P)/.test(code)) throw error
        await sleep(RETRY_MS)
      }
    }
  }
  /** What ended sessions have counted so far; a crash forgets what was counted before it. */
  let maxDeadlocks = 0
  const updateDeadlocks = async (): Promise<void> => {
    const [row] = await queryWithRetry<{ countDeadlocks: number }>(
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    )
    maxDeadlocks = Math.max(maxDeadlocks, row?.countDeadlocks ?? 0)
  }
  const logFile = path.join(home, 'postgres.log')
  return {
    url: databaseUrlOf(connection),
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
