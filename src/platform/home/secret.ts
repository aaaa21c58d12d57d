import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import path from 'node:path'
import { createPrivateFile, replacePrivateFile } from './privateFile.ts'
import type { FileOwner } from './privateFile.ts'
import { weakSecretProblem } from './secretStrength.ts'

/** HS256 needs 32 bytes. A shorter text means that the file is damaged. */
const MIN_LENGTH = 32

/** Which accounts may own a kept secret. */
interface Trust {
  /** Under root: also the owner of the home, because that account has the data that the secret opens. */
  readonly ownerOfHome?: boolean
}

/** Root may be the owner everywhere: it can read and replace every file anyway. */
function trustedOwners(home: string, { ownerOfHome = false }: Trust): ReadonlySet<number> {
  const ownUid = process.getuid?.() ?? 0
  return new Set([0, ownUid, ...(ownerOfHome && ownUid === 0 ? [statSync(home).uid] : [])])
}

/** @throws Error when another account could have put the file there, or can replace it */
function requireSafePlace(file: string, stats: Stats, trusted: ReadonlySet<number>): void {
  if (process.platform === 'win32') return
  const folder = path.dirname(file)
  const around = statSync(folder)
  if (!stats.isFile()) throw new Error(`${file} is not a file: remove it to create a new one`)
  if (!trusted.has(stats.uid))
    throw new Error(
      `${file} belongs to another account (uid ${stats.uid}): give it to the account of the server, or remove it to create a new one`,
    )
  if ((stats.mode & 0o077) !== 0)
    throw new Error(`${file} can be read by other users: set its mode to 0600, or remove it to create a new one`)
  if (!trusted.has(around.uid))
    throw new Error(
      `${folder} belongs to another account (uid ${around.uid}), which can replace ${file}: give the folder to the account of the server`,
    )
  if ((around.mode & 0o022) !== 0) throw new Error(`${folder} can be written by other users, who can replace ${file}: set its mode to 0700`)
}

/** The secret in a file; undefined when the file does not exist. @throws Error when it is damaged, a link, or open to other users */
function readSecretFile(file: string, trusted: ReadonlySet<number>): string | undefined {
  let descriptor: number
  try {
    // Not through a link, and not waiting for the writer of a pipe.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP' || code === 'EMLINK') throw new Error(`${file} is a link: put the file itself there`, { cause: error })
    throw error
  }
  try {
    requireSafePlace(file, fstatSync(descriptor), trusted)
    const secret = readFileSync(descriptor, 'utf8').trim()
    if (secret.length < MIN_LENGTH) throw new Error(`${file} is damaged: remove it to create a new one`)
    const problem = weakSecretProblem(secret, MIN_LENGTH)
    if (problem !== null) throw new Error(`The secret in ${file} ${problem}, or remove the file to create a new one`)
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
 * @throws Error when the file is damaged, is a link, belongs to another account than the server's or root, can be read by
 *   other users, or stands in a folder that others can write; the message has the name of the file and not its content
 */
export function loadOrCreateSecretFile(home: string, name: string, generate: () => string, trust: Trust = {}): string {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const trusted = trustedOwners(home, trust)
  const file = path.join(home, name)
  const existing = readSecretFile(file, trusted)
  if (existing !== undefined) return existing
  try {
    createPrivateFile(file, `${generate().trim()}\n`, ownerOfHome(home, trust))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readSecretFile(file, trusted) ?? loadOrCreateSecretFile(home, name, generate, trust)
}

/**
 * The secret in a file of the home; null where there is no such file.
 * @throws Error as `loadOrCreateSecretFile` does
 */
export const readKeptSecret = (home: string, name: string): string | null =>
  readSecretFile(path.join(home, name), trustedOwners(home, {})) ?? null

/** Differs when the file of a kept secret was written or replaced. It reads nothing of it. */
export function keptSecretVersion(home: string, name: string): string {
  const stats = statSync(path.join(home, name), { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? 'missing' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ')
}

/**
 * Puts a new secret in the place of a kept one, or where there is none yet. A server that reads the file meanwhile finds the one or the other,
 * whole. Under root the file goes to the owner of the file before, or of the home, because the server may run under that account.
 * @throws Error when the home cannot be written
 */
export function replaceSecretFile(home: string, name: string, secret: string): void {
  const file = path.join(home, name)
  const { uid, gid } = statSync(file, { throwIfNoEntry: false }) ?? statSync(home)
  replacePrivateFile(file, `${secret.trim()}\n`, process.getuid?.() === 0 ? { uid, gid } : null)
}

/** One `sudo npm start` must not leave a file that the owner of the home cannot read. */
function ownerOfHome(home: string, { ownerOfHome: isGiven = false }: Trust): FileOwner | null {
  if (!isGiven || process.getuid?.() !== 0) return null
  const { uid, gid } = statSync(home)
  return uid === 0 ? null : { uid, gid }
}

/** The secret that signs run tokens when none is configured. */
export const loadOrCreateSecret = (home: string): string =>
  loadOrCreateSecretFile(home, 'agent-jwt-secret', () => randomBytes(48).toString('base64url'))

/** The secret that signs the sessions of people when none is configured. */
export const loadOrCreateAuthSecret = (home: string): string =>
  loadOrCreateSecretFile(home, 'auth-secret', () => randomBytes(48).toString('base64url'))

/** The file with the keys that sign run tokens for others to verify. */
export const RUN_KEYS_FILE = 'agent-jwt-keys'

/** The passwords of the embedded database: the owner's, which migrates, and the application's, which serves. */
export interface DatabasePasswords {
  readonly owner: string
  readonly application: string
}

const randomPassword = (): string => randomBytes(32).toString('base64url')

/** Loads or creates the passwords of the embedded database, `database-owner-password` and `database-password` in the home. */
export const loadOrCreateDatabasePasswords = (home: string): DatabasePasswords => ({
  owner: loadOrCreateSecretFile(home, 'database-owner-password', randomPassword, { ownerOfHome: true }),
  application: loadOrCreateSecretFile(home, 'database-password', randomPassword, { ownerOfHome: true }),
})

/**
 * The passwords of the embedded database, as an earlier start made them; null where none did.
 * @throws Error as `loadOrCreateSecretFile` does
 */
export function readDatabasePasswords(home: string): DatabasePasswords | null {
  const trusted = trustedOwners(home, { ownerOfHome: true })
  const owner = readSecretFile(path.join(home, 'database-owner-password'), trusted)
  const application = readSecretFile(path.join(home, 'database-password'), trusted)
  return owner === undefined || application === undefined ? null : { owner, application }
}
