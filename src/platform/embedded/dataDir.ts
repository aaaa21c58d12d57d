// Chooses and creates the folders of the embedded database: data, socket and log.

import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readlink, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Account } from './account.ts'
import type { Log } from './contract.ts'
import { asAccount } from './account.ts'
import { makeTraversable } from './permissions.ts'
import { SOCKET_PORT } from './settings.ts'

/** The paths of one embedded database. */
export interface DataDir {
  /** The caller's folder with every link resolved, so that two spellings give the same path. */
  readonly home: string
  /** The data folder itself, not a link to it. */
  readonly data: string
  /** Folder of the unix socket: mode 0700, owned by the account that runs Postgres. */
  readonly socket: string
  readonly logFile: string
}

interface DataDirOptions {
  readonly home: string
  readonly account: Account | null
  readonly systemFolder: string
  readonly log: Log
}

/**
 * The longest path of a unix socket in bytes: macOS has 104 with the closing zero, Linux 108. The smaller limit is used
 * on every system, so that a home that works on one works on the other.
 */
const SOCKET_PATH_BYTES = 103

/**
 * Chooses the paths of the database and creates the folders. The data is in `home`, unless Postgres runs under another
 * account that cannot enter `home`. Rejects when that account can no longer reach data that is already in `home`, because
 * a start with an empty database elsewhere would look like a loss of data. Also rejects when the socket folder belongs to
 * another account.
 */
export async function prepareDataDir({ home, account, systemFolder, log }: DataDirOptions): Promise<DataDir> {
  const own = await ownFolder(home)
  const base = account === null ? own : await baseFor(own, account, systemFolder, log)
  const socket = await socketFolder(base, account, systemFolder)
  return { home: own, data: join(base, 'postgres'), socket, logFile: join(own, 'postgres.log') }
}

/** Whether `account` may enter `folder`. A child process tries it, because access lists and mounts matter, too. */
async function canEnter(account: Account, folder: string): Promise<boolean> {
  return new Promise((resolveAnswer) => {
    execFile('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { cwd: '/', ...asAccount(account) }, (error) => resolveAnswer(error === null))
  })
}

async function ownFolder(home: string): Promise<string> {
  const wanted = resolve(home)
  // Only the last folder is private. Closed folders above it would shut out the account that runs Postgres.
  await mkdir(dirname(wanted), { recursive: true })
  await makeFolder(wanted)
  return realpath(wanted)
}

async function baseFor(home: string, account: Account, systemFolder: string, log: Log): Promise<string> {
  const link = join(home, 'postgres')
  const recorded = await readlink(link).catch(() => null)
  if (recorded !== null) return dirname(recorded)
  await openToGroup(home, account)
  if (await canEnter(account, home)) return home
  if ((await lstat(link).catch(() => null)) !== null) {
    throw new Error(
      `The account that runs Postgres (uid ${account.uid}) can no longer reach the data in ${link}. ` +
        'Let that account enter the folders above it again, or set DATABASE_URL to a Postgres of your own.',
    )
  }
  return makeSystemDataDir({ home, account, systemFolder, log })
}

// Root stays the owner, so that the account can enter the folder but cannot add or replace files that root opens later.
async function openToGroup(folder: string, account: Account): Promise<void> {
  const { uid, mode } = await lstat(folder)
  if (uid !== 0 || (mode & 0o077) !== 0) return
  await chown(folder, 0, account.gid)
  await chmod(folder, 0o710)
}

/**
 * Chooses a folder of root for the data and records it as a link in `home`. The link is created first, because only one
 * of two concurrent starts can create it. The name has a random part: an operator who deletes `home` to start afresh must
 * not get the old rows back, and the old rows must not be deleted on a guess.
 */
async function makeSystemDataDir({ home, account, systemFolder, log }: DataDirOptions & { readonly account: Account }): Promise<string> {
  const link = join(home, 'postgres')
  const parent = join(systemFolder, 'data')
  await makeTraversable(parent)
  const wanted = join(parent, `${hashOf(home)}-${randomBytes(4).toString('hex')}`)
  await symlink(join(wanted, 'postgres'), link).catch(ignoreErrorCode('EEXIST'))
  const base = dirname(await readlink(link))
  await makeFolder(base)
  await openToGroup(base, account)
  await writeFile(join(base, 'home'), `${home}\n`)
  log('the embedded database is outside its home, because the account that runs Postgres cannot enter the home', { home, base })
  return base
}

async function socketFolder(base: string, account: Account | null, systemFolder: string): Promise<string> {
  const folder = shortFolder(base, account, systemFolder)
  if (account !== null) await makeTraversable(dirname(folder))
  await makeFolder(folder)
  const found = await lstat(folder)
  const ownUid = process.getuid?.() ?? found.uid
  // Another account may have created the folder below /tmp to intercept the connections to this socket.
  if (!found.isDirectory() || (found.uid !== ownUid && found.uid !== account?.uid)) {
    throw new Error(`The socket folder ${folder} belongs to another account. Remove it, or set DATABASE_URL.`)
  }
  if (account !== null && found.uid !== account.uid) await chown(folder, account.uid, account.gid)
  if ((found.mode & 0o777) !== 0o700) await chmod(folder, 0o700)
  return folder
}

/** The folder of the socket of a database whose data is in `base`. It makes nothing. */
export function shortFolder(base: string, account: Account | null, systemFolder: string): string {
  const preferred = join(base, 'socket')
  if (fitsSocketPath(preferred)) return preferred
  const name = `paperclip-${hashOf(base)}`
  const runtimeFolder = process.env['XDG_RUNTIME_DIR']
  const choices = account === null ? [runtimeFolder ?? tmpdir(), tmpdir(), '/tmp'] : [join(systemFolder, 'socket'), '/tmp']
  const choice = choices.map((folder) => join(folder, name)).find(fitsSocketPath)
  if (choice === undefined) throw new Error(`No folder is short enough for a socket; tried ${choices.join(', ')}.`)
  return choice
}

function fitsSocketPath(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${SOCKET_PORT}`)) <= SOCKET_PATH_BYTES
}

function hashOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16)
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(ignoreErrorCode('EEXIST'))
}

function ignoreErrorCode(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error
  }
}
