// A physical backup: the files of a whole cluster, as the base of a restore to a point in time.

import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { readBaseBackup } from '../../platform/db/driver/baseBackup.ts'
import { flushFolder } from '../../platform/home/privateFile.ts'
import { startProblem } from '../../platform/kernel/startProblem.ts'
import { partialOf, removeAbandoned } from '../abandoned.ts'

export const ARCHIVE_FILE = 'base.tar'
export const MANIFEST_FILE = 'backup_manifest'

/** A physical backup in a folder. */
export interface PhysicalBackup {
  readonly folder: string
  readonly bytes: number
}

const notWritten = (error: unknown): Error => startProblem(`The backup cannot be written: ${(error as Error).message}`, error)

/**
 * Copies a cluster that serves meanwhile into a new folder of mode 0700: its files as a tar, and Postgres's list of them with their
 * digests. The folder gets its name when it is whole and on the disk. A copy that an earlier call left beside it, because its process was killed, is removed.
 * @param connection of a login that may replicate: of the embedded Postgres the owner
 * @throws an error with a sentence for the operator when the folder exists, cannot be written or the signal ends it; the driver's error
 */
export async function writePhysicalBackup(connection: ConnectionOptions, wanted: string, signal?: AbortSignal): Promise<PhysicalBackup> {
  const folder = path.resolve(wanted)
  if ((await stat(folder).catch(() => null)) !== null) throw startProblem(`${folder} exists: a backup never replaces anything`)
  await removeAbandoned(path.dirname(folder)).catch((error: unknown) => {
    throw notWritten(error)
  })
  const partial = partialOf(folder)
  await mkdir(partial, { mode: 0o700 }).catch((error: unknown) => {
    throw notWritten(error)
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
    const receive = async (part: { readonly of: 'archive' | 'manifest'; readonly bytes: Buffer }): Promise<void> => {
      bytes += part.bytes.length
      await (part.of === 'archive' ? archive : manifest).writeFile(part.bytes)
    }
    await readBaseBackup(connection, receive, signal)
    for (const file of files) await file.sync()
    flushFolder(partial)
    signal?.throwIfAborted()
    await rename(partial, folder)
    flushFolder(path.dirname(folder))
    return { folder, bytes }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    if (signal?.aborted === true) throw startProblem('The backup was ended before it was complete: nothing of it is left', error)
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
      ? startProblem(`The disk of ${folder} is full: no backup was made`, error)
      : error
  } finally {
    for (const file of files) await file.close()
  }
}
