import { setTimeout as sleep } from 'node:timers/promises'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { CLOCK_SQL } from './clock.ts'

/** The migrated database that every test database is a clone of. */
const TEMPLATE = 'paperclip_template'

/** Many servers of many test files share one Postgres. */
const MAX_CONNECTIONS = 500

/** How a login reaches the cluster, without the database. */
export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
}

/** One Postgres with a migrated template. */
export interface TestCluster {
  /** The login that makes databases, arranges and looks. */
  readonly owner: Login
  /** The login that servers under test work with. */
  readonly application: Login
  /** Ends Postgres. Its folder stays. */
  stop(): Promise<void>
}

interface ClusterOptions {
  /** The folder of Postgres. */
  readonly home: string
  /** SQL for the template, after its migrations. */
  readonly furtherSql?: string
}

/**
 * Starts a Postgres for tests, which gives up its data with a crash of the machine, and makes the template: all migrations, and a clock that
 * tests move. It ends with this process, in whatever way that ends.
 */
export async function startTestCluster({ home, furtherSql = '' }: ClusterOptions): Promise<TestCluster> {
  const postgres = await startEmbedded({ home, durable: false, maxConnections: MAX_CONNECTIONS })
  const { database: _, ...owner } = postgres.ownerConnection
  const { database: __, ...application } = postgres.connection
  const admin = openPool({ ...postgres.ownerConnection, max: 1 })
  await admin.query(`create database ${TEMPLATE}`)
  // A session has the search path of its login, and a login of this cluster serves only tests.
  for (const { user } of [owner, application]) await admin.query(`alter role "${user}" set search_path = public, clock, pg_catalog`)
  const template = openPool({ ...owner, database: TEMPLATE, max: 1 })
  await template.query(CLOCK_SQL)
  await migrate(template, application.user)
  if (furtherSql !== '') await template.query(furtherSql)
  await template.end()
  await admin.query(`alter database ${TEMPLATE} with is_template true allow_connections false`)
  await admin.end()
  return { owner, application, stop: () => postgres.stop() }
}

/**
 * The statement that clones the template, which takes about 20 ms. It copies files; to write each page to the log, as Postgres does by default, takes
 * twice as long where nothing is flushed to a disk. @param name of the new database, letters, digits and `_` only
 */
export const cloneSql = (name: string): string => `create database ${name} template ${TEMPLATE} strategy file_copy`

/** How often, and after how many milliseconds each time, `dropDatabase` looks whether the sessions have ended. */
const [LOOKS, LOOK_MS] = [20, 5]

/**
 * Removes a clone, and ends the sessions that use it.
 * @param admin a pool of the owner on a database that stays
 */
export async function dropDatabase(admin: Pool, name: string): Promise<void> {
  // A session takes a moment to end. Postgres itself looks for it again after 100 ms only.
  const endSessions = async () => await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  for (let look = 0; look < LOOKS && (await endSessions()).rows.length > 0; look += 1) await sleep(LOOK_MS)
  await admin.query(`drop database ${name} with (force)`)
}

/** Moves the clock of a database; the one parameter is an interval as Postgres reads it. */
export const MOVE_CLOCK_SQL = 'update clock.shift set added = added + $1::interval'
