// A physical backup: the files of a whole cluster, as the base of a restore to a point in time.

import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { readBaseBackup } from '../../platform/db/driver/baseBackup.ts'
import { startProblem } from '../../platform/kernel/startProblem.ts'

export const ARCHIVE_FILE = 'base.tar'
export const MANIFEST_FILE = 'backup_manifest'

/** A physical backup in a folder. */
export interface PhysicalBackup {
  readonly folder: string
  readonly bytes: number
}

/**
 * Copies a cluster that serves meanwhile into a new folder of mode 0700: its files as a tar, and Postgres's list of them with their
 * digests. The folder gets its name when it is whole and on the disk.
 * @param connection of a login that may replicate: of the embedded Postgres the owner
 * @throws an error with a sentence for the operator when the folder exists or cannot be written; the driver's error
 */
export async function writePhysicalBackup(connection: ConnectionOptions, wanted: string): Promise<PhysicalBackup> {
  const folder = path.resolve(wanted)
  if ((await stat(folder).catch(() => null)) !== null) throw startProblem(`${folder} exists: a backup never replaces anything`)
  const partial = path.join(path.dirname(folder), `.${path.basename(folder)}.partial-${randomBytes(6).toString('hex')}`)
  await mkdir(partial, { mode: 0o700 }).catch((error: unknown) => {
    throw startProblem(`The backup cannot be written: ${(error as Error).message}`, error)
  })
  const files: FileHandle[] = []
  try {
    const create = async (name: string): Promise<FileHandle> => {
      const file = await open(path.join(partial, name), 'wx', 0o600)
      files.push(file)
      return file
    }
    const [archive, manifest] = [await create(ARCHIVE_FILE), await create(MANIFEST_FILE)]
    let bytes = 0
    await readBaseBackup(connection, async (part) => {
      bytes += part.bytes.length
      await (part.of === 'archive' ? archive : manifest).writeFile(part.bytes)
    })
    for (const file of files) await file.sync()
    await rename(partial, folder)
    return { folder, bytes }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  } finally {
    for (const file of files) await file.close()
  }
}
