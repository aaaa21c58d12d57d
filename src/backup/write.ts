import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { createArchiveWriter } from './archive.ts'
import type { ArchiveWriter } from './archive.ts'
import { encrypted } from './encryption.ts'
import type { Encryption } from './encryption.ts'
import { CONTENTS_ENTRY, DESCRIPTION_ENTRY, PORTION_BYTES, portionEntry, quoted } from './format.ts'
import type { Contents, Description, TableContents } from './format.ts'
import { openSnapshot } from './snapshot.ts'
import type { Snapshot } from './snapshot.ts'

/** The database that is backed up, and how. */
export interface BackupSource {
  /** A login that may read all tables: the server's own may. */
  readonly connection: ConnectionOptions
  readonly encryption: Encryption | null
  /** The version of this build. */
  readonly version: string
  /** Ends the backup in the middle. */
  readonly signal?: AbortSignal
}

/** A backup that was written. */
export interface WrittenBackup {
  readonly description: Description
  readonly contents: Contents
}

/** A backup on its way. */
export interface BackupStream {
  /** The bytes of the file. An error of it leaves no whole backup. */
  readonly bytes: Readable
  /** The description and the contents; rejects when the database was lost. */
  readonly written: Promise<WrittenBackup>
}

const jsonOf = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 1)}\n`)

/**
 * Writes a backup of a database that serves meanwhile: one snapshot, every table by COPY. The memory that it takes does not grow with
 * the database.
 * @throws an error with a sentence for the operator; the driver's error when the database cannot be reached
 */
export async function streamBackup({ connection, encryption, version, signal }: BackupSource): Promise<BackupStream> {
  signal?.throwIfAborted()
  const snapshot = await openSnapshot(connection, version)
  const archive = createArchiveWriter(new Date(snapshot.description.takenAt))
  const bytes =
    encryption === null
      ? archive.bytes
      : await encrypted(archive.bytes, encryption).catch(async (error: unknown) => {
          await snapshot.session.close()
          throw error
        })
  const end = (): void => {
    archive.fail(startProblem('The backup was ended before it was complete'))
    // It may wait for a lock, or copy a large table.
    snapshot.session.abort()
  }
  if (signal?.aborted === true) end()
  signal?.addEventListener('abort', end, { once: true })
  const written = writeAll(snapshot, archive).catch((error: unknown) => {
    archive.fail(error as Error)
    throw error
  })
  written.catch(() => {})
  return { bytes, written }
}

async function writeAll(snapshot: Snapshot, archive: ArchiveWriter): Promise<WrittenBackup> {
  const { session, description } = snapshot
  try {
    await archive.add(DESCRIPTION_ENTRY, jsonOf(description))
    const tables: TableContents[] = []
    for (const table of description.tables) tables.push(await writeTable(snapshot, archive, table))
    const contents: Contents = { tables, ...(await snapshot.readEnd()) }
    await archive.add(CONTENTS_ENTRY, jsonOf(contents))
    archive.end()
    return { description, contents }
  } finally {
    await session.close()
  }
}

/** The statement that copies a table out. The columns that Postgres computes are left out: it computes them again. */
export const copyOutOf = ({ name, columns }: Description['tables'][number]): string =>
  `copy public.${quoted(name)} (${columns.map(quoted).join()}) to stdout`

async function writeTable({ session }: Snapshot, archive: ArchiveWriter, table: Description['tables'][number]): Promise<TableContents> {
  const hash = createHash('sha256')
  const copy = session.copyOut(copyOutOf(table))
  let [bytes, portions, pending, pendingBytes] = [0, 0, [] as Buffer[], 0]
  const flush = async (): Promise<void> => {
    if (pendingBytes === 0) return
    portions += 1
    await archive.add(portionEntry(table.name, portions), Buffer.concat(pending))
    ;[pending, pendingBytes] = [[], 0]
  }
  for await (const part of copy as AsyncIterable<Buffer>) {
    hash.update(part)
    bytes += part.length
    pending.push(part)
    pendingBytes += part.length
    if (pendingBytes >= PORTION_BYTES) await flush()
  }
  await flush()
  // The number of rows follows the last of them.
  await session.query('select 1')
  return { name: table.name, rows: copy.rowCount, bytes, sha256: hash.digest('hex') }
}
