import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import { applyMigrations } from '../platform/db/migrations.ts'
import type { ArchiveSource } from './archive.ts'
import { checkChains } from './checkChains.ts'
import type { CheckedChains } from './checkChains.ts'
import type { TableContents } from './format.ts'
import { inspectBackup } from './inspect.ts'
import type { InspectedBackup } from './inspect.ts'
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
 * @throws an error with a sentence for the operator when the backup cannot be restored
 */
export async function verifyBackup(source: ArchiveSource, databaseUrl: string | null, migrations?: string): Promise<VerifyReport> {
  const backup = await inspectBackup(source, migrations)
  const rehearse = (connection: ConnectionOptions): Promise<VerifyReport> =>
    inScratchDatabase(connection, (scratch) => rehearseIn(scratch, { source, ...(migrations === undefined ? {} : { migrations }) }, backup))
  return databaseUrl === null ? await onScratchCluster(rehearse) : await rehearse({ connectionString: databaseUrl })
}

async function rehearseIn(
  connection: ConnectionOptions,
  options: { readonly source: ArchiveSource; readonly migrations?: string },
  backup: InspectedBackup,
): Promise<VerifyReport> {
  const { description, contents, digest } = backup
  const session = await openMaintenance(connection, 'backup verify')
  try {
    await takeTarget(session)
    await beginRestore(session, digest)
    const { rows, leftOut } = await loadInto(session, options, backup)
    await applyMigrations(session.connection, options.migrations)
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
  } finally {
    await session.close()
  }
}
