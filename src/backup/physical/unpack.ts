import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import { z } from 'zod'
import { isStartProblem, startProblem } from '../../platform/kernel/startProblem.ts'
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

/** Postgres's list of the files of a physical backup. */
export interface Manifest {
  readonly files: ReadonlyMap<string, ExpectedFile>
  /** The digest of the list, by which the backup is known. */
  readonly digest: string
}

/**
 * Reads Postgres's list of files. Its last line has the digest of all lines before it.
 * @throws an error with a sentence for the operator
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(path.join(folder, MANIFEST_FILE), 'utf8').catch((error: unknown) => {
    throw startProblem(`The physical backup cannot be read: ${(error as Error).message}`, error)
  })
  const end = text.lastIndexOf('"Manifest-Checksum"')
  try {
    const manifest = manifestSchema.parse(JSON.parse(text))
    const digest = createHash('sha256').update(text.slice(0, end)).digest('hex')
    if (end < 0 || digest !== manifest['Manifest-Checksum']) throw new Error('the list of files does not fit its own digest')
    return { files: new Map(manifest.Files.map((file) => [file.Path, { size: file.Size, checksum: file.Checksum }])), digest }
  } catch (error) {
    throw startProblem(DAMAGED, error)
  }
}

/** The log of the time of the copy is the only part that the list has not; Postgres checks it when it replays it. */
const LOG_FILE = /^pg_wal\/(?:[0-9A-F]{24}|[0-9A-F]{8}\.history|archive_status\/[0-9A-F.]+(?:history)?\.done)$/

/** The place of an entry below a folder. @throws an error with a sentence for the operator when it lies elsewhere */
function placeOf(target: string, name: string): string {
  const place = path.resolve(target, name)
  if (place !== target && !place.startsWith(`${target}${path.sep}`)) throw startProblem(DAMAGED)
  return place
}

/** The file of facts that Postgres wrote at the beginning of the copy. */
const LABEL_FILE = 'backup_label'
const MAX_LABEL_BYTES = 64 * 1024
const START_TIME = /^START TIME: (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) (?:UTC|GMT)$/m

/** Writes an entry and checks it. @returns its first bytes */
async function unpackEntry(entry: AsyncIterable<Buffer>, place: string, wanted: ExpectedFile | undefined): Promise<Buffer> {
  const hash = createHash('sha256')
  let [size, head] = [0, Buffer.alloc(0)]
  const file = await open(place, 'wx', 0o600)
  try {
    for await (const part of entry) {
      hash.update(part)
      size += part.length
      if (head.length < MAX_LABEL_BYTES) head = Buffer.concat([head, part])
      await file.writeFile(part)
    }
  } finally {
    await file.close()
  }
  if (wanted !== undefined && (wanted.size !== size || wanted.checksum !== hash.digest('hex'))) throw startProblem(DAMAGED)
  return head
}

/** An error of the disk or of rights says nothing about the backup; that of a file which is there twice, or of a stream, does. */
function problemOf(error: unknown): Error {
  if (isStartProblem(error)) return error
  const { syscall, code, message } = error as NodeJS.ErrnoException
  if (typeof syscall !== 'string' || code === 'EEXIST' || code === 'EISDIR') return startProblem(DAMAGED, error)
  return startProblem(`The physical backup cannot be unpacked, which says nothing against it: ${message}`, error)
}

/**
 * Unpacks a physical backup into an empty folder, and checks every file by its digest. A file that is not in the list is refused; segments of the log are
 * checked by Postgres.
 * @returns the time at which the copy began
 * @throws an error with a sentence for the operator when the backup is cut or changed, or the folder cannot be written; the reason of the signal
 */
export async function unpackPhysicalBackup(folder: string, target: string, { files }: Manifest, signal?: AbortSignal): Promise<string> {
  const expected = new Map(files)
  const tar = extract()
  const reading = pipeline(createReadStream(path.join(folder, ARCHIVE_FILE)), tar)
  reading.catch(() => {})
  let label = ''
  try {
    for await (const entry of tar) {
      signal?.throwIfAborted()
      const { name, type } = entry.header
      const listed = name.replace(/^\.\//, '')
      const place = placeOf(target, name)
      if (type === 'directory') {
        await mkdir(place, { recursive: true, mode: 0o700 })
        entry.resume()
        continue
      }
      const wanted = expected.get(listed)
      if (type !== 'file' || (wanted === undefined && !LOG_FILE.test(listed)))
        throw startProblem(`${DAMAGED}: it has ${listed}, which its list has not`)
      const head = await unpackEntry(entry as AsyncIterable<Buffer>, place, wanted)
      if (listed === LABEL_FILE) label = head.toString('utf8')
      expected.delete(listed)
    }
    await reading
  } catch (error) {
    signal?.throwIfAborted()
    throw problemOf(error)
  }
  if (expected.size > 0) throw startProblem(`${DAMAGED}: ${expected.size} files are missing`)
  const [, day, time] = START_TIME.exec(label) ?? []
  if (day === undefined) throw startProblem(`${DAMAGED}: it does not say when it was taken`)
  return `${day}T${time}.000Z`
}
