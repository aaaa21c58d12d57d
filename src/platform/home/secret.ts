import { randomBytes } from 'node:crypto'
import { fstatSync, linkSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** HS256 needs 32 bytes. A shorter text means that the file is damaged. */
const MIN_LENGTH = 32

/** The secret in a file; undefined when the file does not exist. @throws Error when it is damaged or readable by other users */
function readSecretFile(file: string): string | undefined {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    if (process.platform !== 'win32' && (fstatSync(descriptor).mode & 0o077) !== 0)
      throw new Error(`${file} can be read by other users: set its mode to 0600, or remove it to create a new one`)
    const secret = readFileSync(descriptor, 'utf8').trim()
    if (secret.length < MIN_LENGTH) throw new Error(`${file} is damaged: remove it to create a new one`)
    return secret
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Loads a secret from a file in the home, or creates it with mode 0600. Two servers that start at the same time use the
 * same secret, because only one of them can create the link.
 *
 * @param home folder of the server; created with mode 0700 when it does not exist
 * @param name of the file
 * @param generate creates a new secret, for the first start
 * @throws Error when the file is damaged or readable by other users; the message has the name of the file and not its content
 */
export function loadOrCreateSecretFile(home: string, name: string, generate: () => string): string {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const file = path.join(home, name)
  const existing = readSecretFile(file)
  if (existing !== undefined) return existing
  const temporaryFile = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  // The file is flushed before it gets its name, so a power failure leaves a whole secret or none.
  writeFileSync(temporaryFile, `${generate().trim()}\n`, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(temporaryFile, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporaryFile, { force: true })
  }
  return readSecretFile(file) ?? loadOrCreateSecretFile(home, name, generate)
}

/** The secret that signs run tokens when none is configured. */
export const loadOrCreateSecret = (home: string): string =>
  loadOrCreateSecretFile(home, 'agent-jwt-secret', () => randomBytes(48).toString('base64url'))
