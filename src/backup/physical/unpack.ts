import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import { z } from 'zod'
import { startProblem } from '../../platform/kernel/startProblem.ts'
import { ARCHIVE_FILE, MANIFEST_FILE } from './write.ts'

const manifestSchema = z.object({
  Files: z.array(
    z.object({ Path: z.string(), Size: z.int().nonnegative(), 'Checksum-Algorithm': z.literal('SHA256'), Checksum: z.string() }),
  ),
  'Manifest-Checksum': z.string(),
})

const DAMAGED = 'The physical backup is cut or changed, or is none'

interface ExpectedFile {
  readonly size: number
  readonly checksum: string
}

/** Reads Postgres's list of files. Its last line has the digest of all lines before it. */
async function readManifest(folder: string): Promise<Map<string, ExpectedFile>> {
  const text = await readFile(path.join(folder, MANIFEST_FILE), 'utf8').catch((error: unknown) => {
    throw startProblem(`The physical backup cannot be read: ${(error as Error).message}`, error)
  })
  const end = text.lastIndexOf('"Manifest-Checksum"')
  try {
    const manifest = manifestSchema.parse(JSON.parse(text))
    const digest = createHash('sha256').update(text.slice(0, end)).digest('hex')
    if (end < 0 || digest !== manifest['Manifest-Checksum']) throw new Error('the list of files does not fit its own digest')
    return new Map(manifest.Files.map((file) => [file.Path, { size: file.Size, checksum: file.Checksum }]))
  } catch (error) {
    throw startProblem(DAMAGED, error)
  }
}

/** The place of an entry below a folder. @throws an error with a sentence for the operator when it lies elsewhere */
function placeOf(target: string, name: string): string {
  const place = path.resolve(target, name)
  if (place !== target && !place.startsWith(`${target}${path.sep}`)) throw startProblem(DAMAGED)
  return place
}

/**
 * Unpacks a physical backup into an empty folder, and checks every file by its digest. Segments of the log are checked by Postgres.
 * @throws an error with a sentence for the operator when the backup is cut or changed
 */
export async function unpackPhysicalBackup(folder: string, target: string): Promise<void> {
  const expected = await readManifest(folder)
  const tar = extract()
  const reading = pipeline(createReadStream(path.join(folder, ARCHIVE_FILE)), tar)
  reading.catch(() => {})
  try {
    for await (const entry of tar) {
      const { name, type } = entry.header
      const place = placeOf(target, name)
      if (type === 'directory') await mkdir(place, { recursive: true, mode: 0o700 })
      else if (type !== 'file') throw startProblem(DAMAGED)
      const hash = createHash('sha256')
      let size = 0
      const file = type === 'file' ? await open(place, 'wx', 0o600) : null
      try {
        for await (const part of entry as AsyncIterable<Buffer>) {
          hash.update(part)
          size += part.length
          await file?.writeFile(part)
        }
      } finally {
        await file?.close()
      }
      const wanted = expected.get(name.replace(/^\.\//, ''))
      if (wanted !== undefined && (wanted.size !== size || wanted.checksum !== hash.digest('hex'))) throw startProblem(DAMAGED)
      expected.delete(name.replace(/^\.\//, ''))
    }
    await reading
  } catch (error) {
    throw startProblem(DAMAGED, error)
  }
  if (expected.size > 0) throw startProblem(`${DAMAGED}: ${expected.size} files are missing`)
}
