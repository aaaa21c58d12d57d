// Skills in an uploaded file: the text of one SKILL.md, or an archive of a folder (zip, tar, tar.gz). It is read in memory, within limits that are looked at
// before anything is unpacked; nothing of it is written to this host.

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import type { Entry } from 'yauzl'
import { isText } from '../../platform/kernel/content.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { readFilePath } from '../../platform/kernel/filePath.ts'
import { MAX_IMPORT_BYTES, MAX_SKILL_FILE_BYTES, SKILL_FILE } from './rules.ts'

/** Entries of an archive, folders and files that are no text included. */
const MAX_ENTRIES = 5_000
/** Bytes of an archive when it is unpacked: its texts, and the head and the filling of each entry, which have up to a kilobyte together. */
const MAX_UNPACKED_BYTES = MAX_IMPORT_BYTES + MAX_ENTRIES * 1024
/** Sentences about one archive that are kept. */
const MAX_WARNINGS = 50

/** The texts of an upload by their paths, and a sentence for each entry of an archive that is none. */
interface UploadTexts {
  readonly files: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

const refuseTooLarge = (what: string): never =>
  refuse('unprocessable', { message: `The archive has more than ${what}: send its skills in parts, without what is no text of them` })

const TAR_SIGN_AT = 257
const isTar = (bytes: Buffer): boolean => bytes.subarray(TAR_SIGN_AT, TAR_SIGN_AT + 5).toString('latin1') === 'ustar'
const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b
const isZip = (bytes: Buffer): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b

/** Folders and files that tools leave in archives. */
const skipped = /(?:^|\/)(?:\.git|node_modules|__MACOSX|\.DS_Store)(?:\/|$)|(?:^|\/)\._[^/]*$/

/** An entry of an archive, as its head says. */
interface Head {
  readonly name: string
  /** `file`, `directory`, `symlink` or another kind. */
  readonly type: string
  readonly size: number
}

/** Why an entry is not read, as a sentence; null for one that is, and '' for one of which nothing is said. */
function problemOf({ name, type, size }: Head): string | null {
  if (type === 'directory' || skipped.test(name)) return ''
  if (type !== 'file') return `is a ${type} and not a file`
  return size > MAX_SKILL_FILE_BYTES ? `is longer than ${MAX_SKILL_FILE_BYTES} bytes` : null
}

interface Collected {
  readonly files: Record<string, string>
  readonly warnings: string[]
}

/** Takes an entry, or says why it is none. @param problem from `problemOf` */
function take({ files, warnings }: Collected, name: string, problem: string | null, content: Buffer): void {
  const { path, problem: ofPath } = readFilePath(name)
  const found = problem ?? ofPath ?? (isText(content) ? null : 'is no text')
  if (found === null && path !== null) files[path] = content.toString('utf8')
  else if (found !== '') warnings.push(`${JSON.stringify(name.slice(0, 100))}: ${found}`)
}

const texts = ({ files, warnings }: Collected): UploadTexts => ({ files, warnings: warnings.slice(0, MAX_WARNINGS) })

const refuseUnpacked = (): never => refuseTooLarge(`${MAX_UNPACKED_BYTES} bytes when it is unpacked`)

/** Passes bytes on and ends where an archive unpacks to more than it may, however small it came. */
async function* limited(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const part of source) {
    bytes += part.length
    if (bytes > MAX_UNPACKED_BYTES) refuseUnpacked()
    yield part
  }
}

async function readTar(bytes: Buffer): Promise<UploadTexts> {
  const collected: Collected = { files: {}, warnings: [] }
  let entries = 0
  const tar = extract()
  // In pieces, so that other requests have their turn.
  const source = Readable.from(piecesOf(bytes))
  const reading = isGzip(bytes) ? pipeline(source, createGunzip(), limited, tar) : pipeline(source, limited, tar)
  reading.catch((error: unknown) => tar.destroy(error as Error))
  for await (const entry of tar) {
    entries += 1
    if (entries > MAX_ENTRIES) refuseTooLarge(`${MAX_ENTRIES} entries`)
    const { name, type, size } = entry.header
    const problem = problemOf({ name, type: type ?? 'special entry', size })
    const parts: Buffer[] = []
    for await (const part of entry as AsyncIterable<Buffer>) if (problem === null) parts.push(part)
    take(collected, name, problem, Buffer.concat(parts))
  }
  await reading
  return texts(collected)
}

const KIND_OF_FILE = 0o170000
const SYMLINK = 0o120000

function headOf({ fileName: name, uncompressedSize: size, externalFileAttributes }: Entry): Head {
  const kind = (externalFileAttributes >>> 16) & KIND_OF_FILE
  return { name, size, type: name.endsWith('/') ? 'directory' : kind === SYMLINK ? 'symlink' : 'file' }
}

async function readZip(bytes: Buffer): Promise<UploadTexts> {
  const collected: Collected = { files: {}, warnings: [] }
  // Loaded where it is needed.
  const { fromBufferPromise } = await import('yauzl')
  const zip = await fromBufferPromise(bytes)
  if (zip.entryCount > MAX_ENTRIES) refuseTooLarge(`${MAX_ENTRIES} entries`)
  let unpacked = 0
  for await (const entry of zip.eachEntry()) {
    const head = headOf(entry)
    const problem = problemOf(head) ?? (entry.canDecodeFileData() ? null : 'is encrypted, or packed in a way that is not known here')
    const parts: Buffer[] = []
    if (problem === null) {
      unpacked += head.size
      if (unpacked > MAX_UNPACKED_BYTES) refuseUnpacked()
      // An entry that unpacks to another size than its head says ends with an error, at the first byte too many.
      for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part)
    }
    take(collected, head.name, problem, Buffer.concat(parts))
  }
  return texts(collected)
}

const PIECE_BYTES = 64 * 1024

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

/**
 * Reads an upload as texts by their paths.
 * @throws Refusal `file_type_unsupported` for what is neither a text nor a zip or tar; `file_invalid` for an archive that is cut or damaged, or in which a path leaves its
 *   folder; `unprocessable` for one that is larger than an import may be
 */
export async function readUpload({ bytes }: Pick<ReceivedFile, 'bytes'>): Promise<UploadTexts> {
  if (isZip(bytes) || isGzip(bytes) || isTar(bytes)) {
    try {
      return isZip(bytes) ? await readZip(bytes) : await readTar(bytes)
    } catch (error) {
      // Every other failure is about the bytes of the archive.
      if (error instanceof Refusal) throw error
      return refuse('file_invalid', { message: 'The archive is cut or damaged, or one of its paths leaves its folder' })
    }
  }
  if (!isText(bytes))
    refuse('file_type_unsupported', { message: 'Send the text of a SKILL.md, or a zip, tar or tar.gz of a folder with one' })
  if (bytes.length > MAX_SKILL_FILE_BYTES)
    refuse('unprocessable', { message: `A file of a skill has at most ${MAX_SKILL_FILE_BYTES} bytes` })
  return { files: { [SKILL_FILE]: bytes.toString('utf8') }, warnings: [] }
}
