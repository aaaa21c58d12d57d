import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import type { HeadCopies } from './headCopies.ts'
import { newestOf, readHistory } from './headHistory.ts'
import type { HeadHistory } from './headHistory.ts'
import { hashOfLine, isNote, isNumbered, loadSigner, parseLine } from './headLines.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { WitnessProblem } from './witnessProblems.ts'
import type { WitnessCopy } from './witnessRules.ts'
import type { Note, RecordedHead, SignedHead, Signer } from './headLines.ts'

export type { Head, Note, RecordedHead, SignedHead } from './headLines.ts'

const FILE_NAME = 'audit-heads.ndjson'
const rotatedName = (number: number): string => `audit-heads.${number}.ndjson`
const rotatedPattern = /^audit-heads\.(\d{1,9})\.ndjson$/
/** A line is 450 bytes: this is 9,000 lines, more than two hours of a single company that writes every second. */
const ROTATE_BYTES = 4 * 1024 * 1024
/** Older files that are kept next to the current one: 16 MB in all. */
const KEEP_ROTATED = 3
/** Files may be rotated while they are read. A rotation takes milliseconds and happens hours apart. */
const READ_ATTEMPTS = 3

/** The last line that was written, as the database keeps a copy of it. */
export interface WrittenLine {
  readonly line: number
  readonly signature: string
}

/** The knowledge of a process about the record. */
export interface RecordState {
  /** Why the record is in doubt: a problem of the witness, or `contradicted`, a chain that contradicts a recorded head; null when nothing is known. */
  doubt: WitnessProblem | 'contradicted' | null
  /** Grows with each acceptance by this process: what was remembered of the file before is void. */
  acceptances: number
}

/**
 * The heads of all chains, outside the database: `<home>/audit-heads.ndjson`, appended to and synced, never rewritten. It
 * shows a tail that was cut from both tables and a chain that was computed anew (I7). Its lines are numbered, and each has
 * the hash of the one before.
 */
export interface HeadFile {
  /** The knowledge of this process about the record, without reading the file again. */
  readonly state: RecordState
  /** Folder of the file. */
  readonly home: string
  /** The key that verifies an exported head: SPKI, base64. */
  publicKey(): string
  keyId(): string
  sign(head: RecordedHead): SignedHead
  isGenuine(head: SignedHead): boolean
  /** The last line in the folder of copies; null when there is none. */
  lastCopied(): Promise<WitnessCopy | null>
  /** Lines that are copied nowhere yet although they should be. */
  unsentCopies(): number
  /** Reads all files. @param companyId restricts the heads to one company; null for all */
  readHistory(companyId: string | null): Promise<HeadHistory>
  /** Reads the newest genuine head of every company. */
  newestHeads(): Promise<Map<string, SignedHead>>
  /**
   * Appends lines and syncs them to the disk.
   * @param stored the line up to which the database has its copy
   * @param after the number behind which the lines are to be, where the file ends before it
   * @returns the last line; null when there was none to write
   */
  append(lines: readonly (RecordedHead | Note)[], stored: number, after?: number): Promise<WrittenLine | null>
}

const ignoreMissing = (error: unknown): void => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** Lists the numbers of the rotated files, oldest first. */
async function listRotated(home: string): Promise<number[]> {
  const names = (await readdir(home).catch(ignoreMissing)) ?? []
  return names
    .map((name) => rotatedPattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b)
}

/** Reads the files of a home, oldest first, and which of them are missing although a later one exists. */
async function readFiles(home: string): Promise<{ texts: string[]; isIncomplete: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    const numbers = await listRotated(home)
    const texts: string[] = []
    for (const name of [...numbers.map(rotatedName), FILE_NAME])
      texts.push((await readFile(path.join(home, name), 'utf8').catch(ignoreMissing)) ?? '')
    const isSame = (await listRotated(home)).join() === numbers.join()
    if (!isSame && attempt < READ_ATTEMPTS) continue
    const [first = 1] = numbers
    const hasGap = numbers.some((number, index) => number !== first + index)
    return { texts, isIncomplete: hasGap || (first > 1 && numbers.length < KEEP_ROTATED) }
  }
}

/** The end of the numbered lines in a text: the number and the hash of the last. */
function lastNumbered(texts: readonly string[]): { line: number; hash: string } | null {
  for (const text of texts.toReversed()) {
    for (const lineText of text.split('\n').toReversed()) {
      const line = parseLine(lineText)
      if (line !== null && isNumbered(line)) return { line: line.line, hash: hashOfLine(lineText) }
    }
  }
  return null
}

/** The first lines of a new file: the problems, the contradictions and the newest head of each company, each once. */
async function carriedLines(texts: readonly string[], signer: Signer): Promise<(RecordedHead | Note)[]> {
  const { heads, problems } = await readHistory(texts, null, signer)
  const genuine = problems.filter(signer.isGenuine).map(({ note, at, since, line }): Note => ({ note, at, since: since ?? line }))
  const carried = heads
    .filter((head) => head.contradicts !== undefined && signer.isGenuine(head))
    .map((head): RecordedHead => ({ ...withoutContradiction(head), contradicts: head.contradicts, since: head.since ?? head.line }))
  const onceEach = new Map([...genuine, ...carried].map((line) => [JSON.stringify(line), line]))
  return [...onceEach.values(), ...[...newestOf(heads, signer.isGenuine).values()].map(withoutContradiction)]
}

const withoutContradiction = ({ companyId, position, hash, at }: SignedHead): RecordedHead => ({ companyId, position, hash, at })

/** Appends numbered lines to the current file. */
interface Appender {
  write(lines: readonly (RecordedHead | Note)[], stored: number, after?: number): Promise<WrittenLine>
  /** The size of the file after the last write, in bytes. */
  readonly size: () => number
}

function createAppender(home: string, getSigner: () => Signer, copies: HeadCopies | null): Appender {
  const file = path.join(home, FILE_NAME)
  let mayEndTorn = true
  let last: { line: number; hash: string } | null = null
  /** The size of the file behind `last`: another size means that another server of this home wrote. */
  let knownSize = -1

  const chain = (lines: readonly (RecordedHead | Note)[], stored: number, after: number) => {
    let end = { line: Math.max(last?.line ?? 0, after), hash: last?.hash ?? '', signature: '' }
    let text = ''
    for (const line of lines) {
      const place = { line: end.line + 1, previous: end.hash, stored }
      // Two branches, so that each has the fields of its kind.
      const signed = isNote(line) ? getSigner().sign({ ...line, ...place }) : getSigner().sign({ ...line, ...place })
      const lineText = JSON.stringify(signed)
      text += `${lineText}\n`
      end = { line: place.line, hash: hashOfLine(lineText), signature: signed.signature }
    }
    return { text, end }
  }

  return {
    size: () => knownSize,
    async write(lines, stored, after = 0) {
      await mkdir(home, { recursive: true, mode: 0o700 })
      const handle = await open(file, 'a', 0o600)
      try {
        const { size } = await handle.stat()
        if (size !== knownSize) last = lastNumbered((await readFiles(home)).texts) ?? last
        const { text, end } = chain(lines, stored, after)
        knownSize = -1
        // A crash may have left half a line. The next line must not become a part of it.
        await handle.appendFile(mayEndTorn && size > 0 ? `\n${text}` : text)
        await handle.datasync()
        mayEndTorn = false
        last = end
        knownSize = (await handle.stat()).size
        copies?.add(text.trimEnd().split('\n'), getSigner().keyId)
        return { line: end.line, signature: end.signature }
      } finally {
        await handle.close()
      }
    },
  }
}

/**
 * Opens the file of heads of a home. Files and the key are read or created only when they are needed.
 * @param rotateBytes size at which the file is rotated; the new file starts with the newest heads
 * @param copies get each line that is on the disk; null for none
 */
export function openHeadFile(home: string, rotateBytes: number = ROTATE_BYTES, copies: HeadCopies | null = null): HeadFile {
  let signer: Signer | undefined
  const getSigner = (): Signer => (signer ??= loadSigner(home))
  const appender = createAppender(home, getSigner, copies)
  // The lines that a new file starts with do not count, otherwise the lines of many companies would rotate it with every append.
  let carriedBytes = 0

  const rotate = async (stored: number, at: Instant): Promise<WrittenLine | null> => {
    const { texts } = await readFiles(home)
    const carried = await carriedLines(texts, getSigner())
    const numbers = await listRotated(home)
    const file = path.join(home, FILE_NAME)
    // Two servers may share a home: exactly one of them creates the link. Lines that the other appends meanwhile are in both files.
    const hasLinked = await link(file, path.join(home, rotatedName((numbers.at(-1) ?? 0) + 1))).then(
      () => true,
      () => false,
    )
    if (!hasLinked) return null
    await rm(file)
    const written = await appender.write([{ note: 'rotated', at }, ...carried], stored)
    carriedBytes = appender.size()
    const tooOld = numbers.slice(0, Math.max(0, numbers.length + 1 - KEEP_ROTATED))
    for (const number of tooOld) await rm(path.join(home, rotatedName(number)), { force: true })
    return written
  }

  return {
    state: { doubt: null, acceptances: 0 },
    home,
    publicKey: () => getSigner().publicKey,
    keyId: () => getSigner().keyId,
    sign: (head) => getSigner().sign(head),
    isGenuine: (head) => getSigner().isGenuine(head),
    lastCopied: async () => (await copies?.lastInFolder(getSigner().keyId)) ?? null,
    unsentCopies: () => copies?.unsent() ?? 0,
    async readHistory(companyId) {
      const { texts, isIncomplete } = await readFiles(home)
      const history = await readHistory(texts, companyId, getSigner())
      return { ...history, isCut: history.isCut || isIncomplete }
    },
    async newestHeads() {
      const { heads } = await readHistory((await readFiles(home)).texts, null, getSigner())
      return newestOf(heads, getSigner().isGenuine)
    },
    async append(lines, stored, after) {
      const [first] = lines
      if (first === undefined) return null
      const written = await appender.write(lines, stored, after)
      return appender.size() >= carriedBytes + rotateBytes ? ((await rotate(stored, first.at)) ?? written) : written
    },
  }
}
