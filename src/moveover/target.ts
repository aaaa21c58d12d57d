import { getTableColumns, getTableName } from 'drizzle-orm'
import { agentKeys, agents } from '../model/agents.ts'
import { approvalComments, approvals } from '../model/approvals.ts'
import { companies } from '../model/companies.ts'
import { costEvents } from '../model/costs.ts'
import { documentRevisions, documents } from '../model/documents.ts'
import { comments, issues } from '../model/issues.ts'
import { goals, projects, projectWorkspaces } from '../model/projects.ts'
import { runs } from '../model/runs.ts'
import { secrets } from '../model/secrets.ts'
import { connectProblem } from '../platform/db/connectProblem.ts'
import { closePool, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import { requireSessions } from '../platform/db/driver/sessions.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import { locateEmbedded, startEmbedded } from '../platform/embedded/index.ts'
import { isStartProblem, startProblem } from '../platform/kernel/startProblem.ts'

/** The database that companies move into: by its URL, or the embedded one of a home. */
export type TargetPlace = { readonly databaseUrl: string } | { readonly home: string }

/** A move writes one batch at a time, and reads beside it. */
const CONNECTIONS = 2
const CLOSE_MS = 500

/** Whether a database answers. */
async function isAnswering(connection: ConnectionOptions): Promise<boolean> {
  const pool = openPool({ ...connection, max: 1 })
  try {
    await pool.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await pool.end()
  }
}

/** Errors of the embedded Postgres are sentences for the operator. */
const embeddedProblem = (home: string, error: unknown): Error =>
  startProblem(`The embedded database of ${home} cannot be used: ${error instanceof Error ? error.message : String(error)}`, error)

/**
 * Works on the database that companies move into. Servers may use it meanwhile. Where none does, the embedded one of a home is started for the work, and
 * stopped again.
 * @throws a problem with a sentence for the operator when there is no such database, or it is not as this build needs it; what `work` throws
 */
export async function onTarget<T>(place: TargetPlace, work: (store: Store) => Promise<T>): Promise<T> {
  if ('databaseUrl' in place) return await reached(place.databaseUrl, work)
  const { home } = place
  const located = await locateEmbedded(home).catch((error: unknown) => {
    throw embeddedProblem(home, error)
  })
  if (located === null)
    throw startProblem(`${home} has no embedded database: start this server once with that home, name another one, or give --database-url`)
  // A server runs on the home, and its Postgres with it.
  if (await isAnswering(located.connection)) return await onDatabase(located.connection, work)
  const embedded = await startEmbedded({ home, durable: true, log: () => {} }).catch((error: unknown) => {
    throw embeddedProblem(home, error)
  })
  try {
    return await onDatabase(embedded.connection, work)
  } finally {
    await embedded.stop()
  }
}

async function reached<T>(databaseUrl: string, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await onDatabase({ connectionString: databaseUrl }, work)
  } catch (error) {
    throw isStartProblem(error) ? error : connectProblem(error, 'The URL of the database of this server', databaseUrl)
  }
}

async function onDatabase<T>(connection: ConnectionOptions, work: (store: Store) => Promise<T>): Promise<T> {
  const options = { ...connection, max: CONNECTIONS }
  const transactions = openPool(options, 'generic', { readOnlyByDefault: true })
  const reads = openPool(options, 'custom', { readOnlyByDefault: true })
  try {
    if (connection.connectionString !== undefined) await requireSessions(transactions, 'The URL of the database')
    await requireTables(reads)
    return await work(createStore(transactions, reads))
  } finally {
    await Promise.all([transactions, reads].map((pool) => closePool(pool, CLOSE_MS)))
  }
}

/** The tables that rows are written into. */
const written = [
  companies,
  agents,
  agentKeys,
  goals,
  projects,
  projectWorkspaces,
  issues,
  comments,
  documents,
  documentRevisions,
  runs,
  approvals,
  approvalComments,
  costEvents,
  secrets,
]

/**
 * Refuses a database that no server of this build has migrated. The login of a server may not read the record of the migrations, so the columns are
 * compared.
 */
async function requireTables(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    "select table_name || '.' || column_name as name from information_schema.columns where table_schema = 'public'",
  )
  const here = new Set(rows.map(({ name }) => name))
  const wanted = written.flatMap((each) => Object.values(getTableColumns(each)).map((column) => `${getTableName(each)}.${column.name}`))
  const missing = wanted.find((name) => !here.has(name))
  if (missing !== undefined)
    throw startProblem(
      `The database of this server has no ${missing}: start this server on it once, which migrates it, and run the command again`,
    )
}
