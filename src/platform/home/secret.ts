import { randomBytes } from 'node:crypto'
import { fstatSync, linkSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** HS256 wants 32 bytes; anything shorter in the file is damage, not a secret. */
const MIN_LENGTH = 32

/** The secret in a file, or undefined when there is none. @throws Error when it is damaged or others can read it */
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
      throw new Error(`${file} can be read by others: make it 0600, or remove it to have a new one made`)
    const secret = readFileSync(descriptor, 'utf8').trim()
    if (secret.length < MIN_LENGTH) throw new Error(`${file} is damaged: remove it to have a new one made`)
    return secret
  } finally {
    closeSync(descriptor)
  }
}

/**
 * A secret made once and kept in the home with mode 0600. Two servers that start at once agree on one, because a link is
 * made by exactly one of them.
 *
 * @param home folder of the server; made 0700 when absent
 * @param name of the file
 * @param generate a fresh secret, for the first start
 * @throws Error when the file is damaged or readable by others; the message names the file and never its content
 */
export function loadOrCreateSecretFile(home: string, name: string, generate: () => string): string {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const file = path.join(home, name)
  const existing = readSecretFile(file)
  if (existing !== undefined) return existing
  const temporaryFile = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  // Flushed before it gets its name, so that a power cut leaves a whole secret or none.
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
