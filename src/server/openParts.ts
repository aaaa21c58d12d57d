import { setPrices } from '../engine/costs/prices.ts'
import { probeIsolation } from '../adapters/isolation/index.ts'
import { fitPools, readConnectionRoom } from '../platform/db/connectionRoom.ts'
import { migrateOnce } from '../platform/db/migrate.ts'
import type { DatabaseLogins } from '../platform/db/migrate.ts'
import { startEmbedded } from '../platform/embedded/index.ts'
import type { Log } from '../platform/kernel/log.ts'
import type { Config } from './config.ts'
import type { EmbeddedServer } from './embed.ts'
import { placeProblems } from './placeProblems.ts'
import { upgradeBackupOf } from './processParts.ts'
import { reservedAccounts } from './reservedAccounts.ts'
import { startServer } from './server.ts'

interface OpenedDatabase {
  readonly logins: DatabaseLogins
  readonly stop: () => Promise<void>
}

async function openDatabase({ home, databaseUrl, databaseOwnerUrl, backups }: Config, log: Log): Promise<OpenedDatabase> {
  if (databaseUrl === null) {
    const { walArchive } = backups
    const embedded = await startEmbedded({ home, durable: true, walArchive, log: (message, facts) => log.info(facts, message) })
    return { logins: { application: embedded.connection, owner: embedded.ownerConnection }, stop: () => embedded.stop() }
  }
  const owner = databaseOwnerUrl === null ? null : { connectionString: databaseOwnerUrl }
  return { logins: { application: { connectionString: databaseUrl }, owner }, stop: () => Promise.resolve() }
}

/** Starts the database and the server of a configuration. Each started part is stopped again when a later one fails. */
export async function openParts(config: Config, log: Log): Promise<EmbeddedServer> {
  const problems = await placeProblems(config)
  if (problems.length > 0) throw new Error(`paperclip-server cannot start: ${problems.join('; ')}`)
  setPrices(config.prices)
  const { isolation: mode, user } = config.agents
  const isolation = await probeIsolation({ mode, user, home: config.home, reserved: await reservedAccounts(config) })
  const database = await openDatabase(config, log)
  try {
    await migrateOnce(database.logins, new AbortController().signal, upgradeBackupOf(config, database.logins, log))
    const { sizes: pools } = fitPools(await readConnectionRoom(database.logins.application))
    const server = await startServer(config, database.logins.application, log, { isolation, pools })
    let stopping: Promise<void> | undefined
    return { url: server.url, stop: () => (stopping ??= server.stop().then(() => database.stop())) }
  } catch (error) {
    await database.stop()
    throw error
  }
}
