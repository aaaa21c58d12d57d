// The database of commands that open it themselves: that of DATABASE_URL, or the embedded one of the home.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Config, ConfigResult } from '../server/config.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import type { Store } from '../platform/db/types.ts'
import type { Io } from './io.ts'
import { commandProblem, EXIT, usageProblem } from './problem.ts'

/** A database that a command has opened. */
export interface OpenedDatabase {
  /** With the login of the application, whose grants are those of a server. */
  readonly store: Store
  /** With the login that owns the tables; null where only that of the application is known. */
  readonly ownerPool: Pool | null
  close(): Promise<void>
}

/** The configuration of the home that a command means, read as a start of a server reads it. */
export async function readConfigOf(io: Io): Promise<ConfigResult> {
  const { readHomeConfig } = await import('../server/configSources.ts')
  return readHomeConfig({ ...io.env, PAPERCLIP_HOME: io.home })
}

/** The wait for connections that are in use, in milliseconds. */
const CLOSE_MS = 1000

type DatabaseSetting = 'DATABASE_URL' | 'DATABASE_OWNER_URL'

/** The first of these settings that a start of a server on the home would find; the empty text for none. */
async function settingOf(io: Io, names: readonly DatabaseSetting[]): Promise<string> {
  const { configFileOf } = await import('../server/configSources.ts')
  const { layerSettings } = await import('../server/configFile.ts')
  const { resolveSecretFiles } = await import('../server/secretVariables.ts')
  const env = { ...io.env, PAPERCLIP_HOME: io.home }
  const file = configFileOf(env)
  const { values, problems } = resolveSecretFiles(layerSettings(env, file).values)
  const own = problems.filter((problem) => names.some((name) => problem.startsWith(name)))
  // A file that cannot be read may name another database than the one that would be taken without it.
  if (file.problems.length > 0 || own.length > 0) throw commandProblem(EXIT.bad, { message: [...file.problems, ...own].join('; ') })
  return names.map((name) => values[name] ?? '').find((value) => value !== '') ?? ''
}

/**
 * The URL of the database that a command means: that of its option, else that of a start of a server on the home.
 * @param names of the settings, of which the first that is given counts
 * @returns null for the embedded database of the home
 * @throws a problem for a URL of another kind, and for settings that cannot be read
 */
export async function databaseUrlOf(io: Io, option: string | undefined, names: readonly DatabaseSetting[]): Promise<string | null> {
  const url = option ?? (await settingOf(io, names))
  if (url === '') return null
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol))
    throw usageProblem('The URL of the database must be a postgres:// URL')
  return url
}

interface Logins {
  readonly application: ConnectionOptions
  readonly owner: ConnectionOptions | null
  /** Ends the Postgres that was started for the command. */
  readonly stop: () => Promise<void>
}

const nothingToStop = async (): Promise<void> => await Promise.resolve()

const unreachable = (error: unknown): Error =>
  commandProblem(EXIT.unreachable, { message: `The database cannot be reached: ${error instanceof Error ? error.message : String(error)}` })

/** Whether a database answers. @throws what the driver throws */
async function probe(connection: ConnectionOptions): Promise<void> {
  const { openPool } = await import('../platform/db/driver/client.ts')
  const pool = openPool({ ...connection, max: 1 })
  try {
    await pool.query('select 1')
  } finally {
    await pool.end()
  }
}

async function loginsOf({ home, databaseUrl, databaseOwnerUrl }: Config): Promise<Logins> {
  if (databaseUrl !== null) {
    const owner = databaseOwnerUrl === null ? databaseUrl : databaseOwnerUrl
    const { connectProblem } = await import('../platform/db/connectProblem.ts')
    const application = { connectionString: databaseUrl }
    await probe(application).catch((error: unknown) => {
      throw connectProblem(error, 'DATABASE_URL', databaseUrl)
    })
    return { application, owner: { connectionString: owner }, stop: nothingToStop }
  }
  const { locateEmbedded, startEmbedded } = await import('../platform/embedded/index.ts')
  const located = await locateEmbedded(home)
  if (located === null)
    throw commandProblem(EXIT.unreachable, {
      message: `No server has made a database in ${home} yet`,
      next: 'give --home with the home of a server, or set DATABASE_URL',
    })
  const isRunning = await probe(located.connection).then(
    () => true,
    () => false,
  )
  if (isRunning) return { application: located.connection, owner: located.ownerConnection, stop: nothingToStop }
  const started = await startEmbedded({ home, durable: true })
  return { application: started.connection, owner: started.ownerConnection, stop: async () => await started.stop() }
}

/**
 * Opens the database of a configuration. Where no server runs on the home, its Postgres is started for as long as the command works.
 * @throws a problem with exit code 3 when it cannot be reached
 */
export async function openDatabaseOf(config: Config): Promise<OpenedDatabase> {
  const { closePool, openPool } = await import('../platform/db/driver/client.ts')
  const { createStore } = await import('../platform/db/store.ts')
  const { application, owner, stop } = await loginsOf(config).catch((error: unknown) => {
    throw unreachable(error)
  })
  const pool = openPool({ ...application, max: 3 }, 'custom', { readOnlyByDefault: true })
  const ownerPool = owner === null ? null : openPool({ ...owner, max: 1 })
  return {
    store: createStore(pool),
    ownerPool,
    async close() {
      // An interrupted command leaves a statement behind, which ends with its connection.
      const closing = Promise.all([pool, ownerPool].map(async (each) => each !== null && (await closePool(each, CLOSE_MS))))
      await Promise.race([closing, sleep(CLOSE_MS, undefined, { ref: false })])
      await stop()
    },
  }
}
