import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import type { Instant } from '../../platform/kernel/time.ts'
import { loadOrCreateSecretFile } from '../../platform/home/secret.ts'

/** The end of a company's chain at some time. */
export interface Head {
  readonly companyId: string
  readonly position: number
  readonly hash: string
}

/** A line of the file: a head, the time when it was recorded, and the head that it contradicts, if any. */
export interface RecordedHead extends Head {
  readonly at: Instant
  /** An earlier line that was no longer on the chain when this line was written. */
  readonly contradicts?: { readonly position: number; readonly hash: string }
}

export interface SignedHead extends RecordedHead {
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly keyId: string
  /** Ed25519 over the head, base64. */
  readonly signature: string
}

const hex = z.string().regex(/^[0-9a-f]{64}$/)
const lineSchema = z.object({
  companyId: z.uuid(),
  position: z.int().min(1),
  hash: hex,
  at: z.string(),
  contradicts: z.object({ position: z.int().min(1), hash: hex }).optional(),
  keyId: z.string(),
  signature: z.string(),
})

const FILE_NAME = 'audit-heads.ndjson'
const rotatedName = (number: number): string => `audit-heads.${number}.ndjson`
const rotatedPattern = /^audit-heads\.(\d{1,9})\.ndjson$/
/** A line is 330 bytes: this is 12,000 lines, more than three hours of a single company that writes every second. */
const ROTATE_BYTES = 4 * 1024 * 1024
/** Older files that are kept next to the current one: 16 MB in all. */
const KEEP_ROTATED = 3

/** The text that is signed: the fields of the line in a fixed order. */
const signedText = ({ companyId, position, hash, at, contradicts }: RecordedHead): Buffer =>
  Buffer.from(
    JSON.stringify(['paperclip-activity-head-1', companyId, position, hash, at, contradicts?.position ?? null, contradicts?.hash ?? null]),
  )

/** Signs heads with a key that is created once and kept in the home with mode 0600. */
interface Signer {
  readonly publicKey: string
  readonly sign: (head: RecordedHead) => SignedHead
  readonly isGenuine: (head: SignedHead) => boolean
}

function loadSigner(home: string): Signer {
  const pem = loadOrCreateSecretFile(home, 'audit-key.pem', () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  const privateKey: KeyObject = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = createHash('sha256').update(spki).digest('hex').slice(0, 16)
  return {
    publicKey: spki.toString('base64'),
    sign: (head) => ({ ...head, keyId, signature: sign(null, signedText(head), privateKey).toString('base64') }),
    isGenuine: (head) => head.keyId === keyId && verify(null, signedText(head), publicKey, Buffer.from(head.signature, 'base64')),
  }
}

function parseLine(line: string): SignedHead | null {
  try {
    const parsed = lineSchema.safeParse(JSON.parse(line))
    return parsed.success ? (parsed.data as SignedHead) : null
  } catch {
    // The end of a line that a crash cut off, or foreign text. It proves nothing and is ignored.
    return null
  }
}

/**
 * The heads of all chains, outside the database: `<home>/audit-heads.ndjson`, appended to and synced, never rewritten. It
 * shows a tail that was cut from both tables and a chain that was computed anew (I7).
 */
export interface HeadFile {
  /** The key that verifies an exported head: SPKI, base64. */
  publicKey(): string
  sign(head: RecordedHead): SignedHead
  isGenuine(head: SignedHead): boolean
  /** Reads every line of a company, oldest first. Does not check signatures. */
  linesOf(companyId: string): Promise<SignedHead[]>
  /** Reads the newest genuine head of every company. */
  newestHeads(): Promise<Map<string, SignedHead>>
  /** Appends heads and syncs them to the disk. */
  append(heads: readonly RecordedHead[]): Promise<void>
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

/** Reads the lines of all files of a home, oldest first. @param companyId restricts the lines to one company; null for all */
async function readLines(home: string, companyId: string | null): Promise<SignedHead[]> {
  const names = [...(await listRotated(home)).map(rotatedName), FILE_NAME]
  const heads: SignedHead[] = []
  for (const name of names) {
    const text = (await readFile(path.join(home, name), 'utf8').catch(ignoreMissing)) ?? ''
    for (const line of text.split('\n')) {
      // Parsing costs ten times as much as this search, and only one company is wanted.
      if (companyId !== null && !line.includes(companyId)) continue
      const head = parseLine(line)
      if (head !== null && (companyId === null || head.companyId === companyId)) heads.push(head)
    }
  }
  return heads
}

/** Finds the genuine line with the highest position, by company. It checks signatures from the end, because each costs 70 µs. */
function newestOf(heads: readonly SignedHead[], isGenuine: (head: SignedHead) => boolean): Map<string, SignedHead> {
  const byCompany = new Map<string, SignedHead[]>()
  for (const head of heads) {
    const companyHeads = byCompany.get(head.companyId)
    if (companyHeads === undefined) byCompany.set(head.companyId, [head])
    else companyHeads.push(head)
  }
  const newest = new Map<string, SignedHead>()
  for (const [companyId, lines] of byCompany) {
    const genuine = lines.toSorted((a, b) => b.position - a.position).find(isGenuine)
    if (genuine !== undefined) newest.set(companyId, genuine)
  }
  return newest
}

/**
 * Opens the file of heads of a home. Files and the key are read or created only when they are needed.
 * @param rotateBytes size at which the file is rotated; the new file starts with the newest heads
 */
export function openHeadFile(home: string, rotateBytes: number = ROTATE_BYTES): HeadFile {
  let signer: Signer | undefined
  const getSigner = (): Signer => (signer ??= loadSigner(home))
  const file = path.join(home, FILE_NAME)
  let mayEndTorn = true
  // The lines that a new file starts with do not count, otherwise the lines of many companies would rotate it with every append.
  let carriedBytes = 0

  const write = async (heads: readonly SignedHead[]): Promise<number> => {
    await mkdir(home, { recursive: true, mode: 0o700 })
    const text = heads.map((head) => `${JSON.stringify(head)}\n`).join('')
    const handle = await open(file, 'a', 0o600)
    try {
      // A crash may have left half a line. The next line must not become a part of it.
      await handle.appendFile(mayEndTorn && (await handle.stat()).size > 0 ? `\n${text}` : text)
      await handle.datasync()
      mayEndTorn = false
      return (await handle.stat()).size
    } finally {
      await handle.close()
    }
  }

  const rotate = async (): Promise<void> => {
    const lines = await readLines(home, null)
    const contradictions = new Map(lines.filter((head) => head.contradicts !== undefined).map((head) => [head.signature, head]))
    const newest = newestOf(lines, getSigner().isGenuine)
    const numbers = await listRotated(home)
    // Two servers may share a home: exactly one of them creates the link. Lines that the other appends meanwhile are in both files.
    const hasLinked = await link(file, path.join(home, rotatedName((numbers.at(-1) ?? 0) + 1))).then(
      () => true,
      () => false,
    )
    if (!hasLinked) return
    await rm(file)
    carriedBytes = await write([...contradictions.values(), ...newest.values()])
    const tooOld = numbers.slice(0, Math.max(0, numbers.length + 1 - KEEP_ROTATED))
    for (const number of tooOld) await rm(path.join(home, rotatedName(number)), { force: true })
  }

  return {
    publicKey: () => getSigner().publicKey,
    sign: (head) => getSigner().sign(head),
    isGenuine: (head) => getSigner().isGenuine(head),
    linesOf: (companyId) => readLines(home, companyId),
    newestHeads: async () => newestOf(await readLines(home, null), getSigner().isGenuine),
    append: async (heads) => {
      if (heads.length === 0) return
      const size = await write(heads.map((head) => getSigner().sign(head)))
      if (size >= carriedBytes + rotateBytes) await rotate()
    },
  }
}
