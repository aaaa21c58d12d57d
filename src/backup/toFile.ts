import { createHash } from 'node:crypto'
import { link, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { flushFolder } from '../platform/home/privateFile.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { partialOf, removeAbandoned } from './abandoned.ts'
import { streamBackup } from './write.ts'
import type { BackupSource, WrittenBackup } from './write.ts'

/** Sends a backup to a stream, such as stdout. A reader knows by its digest whether it got all. */
export async function backupToStream(source: BackupSource, output: Writable): Promise<WrittenBackup> {
  const { bytes, written } = await streamBackup(source)
  await pipeline(bytes, output, { end: false }).catch(async (error: unknown) => {
    // The reason stands there when the database was lost; else the reader has gone.
    await written
    throw error
  })
  return await written
}

/** A backup in a file. */
export interface BackupFile extends WrittenBackup {
  readonly file: string
  readonly bytes: number
  /** SHA-256 of the whole file. */
  readonly sha256: string
}

/**
 * Writes a backup into a new file of mode 0600. It is written beside its name and gets it when it is whole and on the disk, so a
 * crash leaves nothing that looks like a backup.
 * @throws an error with a sentence for the operator when the file exists or cannot be written; as `streamBackup`
 */
export async function backupToFile(source: BackupSource, wanted: string): Promise<BackupFile> {
  const file = path.resolve(wanted)
  const folder = path.dirname(file)
  if ((await stat(file).catch(() => null)) !== null) throw startProblem(`${file} exists: a backup never replaces a file`)
  await removeAbandoned(folder).catch((error: unknown) => {
    throw startProblem(`The backup cannot be written: ${(error as Error).message}`, error)
  })
  const partial = partialOf(file)
  const handle = await open(partial, 'wx', 0o600).catch((error: unknown) => {
    throw startProblem(`The backup cannot be written: ${(error as Error).message}`, error)
  })
  try {
    const { bytes, written } = await streamBackup(source)
    const hash = createHash('sha256')
    let size = 0
    for await (const part of bytes as AsyncIterable<Buffer>) {
      hash.update(part)
      size += part.length
      await handle.writeFile(part)
    }
    const result = await written
    await handle.sync()
    await giveName(partial, file)
    return { ...result, file, bytes: size, sha256: hash.digest('hex') }
  } catch (error) {
    await rm(partial, { force: true })
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
      ? startProblem(`The disk of ${folder} is full: no backup was made`, error)
      : error
  } finally {
    await handle.close()
  }
}

/** Two backups into one name: the second finds it taken. A file system without links has no other way than a rename. */
async function giveName(partial: string, file: string): Promise<void> {
  try {
    await link(partial, file)
    await rm(partial)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw startProblem(`${file} exists: a backup never replaces a file`)
    if (code !== 'EPERM' && code !== 'ENOTSUP') throw error
    await rename(partial, file)
  }
  flushFolder(path.dirname(file))
}
