import { banner } from './banner.ts'
import { readConfig, version } from './config.ts'
import type { Config } from './config.ts'
import type { ConnectionOptions } from './db/client.ts'
import { startEmbedded } from './db/embedded/index.ts'
import { createLog } from './kernel/log.ts'
import type { Log } from './kernel/log.ts'
import type { Life } from './life.ts'

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
    // Half of a start is spent on reading the program and half on Postgres, so they go beside each other.
    const program = Promise.all([import('./db/migrate.ts'), import('./server.ts')])
    program.catch(() => {})
    const connection = await startDatabase(config, life, log)
    const [{ migrateOnce }, { startServer }] = await program
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
