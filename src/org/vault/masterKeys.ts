// The master keys of this process: they wrap the data keys of companies and nothing else. They are in memory and, as the operator keeps them,
// in a file or a variable; never in the database.

import { createHmac, randomBytes } from 'node:crypto'
import { weakSecretProblem } from '../../platform/home/secretStrength.ts'
import { KEY_BYTES } from './frames.ts'

export interface MasterKey {
  /** Says which key it is and nothing about it. */
  readonly id: string
  readonly bytes: Buffer
}

/** More than two are in use only when rotations were interrupted. */
const MAX_KEYS = 8

const idOf = (bytes: Buffer): string => createHmac('sha256', bytes).update('paperclip master key id').digest('hex').slice(0, 16)

/** The bytes of a key that is written as 64 hexadecimal digits or as base64 of either alphabet; null for anything else. */
function bytesOf(text: string): Buffer | null {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : null
  return bytes?.length === KEY_BYTES ? bytes : null
}

/**
 * Reads master keys that are separated by commas; the first is the one that is wanted.
 * @throws Error with a sentence that repeats no part of a key
 */
export function readMasterKeys(text: string): readonly MasterKey[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0 || parts.length > MAX_KEYS) throw new Error(`must be 1 to ${MAX_KEYS} keys, separated by commas`)
  return parts.map((part) => {
    const bytes = bytesOf(part)
    if (bytes === null) throw new Error('must be keys of 32 bytes as base64 or hexadecimal digits. Make one with: openssl rand -base64 32')
    if (weakSecretProblem(part, KEY_BYTES) !== null) throw new Error('is too easy to guess. Make one with: openssl rand -base64 32')
    return { id: idOf(bytes), bytes }
  })
}

/** A new key as text. */
export const createMasterKey = (): string => randomBytes(KEY_BYTES).toString('base64url')

/** The text from which `readMasterKeys` reads these keys. */
export const writeMasterKeys = (keys: readonly MasterKey[]): string => keys.map(({ bytes }) => bytes.toString('base64url')).join(',')

/** Where the keys of this process come from. */
export interface MasterKeySource {
  /** Reads them, the wanted one first; a rotation changes them while the server runs. @throws Error when they cannot be read */
  readonly read: () => string
  /** Replaces them; null where only the operator can, because they stand in a variable. */
  readonly write: ((keys: readonly MasterKey[]) => void) | null
}

let source: MasterKeySource | null = null
let known: readonly MasterKey[] = []

/**
 * Sets where the master keys of this process come from, and reads them.
 * @throws Error when they cannot be read
 */
export function useMasterKeys(from: MasterKeySource): void {
  known = readMasterKeys(from.read())
  source = from
}

/** The keys as they were read last. */
export const masterKeys = (): readonly MasterKey[] => known

export const masterKeySource = (): MasterKeySource | null => source

/**
 * The key with that id. When this process does not have it, the source is read again: another server may have rotated the key since.
 * @returns null when the source does not have it either, or cannot be read
 */
export function masterKeyById(id: string): MasterKey | null {
  const found = known.find((key) => key.id === id)
  if (found !== undefined || source === null) return found ?? null
  try {
    known = readMasterKeys(source.read())
  } catch {
    return null
  }
  return known.find((key) => key.id === id) ?? null
}
