import { banner } from './banner.ts'
import { readConfig, version } from './config.ts'
import type { Config } from './config.ts'
import { openPool } from './db/client.ts'
import type { ConnectionOptions } from './db/client.ts'
import { startEmbedded } from './db/embedded/index.ts'
import { migrate } from './db/migrate.ts'
import { createLog } from './kernel/log.ts'
import type { Log } from './kernel/log.ts'
import type { Life } from './life.ts'
import { startServer } from './server.ts'

function configOrExit(): Config {
  const read = readConfig(process.env)
  if ('config' in read) return read.config
  process.stderr.write(`paperclip-server cannot start:\n${read.problems.map((problem) => `  ${problem}\n`).join('')}`)
  process.exit(1)
}

async function startDatabase(config: Config, life: Life, log: Log): Promise<ConnectionOptions> {
  if (config.databaseUrl !== null) return { connectionString: config.databaseUrl }
  const { home } = config
  const embedded = await life.begin(
    () => startEmbedded({ home, durable: true, log: (message, facts) => log.info(facts, message) }),
    (started) => started.stop(),
  )
  return embedded.connection
}

async function migrateOnce(connection: ConnectionOptions, signal: AbortSignal): Promise<void> {
  const pool = openPool({ ...connection, max: 1, query_timeout: 0 })
  try {
    // Left in the middle, a migration is rolled back when its connection ends with the process.
    const left = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    await Promise.race([migrate(pool), left])
  } finally {
    if (!signal.aborted) await pool.end()
  }
}

/**
 * Starts the server: database, schema, port, in this order, each in the life of the process.
 * A wrong configuration ends the process at once, with everything that is wrong in one list.
 */
export async function start(life: Life): Promise<void> {
  const config = configOrExit()
  const isTerminal = process.stdout.isTTY === true
  const log = createLog(config.logLevel, isTerminal)
  life.logTo(log)
  try {
    const connection = await startDatabase(config, life, log)
    await life.begin((signal) => migrateOnce(connection, signal))
    const { url } = await life.begin(
      () => startServer(config, connection, log),
      (server) => server.stop(),
    )
    const database = config.databaseUrl === null ? 'embedded Postgres' : 'DATABASE_URL'
    if (isTerminal) process.stdout.write(banner({ url, database, home: config.home, version }))
    else log.info({ url, database, version }, 'listening')
  } catch (error) {
    if (life.isLeaving()) return
    log.fatal({ err: error }, error instanceof Error ? error.message : 'cannot start')
    life.leave(1)
  }
}
