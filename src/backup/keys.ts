// The keys in the home, which no backup has: into a file of their own, and out of it again.

import { sql } from 'drizzle-orm'
import { mkdir, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { auditWitnesses } from '../model/audit.ts'
import { serverSecrets } from '../model/instance.ts'
import { auditKeyFile, keyIdOfPem } from '../observe/audit/index.ts'
import { opensVaultWith, readVaultState } from '../org/vault/index.ts'
import { statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { fingerprintOf, SESSIONS_PURPOSE } from '../platform/home/fingerprint.ts'
import { readKeptSecret, replaceSecretFile, RUN_KEYS_FILE } from '../platform/home/secret.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { writeSecretLines } from './newKeys.ts'

const [MASTER_KEY, SESSIONS] = ['secrets-master-key', 'auth-secret'] as const

/**
 * The files of a home that a restored database needs: what was sealed or signed with them goes on. The token of the board and the keys of run tokens are
 * not among them: what was let in by them ends with the restore, so the next start makes new ones, and those that were rotated stay dead.
 */
const KEY_FILES = [MASTER_KEY, SESSIONS, auditKeyFile] as const
type KeyFile = (typeof KEY_FILES)[number]

/** Files that a build of before has packed. They are never put into a home. */
const DEAD_FILES = ['agent-jwt-secret', RUN_KEYS_FILE, 'board-token'] as const

const keysSchema = z.object({
  paperclipKeys: z.literal(1),
  files: z.partialRecord(z.enum([...KEY_FILES, ...DEAD_FILES]), z.string().min(1)),
})

/**
 * Writes the keys of a home into a new file of mode 0600. It opens every secret of the instance: it belongs to another place than the backup.
 * @returns the names of the files that it has
 * @throws an error with a sentence for the operator
 */
export async function exportKeys(home: string, file: string): Promise<string[]> {
  const files: Record<string, string> = {}
  for (const name of KEY_FILES) {
    const secret = keptIn(home, name)
    if (secret !== null) files[name] = secret
  }
  if (Object.keys(files).length === 0)
    throw startProblem(`${home} has no keys: with variables such as PAPERCLIP_SECRETS_MASTER_KEY they are where you keep those`)
  await writeSecretLines(file, [{ paperclipKeys: 1, files }])
  return Object.keys(files)
}

function keptIn(home: string, name: string): string | null {
  try {
    return readKeptSecret(home, name)
  } catch (error) {
    throw startProblem((error as Error).message, error)
  }
}

/** The keys of a file that a home has not. */
export interface NewKeys {
  readonly file: string
  readonly missing: readonly (readonly [name: KeyFile, secret: string])[]
  /** Names in the file that are never put into a home. */
  readonly dead: readonly string[]
}

/**
 * Reads a file of keys and writes nothing. A key that the home has already stays, and must be the same.
 * @throws an error with a sentence for the operator
 */
export async function readKeys(file: string, home: string): Promise<NewKeys> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw startProblem(`The file of keys cannot be read: ${(error as Error).message}`, error)
  })
  const { files } = parseKeys(text, file)
  const missing = KEY_FILES.flatMap((name) => {
    const secret = files[name]
    if (secret === undefined) return []
    const present = keptIn(home, name)
    if (present !== null && present !== secret.trim())
      throw startProblem(`${home} has another ${name} than ${file}: name a home without it`)
    return present === null ? [[name, secret] as const] : []
  })
  return { file, missing, dead: DEAD_FILES.filter((name) => files[name] !== undefined) }
}

function parseKeys(text: string, file: string): z.output<typeof keysSchema> {
  try {
    return keysSchema.parse(JSON.parse(text))
  } catch {
    // An error of the parser could repeat a part of a key.
    throw startProblem(`${file} is not a file of keys that backup --with-keys wrote`)
  }
}

const readWitnessKeys = statement<object, { keyId: string }>('restore_witness_keys').read(
  sql`select distinct key_id as "keyId" from ${auditWitnesses}`,
)
const readSessions = statement<object, { fingerprint: string }>('restore_session_secrets').read(
  sql`select distinct session_fingerprint as fingerprint from ${serverSecrets} where session_fingerprint is not null`,
)

/** The keys that were in use when a backup was taken, as far as it knows them. */
export interface KeysInUse {
  /** The ids of the keys that signed the heads of the audit. */
  auditKeyIds: string[]
  /** Of the secrets of sessions, where servers worked. */
  sessionFingerprints: string[]
}

/** Reads what a loaded backup knows of its keys, before its servers are forgotten. */
export async function keysInUse(db: Pick<ReadDb, 'run'>): Promise<KeysInUse> {
  const [witnesses, sessions] = [await db.run(readWitnessKeys, {}), await db.run(readSessions, {})]
  return { auditKeyIds: witnesses.map(({ keyId }) => keyId), sessionFingerprints: sessions.map(({ fingerprint }) => fingerprint) }
}

/** @throws an error with a sentence for the operator when the master key of a file is not the one of the loaded backup */
export async function requireMasterKey(db: Pick<ReadDb, 'run'>, { file, missing }: NewKeys): Promise<void> {
  const secret = missing.find(([name]) => name === MASTER_KEY)?.[1]
  const state = await readVaultState(db)
  if (secret === undefined || state === null) return
  let isRight = false
  try {
    isRight = opensVaultWith(secret, state)
  } catch {
    // An error could repeat a part of the key.
  }
  if (!isRight)
    throw startProblem(
      `The master key in ${file} does not open the secrets of this backup (the id of theirs is ${state.masterKeyId}): it was rotated in between. Run the command again with the keys of that time, or without --keys`,
    )
}

/** Whether the backup knows a key as one that was in use: one that was rotated before stays dead. */
function isVouchedFor([name, secret]: NewKeys['missing'][number], { auditKeyIds, sessionFingerprints }: KeysInUse): boolean {
  if (name === SESSIONS)
    return sessionFingerprints.length === 0 || sessionFingerprints.includes(fingerprintOf(secret.trim(), SESSIONS_PURPOSE))
  if (name !== auditKeyFile) return true
  try {
    return auditKeyIds.includes(keyIdOfPem(secret))
  } catch {
    return false
  }
}

/**
 * Puts the keys of a file into a home, as far as the backup vouches for them.
 * @returns the names of the files that were written, and those that were left out
 * @throws an error with a sentence for the operator
 */
export async function putKeys(
  keys: NewKeys,
  home: string,
  inUse: KeysInUse,
): Promise<{ readonly put: string[]; readonly leftOut: string[] }> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const put = keys.missing.filter((key) => isVouchedFor(key, inUse))
  for (const [name, secret] of put) replaceSecretFile(home, name, secret)
  const names = put.map(([name]) => name as string)
  return { put: names, leftOut: [...keys.missing.map(([name]) => name as string).filter((name) => !names.includes(name)), ...keys.dead] }
}
