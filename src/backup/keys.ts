// The keys in the home, which no backup has: into a file of their own, and out of it again.

import { mkdir, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { readKeptSecret, replaceSecretFile, RUN_KEYS_FILE } from '../platform/home/secret.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { writeSecretLines } from './newKeys.ts'

/** The files of a home that a restored database needs, or that its people and verifiers know. Passwords of the database are not among them. */
const KEY_FILES = ['secrets-master-key', 'auth-secret', 'agent-jwt-secret', RUN_KEYS_FILE, 'audit-key.pem', 'board-token'] as const

const keysSchema = z.object({ paperclipKeys: z.literal(1), files: z.partialRecord(z.enum(KEY_FILES), z.string().min(1)) })

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

/**
 * Puts the keys of a file into a home. A key that is there already stays, and must be the same.
 * @returns the names of the files that were written
 * @throws an error with a sentence for the operator; nothing is written then
 */
export async function importKeys(file: string, home: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw startProblem(`The file of keys cannot be read: ${(error as Error).message}`, error)
  })
  const { files } = parseKeys(text, file)
  await mkdir(home, { recursive: true, mode: 0o700 })
  const wanted = Object.entries(files)
  const missing = wanted.filter(([name, secret]) => {
    const present = keptIn(home, name)
    if (present !== null && present !== secret.trim())
      throw startProblem(`${home} has another ${name} than ${file}: name a home without it`)
    return present === null
  })
  for (const [name, secret] of missing) replaceSecretFile(home, name, secret)
  return missing.map(([name]) => name)
}

function parseKeys(text: string, file: string): z.output<typeof keysSchema> {
  try {
    return keysSchema.parse(JSON.parse(text))
  } catch {
    // An error of the parser could repeat a part of a key.
    throw startProblem(`${file} is not a file of keys that backup --with-keys wrote`)
  }
}
