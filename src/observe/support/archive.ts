import { once } from 'node:events'
import { createWriteStream, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { pack } from 'tar-stream'

/** A file of a bundle. */
export interface SupportFile {
  readonly name: string
  readonly text: string
}

/**
 * Writes files into a compressed archive that only its owner may read.
 * @param folder the folder within the archive
 * @throws the error of the system: `EEXIST` when the file exists; nothing is left of one that could not be written
 */
export async function writeArchive(file: string, folder: string, files: readonly SupportFile[]): Promise<void> {
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true })
  await once(target, 'open')
  const archive = pack()
  try {
    const written = pipeline(archive, createGzip(), target)
    for (const { name, text } of files) archive.entry({ name: `${folder}/${name}`, mode: 0o600, mtime: new Date() }, text)
    archive.finalize()
    await written
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  }
}
