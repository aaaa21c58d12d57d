import { readConfig, version } from './config.ts'
import type { Config } from './config.ts'
import { openPool } from './db/client.ts'
import type { ConnectionOptions } from './db/client.ts'
import { startEmbedded } from './db/embedded/index.ts'
import type { EmbeddedPostgres } from './db/embedded/index.ts'
import { migrate } from './db/migrate.ts'
import { createLog } from './kernel/log.ts'
import type { Log } from './kernel/log.ts'
import { startServer } from './server.ts'

function configOrExit(): Config {
  const read = readConfig(process.env)
  if ('config' in read) return read.config
  process.stderr.write(`paperclip-server cannot start:\n${read.problems.map((problem) => `  ${problem}\n`).join('')}`)
  process.exit(1)
}

async function migrateOnce(connection: ConnectionOptions): Promise<void> {
  const pool = openPool({ ...connection, max: 1 })
  try {
    await migrate(pool)
  } finally {
    await pool.end()
  }
}

function announce(config: Config, url: string, log: Log): void {
  const database = config.databaseUrl === null ? 'embedded Postgres' : 'DATABASE_URL'
  if (!process.stdout.isTTY) return log.info({ url, database, version }, 'listening')
  process.stdout.write(`
  paperclip-server ${version}

  API       ${url}/api
  Document  ${url}/api/docs
  Database  ${database}
  Home      ${config.home}

`)
}

async function start(): Promise<void> {
  const config = configOrExit()
  const log = createLog(config.logLevel, process.stdout.isTTY === true)
  let embedded: EmbeddedPostgres | null = null
  let stop = async (): Promise<void> => await embedded?.stop()

  // Installed before anything is started, so that an early Ctrl-C leaves nothing behind either.
  let exiting = false
  const leave = (code: number): void => {
    if (exiting) return
    exiting = true
    stop().then(
      () => process.exit(code),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping')
      leave(0)
    })
  }
  const die = (error: unknown): void => {
    log.fatal({ err: error }, 'unhandled error')
    leave(1)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)

  try {
    if (config.databaseUrl === null) {
      embedded = await startEmbedded({ home: config.home, durable: true, log: (message, facts) => log.info(facts, message) })
    }
    const connection: ConnectionOptions = embedded?.connection ?? { connectionString: config.databaseUrl ?? '' }
    await migrateOnce(connection)
    const server = await startServer(config, connection, log)
    const stopDatabase = stop
    stop = async () => {
      await server.stop()
      await stopDatabase()
    }
    announce(config, server.url, log)
  } catch (error) {
    log.fatal({ err: error }, error instanceof Error ? error.message : 'cannot start')
    leave(1)
  }
}

await start()
