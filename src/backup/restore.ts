import { applyMigrations } from '../platform/db/migrations.ts'
import { closePool, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { ArchiveSource } from './archive.ts'
import { completeRestore } from './complete.ts'
import type { Completion, CompletionOptions } from './complete.ts'
import { inspectBackup } from './inspect.ts'
import type { InspectedBackup } from './inspect.ts'
import { interruptedRestore, whileNotAborted } from './interrupt.ts'
import { loadBackup } from './load.ts'
import type { Loaded } from './load.ts'
import { requireNewKeysFile } from './newKeys.ts'
import { beginRestore, finishRestore, noteLoaded, readMark, requireEmpty, takeTarget } from './target.ts'
import type { Mark, Stage } from './target.ts'

/** A restore that is asked for. */
export interface RestoreOptions extends CompletionOptions {
  readonly source: ArchiveSource
  /** The migrations of this build, where they are others than usual. */
  readonly migrations?: string
}

/** The result of a restore. */
export interface RestoreReport extends Completion {
  readonly takenAt: string
  readonly version: string
  readonly digest: string
  readonly tables: number
  readonly rows: number
  /** Tables of the backup that are none of this program. */
  readonly leftOut: readonly string[]
}

/** More than a transaction of a server gets: there is no other work to delay. */
const TRANSACTION_LIMIT_MS = 10 * 60_000
const CLOSE_MS = 500

/** The store of a database on which nothing but this process works. */
export async function withStore<T>(connection: ConnectionOptions, work: (store: Store) => Promise<T>): Promise<T> {
  const options = { readOnlyByDefault: true, transactionLimitMs: TRANSACTION_LIMIT_MS }
  const pools = (['generic', 'custom'] as const).map((mode) =>
    openPool({ ...connection, max: 2, statement_timeout: 0, query_timeout: 0 }, mode, options),
  )
  const [transactions, autocommit] = pools
  try {
    return await work(createStore(transactions as NonNullable<typeof transactions>, autocommit))
  } finally {
    await Promise.all(pools.map((pool) => closePool(pool, CLOSE_MS)))
  }
}

const INSUFFICIENT_PRIVILEGE = '42501'

/** Loads a backup into a database that is empty, in one transaction, and brings its schema up to that of this build. */
export async function loadInto(
  session: Maintenance,
  options: Pick<RestoreOptions, 'source' | 'migrations'>,
  backup: InspectedBackup,
): Promise<Loaded> {
  await session.query('begin')
  try {
    const loaded = await loadBackup(session, options.source, backup, options.migrations)
    await noteLoaded(session)
    await session.query('commit')
    return loaded
  } catch (error) {
    await session.query('rollback').catch(() => {})
    if ((error as { code?: string }).code === INSUFFICIENT_PRIVILEGE)
      throw startProblem('This login may not create tables in the database: give the URL of the login that owns it', error)
    throw error
  }
}

const rowsOfContents = ({ contents }: InspectedBackup): number => contents.tables.reduce((sum, { rows }) => sum + rows, 0)

/**
 * Restores a backup into an empty database, and ends what was alive in it. Until the last step the database is marked, so that no
 * server serves a part of it; the same call again goes on where a crash ended it.
 * @param connection of the login that is to own the tables
 * @throws an error with a sentence for the operator: the backup is cut, changed or of a newer build, the database is not empty, the signal ended it; the
 *   database's error. Nothing of the backup is there then, unless all of it was loaded before
 */
export async function restoreBackup(connection: ConnectionOptions, options: RestoreOptions): Promise<RestoreReport> {
  const { signal } = options
  const source = signal === undefined ? options.source : { ...options.source, signal }
  let reached: Stage | null = null
  const session = await openMaintenance(connection, 'restore')
  try {
    return await whileNotAborted(session, signal, () =>
      restoreWith(session, connection, { ...options, source, reached: (stage) => (reached = stage) }),
    )
  } catch (error) {
    throw signal?.aborted === true ? interruptedRestore(reached, error) : error
  } finally {
    await session.close()
  }
}

interface Steps extends RestoreOptions {
  readonly reached: (stage: Stage) => void
}

async function restoreWith(session: Maintenance, connection: ConnectionOptions, options: Steps): Promise<RestoreReport> {
  await takeTarget(session)
  // Refusals come before anything is read at length or written.
  const earlier = await readMark(session)
  if (earlier === null) await requireEmpty(session)
  if ((earlier?.issued ?? null) === null) await requireNewKeysFile(options.newKeysFile)
  const backup = await inspectBackup(options.source, options.migrations)
  const mark = await beginRestore(session, backup.digest)
  options.reached(mark.stage)
  const loaded = mark.stage === 'begun' ? await loadInto(session, options, backup) : null
  if (loaded !== null) options.reached('loaded')
  await applyMigrations(session.connection, options.migrations)
  // Without figures of the new tables the planner would read each of them whole.
  await session.query('analyze')
  const completion = await complete(session, connection, { mark, backup, options })
  await finishRestore(session)
  const { description, contents, digest } = backup
  const { takenAt, version } = description
  return {
    ...completion,
    takenAt,
    version,
    digest,
    tables: contents.tables.length,
    rows: rowsOfContents(backup),
    leftOut: loaded?.leftOut ?? [],
  }
}

interface Loading {
  readonly mark: Mark
  readonly backup: InspectedBackup
  readonly options: Steps
}

const complete = (session: Maintenance, connection: ConnectionOptions, { mark, backup, options }: Loading): Promise<Completion> =>
  withStore(connection, (store) => {
    const { description, contents, digest } = backup
    const origin = { takenAt: description.takenAt, digest, rewoundTo: null }
    return completeRestore({ session, store, mark, description, heads: contents.heads, origin, reached: options.reached }, options)
  })
