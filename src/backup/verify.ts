import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { applyMigrations } from '../platform/db/migrations.ts'
import type { ArchiveSource } from './archive.ts'
import { checkChains } from './checkChains.ts'
import type { CheckedChains } from './checkChains.ts'
import type { TableContents } from './format.ts'
import { inspectBackup } from './inspect.ts'
import type { InspectedBackup } from './inspect.ts'
import { whileNotAborted } from './interrupt.ts'
import { loadInto, withStore } from './restore.ts'
import { inScratchDatabase, onScratchCluster } from './scratch.ts'
import { beginRestore, takeTarget } from './target.ts'

/** A backup that was restored once, and may be again. */
export interface VerifyReport {
  readonly takenAt: string
  readonly version: string
  readonly digest: string
  readonly tables: readonly Pick<TableContents, 'name' | 'rows'>[]
  readonly rows: number
  readonly leftOut: readonly string[]
  readonly chains: CheckedChains
}

/**
 * Rehearses a restore: into a scratch database, with every check of a restore and every audit chain computed again. The scratch
 * database is removed, also what an earlier rehearsal left that was killed.
 * @param databaseUrl a login that may create databases; null uses a Postgres of its own, in a temporary folder
 * @throws an error with a sentence for the operator when the backup cannot be restored; the reason of the signal of the source
 */
export async function verifyBackup(source: ArchiveSource, databaseUrl: string | null): Promise<VerifyReport> {
  const backup = await inspectBackup(source)
  const rehearse = (connection: ConnectionOptions): Promise<VerifyReport> =>
    inScratchDatabase(connection, (scratch) => rehearseIn(scratch, source, backup))
  return databaseUrl === null ? await onScratchCluster(rehearse) : await rehearse({ connectionString: databaseUrl })
}

async function rehearseIn(connection: ConnectionOptions, source: ArchiveSource, backup: InspectedBackup): Promise<VerifyReport> {
  const { signal } = source
  signal?.throwIfAborted()
  const session = await openMaintenance(connection, 'backup verify')
  try {
    return await whileNotAborted(session, signal, () => load(session, connection, source, backup))
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    await session.close()
  }
}

async function load(
  session: Maintenance,
  connection: ConnectionOptions,
  source: ArchiveSource,
  backup: InspectedBackup,
): Promise<VerifyReport> {
  const { description, contents, digest } = backup
  await takeTarget(session)
  await beginRestore(session, digest)
  const { rows, leftOut } = await loadInto(session, { source }, backup)
  await applyMigrations(session.connection)
  await session.query('analyze')
  const tables = Object.entries(rows).map(([name, count]) => ({ name, rows: count }))
  return {
    takenAt: description.takenAt,
    version: description.version,
    digest,
    tables,
    rows: tables.reduce((sum, table) => sum + table.rows, 0),
    leftOut,
    chains: await withStore(connection, (store) => checkChains(store.read, contents)),
  }
}
