// A line of the file of heads: how it looks, what is signed, and how it is chained to the line before it.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { loadOrCreateSecretFile } from '../../platform/home/secret.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { witnessProblems } from './witnessProblems.ts'

/** The end of a company's chain at some time. */
export interface Head {
  readonly companyId: string
  readonly position: number
  readonly hash: string
}

/** A head, the time when it was recorded, and the head that it contradicts, if any. */
export interface RecordedHead extends Head {
  readonly at: Instant
  /** An earlier line that was no longer on the chain when this line was written. */
  readonly contradicts?: { readonly position: number; readonly hash: string } | undefined
  /** In a line that was carried into a new file: the number of the line that it repeats. */
  readonly since?: number | undefined
}

/**
 * A line about the witness itself: `opened` with the first chain, `adopted` a file without numbers, `joined` chains that
 * other servers witness, `rotated` into a new file, a `timeline` that begins here, a problem that was found, or `accepted`: an
 * operator has accepted the record as it is, and what was found before counts no longer.
 */
export interface Note {
  readonly note: (typeof noteKinds)[number]
  readonly at: Instant
  readonly since?: number | undefined
  /** Facts about a timeline or an acceptance, as JSON text. */
  readonly about?: string | undefined
}
const noteKinds = ['opened', 'adopted', 'joined', 'rotated', 'timeline', 'accepted', ...witnessProblems] as const

/** How a line stands in its file. Lines of release d4ff285 have none of this. */
export interface Link {
  /** 1, 2, 3, … over all files of a home. */
  readonly line: number
  /** SHA-256 of the text of the line before; empty for the first. */
  readonly previous: string
  /** The line up to which the database had its copy of number and signature. */
  readonly stored: number
}

interface Signature {
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly keyId: string
  /** Ed25519 over the line, base64. */
  readonly signature: string
}

export type SignedHead = RecordedHead & Partial<Link> & Signature
export type SignedNote = Note & Link & Signature
export type SignedLine = SignedHead | SignedNote

export const isNote = (line: SignedLine | RecordedHead | Note): line is SignedNote & Note => 'note' in line

/** Whether a line is numbered: every line but those of release d4ff285. */
export const isNumbered = (line: SignedLine): line is SignedLine & Link => line.line !== undefined

const hex = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(1)
const signed = { at: z.string(), since: count.optional(), keyId: z.string(), signature: z.string() }
const link = { line: count, previous: hex.or(z.literal('')), stored: z.int().min(0) }
const headFields = {
  companyId: z.uuid(),
  position: count,
  hash: hex,
  contradicts: z.object({ position: count, hash: hex }).optional(),
  ...signed,
}
const lineSchema = z.union([
  z.object({ note: z.enum(noteKinds), about: z.string().optional(), ...signed, ...link }),
  z.object({ ...headFields, ...link }),
  z.object(headFields),
])

/** Parses a line; null for the end of a line that a crash cut off, or foreign text. It proves nothing and is ignored. */
export function parseLine(text: string): SignedLine | null {
  if (text === '') return null
  try {
    const parsed = lineSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** The hash by which the next line names this one. */
export const hashOfLine = (text: string): string => hash('sha256', text)

type Unsigned = (RecordedHead & Partial<Link>) | (Note & Link)

/** The text that is signed: the fields of the line in a fixed order. */
function signedText(line: Unsigned): Buffer {
  const linkFields = [line.line, line.previous, line.stored, line.since ?? null]
  if ('note' in line) {
    const about = line.about === undefined ? [] : [line.about]
    return Buffer.from(JSON.stringify(['paperclip-witness-note-1', line.note, line.at, ...linkFields, ...about]))
  }
  const { companyId, position, hash: headHash, at, contradicts } = line
  const fields = [companyId, position, headHash, at, contradicts?.position ?? null, contradicts?.hash ?? null]
  const isLinked = line.line !== undefined
  return Buffer.from(
    JSON.stringify([isLinked ? 'paperclip-activity-head-2' : 'paperclip-activity-head-1', ...fields, ...(isLinked ? linkFields : [])]),
  )
}

/** Signs lines with a key that is created once and kept in the home with mode 0600. */
export interface Signer {
  readonly publicKey: string
  readonly keyId: string
  readonly sign: <T extends Unsigned>(line: T) => T & Signature
  readonly isGenuine: (line: SignedLine) => boolean
}

/** The name of the file in the home with the key that signs heads. */
export const auditKeyFile = 'audit-key.pem'

const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)

/** The id of a key as it stands in the file of a home. @throws Error when it is none */
export const keyIdOfPem = (pem: string): string => keyIdOf(createPublicKey(createPrivateKey(pem)))

/** Loads the key of a home, or creates it. */
export function loadSigner(home: string): Signer {
  const pem = loadOrCreateSecretFile(home, auditKeyFile, () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  const privateKey: KeyObject = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = keyIdOf(publicKey)
  return {
    publicKey: spki.toString('base64'),
    keyId,
    sign: (line) => ({ ...line, keyId, signature: sign(null, signedText(line), privateKey).toString('base64') }),
    isGenuine: (line) => line.keyId === keyId && verify(null, signedText(line), publicKey, Buffer.from(line.signature, 'base64')),
  }
}
