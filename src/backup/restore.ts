import { existsSync } from 'node:fs'
import { applyMigrations } from '../platform/db/migrations.ts'
import { closePool, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { ArchiveSource } from './archive.ts'
import { checkChains } from './checkChains.ts'
import type { CheckedChains } from './checkChains.ts'
import { endCredentials } from './endCredentials.ts'
import type { EndedCredentials } from './endCredentials.ts'
import { endAgentsOfJournal, endRunsOfBackup } from './endRuns.ts'
import type { EndedAgent } from './endRuns.ts'
import { inspectBackup } from './inspect.ts'
import type { InspectedBackup } from './inspect.ts'
import { readJournal } from './journal/file.ts'
import { voucherOf } from './journal/vouch.ts'
import type { Voucher } from './journal/vouch.ts'
import { loadBackup } from './load.ts'
import type { Loaded } from './load.ts'
import { issueKeys } from './newKeys.ts'
import { beginRestore, finishRestore, noteLoaded, takeTarget } from './target.ts'

/** A restore that is asked for. */
export interface RestoreOptions {
  readonly source: ArchiveSource
  /** The home with the journal of revocations; null where there is none. */
  readonly journalHome: string | null
  /** The new file for keys that are issued anew; null revokes them and issues none. */
  readonly newKeysFile: string | null
  /** The migrations of this build, where they are others than usual. */
  readonly migrations?: string
}

/** The result of a restore. */
export interface RestoreReport {
  readonly takenAt: string
  readonly version: string
  readonly digest: string
  readonly tables: number
  readonly rows: number
  /** Tables of the backup that are none of this program. */
  readonly leftOut: readonly string[]
  readonly chains: CheckedChains
  readonly endedRuns: number
  readonly ended: EndedCredentials['ended']
  /** Why no journal vouched for keys of agents; null when one did. */
  readonly journalProblem: Voucher['problem']
  readonly keptKeys: number
  readonly revokedKeys: number
  readonly issuedKeys: number
  readonly endedAgents: readonly EndedAgent[]
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
 * @throws an error with a sentence for the operator: the backup is cut, changed or of a newer build, the database is not empty; the
 *   database's error. Nothing of the backup is there then, unless all of it was loaded before
 */
export async function restoreBackup(connection: ConnectionOptions, options: RestoreOptions): Promise<RestoreReport> {
  if (options.newKeysFile !== null && existsSync(options.newKeysFile))
    throw startProblem(`${options.newKeysFile} exists: name a new file for the keys of agents, or move this one away`)
  const backup = await inspectBackup(options.source, options.migrations)
  const session = await openMaintenance(connection, 'restore')
  try {
    await takeTarget(session)
    const stage = await beginRestore(session, backup.digest)
    const loaded = stage === 'loaded' ? null : await loadInto(session, options, backup)
    await applyMigrations(session.connection, options.migrations)
    // Without figures of the new tables the planner would read each of them whole.
    await session.query('analyze')
    const report = await withStore(connection, (store) => completeRestore(store, options, backup))
    await finishRestore(session)
    return { ...report, leftOut: loaded?.leftOut ?? [] }
  } finally {
    await session.close()
  }
}

/** Checks the chains of a database that has all rows of a backup, and ends what was alive in it. It may be called again. */
export async function completeRestore(
  store: Store,
  options: Pick<RestoreOptions, 'journalHome' | 'newKeysFile'>,
  backup: InspectedBackup,
): Promise<Omit<RestoreReport, 'leftOut'>> {
  const { description, contents, digest } = backup
  const chains = await checkChains(store.read, contents)
  const journal = options.journalHome === null ? null : await readJournal(options.journalHome)
  const voucher = voucherOf(journal, description)
  const { ended, kept, revoked } = await endCredentials(store, backup, voucher)
  const endedAgents = await endAgentsOfJournal(store, voucher)
  const endedRuns = await endRunsOfBackup(store, description.takenAt)
  const lost = revoked.filter((key) => voucher.problem !== null && !voucher.isKeyRevoked(key))
  const issuedKeys = options.newKeysFile === null ? 0 : await issueKeys(store, lost, options.newKeysFile)
  return {
    takenAt: description.takenAt,
    version: description.version,
    digest,
    tables: contents.tables.length,
    rows: rowsOfContents(backup),
    chains,
    endedRuns,
    ended,
    journalProblem: voucher.problem,
    keptKeys: kept.length,
    revokedKeys: revoked.length,
    issuedKeys,
    endedAgents,
  }
}
