import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import type { Instant } from '../../platform/kernel/time.ts'
import { loadOrCreateSecretFile } from '../../platform/home/secret.ts'

/** How far a company's chain went at some time. */
export interface Head {
  readonly companyId: string
  readonly position: number
  readonly hash: string
}

/** A line of the file: a head, when it was noted, and what it was found to contradict. */
export interface RecordedHead extends Head {
  readonly at: Instant
  /** An earlier line that the chain no longer bore out when this one was written. */
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
/** A line is 330 bytes: this is 12,000 of them, an hour and more of a single company that writes every second. */
const ROTATE_BYTES = 4 * 1024 * 1024
/** Older files that are kept beside the current one: with it, 16 MB. */
const KEEP_ROTATED = 3

/** The text that is signed: the facts of the line in a fixed order. */
const signedText = ({ companyId, position, hash, at, contradicts }: RecordedHead): Buffer =>
  Buffer.from(
    JSON.stringify(['paperclip-activity-head-1', companyId, position, hash, at, contradicts?.position ?? null, contradicts?.hash ?? null]),
  )

/** Signs heads, with a key that is made once and kept 0600 in the home. */
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
    // The end of a line that a crash cut off, or somebody's scribble: it claims nothing.
    return null
  }
}

/**
 * The heads of all chains, outside the database: `<home>/audit-heads.ndjson`, appended to and synced, never rewritten.
 * Whoever cuts the tails of both tables, or computes a chain anew, meets what is written here (I7).
 */
export interface HeadFile {
  /** SPKI, base64: what an exported head is checked with. */
  publicKey(): string
  sign(head: RecordedHead): SignedHead
  isGenuine(head: SignedHead): boolean
  /** Every line about a company, oldest first; signatures unchecked. */
  linesOf(companyId: string): Promise<SignedHead[]>
  /** The newest genuine head of every company. */
  newestHeads(): Promise<Map<string, SignedHead>>
  /** Appends heads and syncs them to the disk. */
  append(heads: readonly RecordedHead[]): Promise<void>
}

const ignoreMissing = (error: unknown): void => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** The numbers of the files that were put aside, oldest first. */
async function listRotated(home: string): Promise<number[]> {
  const names = (await readdir(home).catch(ignoreMissing)) ?? []
  return names
    .map((name) => rotatedPattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b)
}

/** Reads the lines of all files of a home, oldest first; of one company where one is named. */
async function readLines(home: string, companyId: string | null): Promise<SignedHead[]> {
  const names = [...(await listRotated(home)).map(rotatedName), FILE_NAME]
  const heads: SignedHead[] = []
  for (const name of names) {
    const text = (await readFile(path.join(home, name), 'utf8').catch(ignoreMissing)) ?? ''
    for (const line of text.split('\n')) {
      // Parsing costs ten times the look, and one company is asked for.
      if (companyId !== null && !line.includes(companyId)) continue
      const head = parseLine(line)
      if (head !== null && (companyId === null || head.companyId === companyId)) heads.push(head)
    }
  }
  return heads
}

/** The genuine line that goes furthest, by company. Signatures are checked from the end, because each costs 70 µs. */
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
 * Opens the file of heads of a home. Nothing is read or made before it is needed.
 * @param rotateBytes how far the file grows before it is put aside, for a fresh one that starts with the newest heads
 */
export function openHeadFile(home: string, rotateBytes: number = ROTATE_BYTES): HeadFile {
  let signer: Signer | undefined
  const getSigner = (): Signer => (signer ??= loadSigner(home))
  const file = path.join(home, FILE_NAME)
  let mayEndTorn = true
  // What a fresh file starts with does not count, or many companies would make it rotate for ever.
  let carriedBytes = 0

  const write = async (heads: readonly SignedHead[]): Promise<number> => {
    await mkdir(home, { recursive: true, mode: 0o700 })
    const text = heads.map((head) => `${JSON.stringify(head)}\n`).join('')
    const handle = await open(file, 'a', 0o600)
    try {
      // A crash may have left half a line, which must not swallow the next one.
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
    // Two servers may share a home: exactly one of them makes the link. What the other appends meanwhile is in both.
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
