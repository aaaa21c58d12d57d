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

export interface DataDir {
  /** The caller's folder with every link resolved, so that two spellings of it meet. */
  readonly home: string
  /** The data folder itself, never a link. */
  readonly data: string
  /** Folder of the unix socket, 0700, owned by whoever runs Postgres. */
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
 * The longest address a socket can be bound to: macOS has 104 bytes with the closing zero, Linux 108. The smaller one
 * is used everywhere so that a home that works on one works on the other.
 */
const SOCKET_PATH_BYTES = 103

/**
 * Decides where everything lies and makes the folders. Data stays in `home` unless Postgres runs under another account
 * that cannot get there. Rejects when data that already lies in `home` has become unreachable, because
 * starting with an empty database elsewhere would look like a loss, and when the socket folder belongs to somebody else.
 */
export async function prepareDataDir({ home, account, systemFolder, log }: DataDirOptions): Promise<DataDir> {
  const own = await ownFolder(home)
  const base = account === null ? own : await baseFor(own, account, systemFolder, log)
  const socket = await socketFolder(base, account, systemFolder)
  return { home: own, data: join(base, 'postgres'), socket, logFile: join(own, 'postgres.log') }
}

/** Whether `account` may enter `folder`. It is tried rather than computed, because access lists and mounts count too. */
async function canEnter(account: Account, folder: string): Promise<boolean> {
  return new Promise((resolveAnswer) => {
    execFile('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { cwd: '/', ...asAccount(account) }, (error) => resolveAnswer(error === null))
  })
}

async function ownFolder(home: string): Promise<string> {
  const wanted = resolve(home)
  // Only the last folder is private. Closed ones above it would shut out the account root runs Postgres under.
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
        'Make the folders above it passable again, or set DATABASE_URL to a Postgres of your own.',
    )
  }
  return makeSystemDataDir(home, link, account, systemFolder, log)
}

// Root stays the owner, so that the account can pass through but can neither plant nor swap files that root opens later.
async function openToGroup(folder: string, account: Account): Promise<void> {
  const { uid, mode } = await lstat(folder)
  if (uid !== 0 || (mode & 0o077) !== 0) return
  await chown(folder, 0, account.gid)
  await chmod(folder, 0o710)
}

/**
 * Picks a folder of root's for the data and records it as a link in `home`. The link is made first because making
 * it is the one step only one of two racing starts can do. A random part in the name: whoever
 * deletes `home` to start afresh must not get the old rows back, nor may they be destroyed on a guess.
 */
async function makeSystemDataDir(home: string, link: string, account: Account, systemFolder: string, log: Log): Promise<string> {
  const parent = join(systemFolder, 'data')
  await makeTraversable(parent)
  const wanted = join(parent, `${hashOf(home)}-${randomBytes(4).toString('hex')}`)
  await symlink(join(wanted, 'postgres'), link).catch(ignoreErrorCode('EEXIST'))
  const base = dirname(await readlink(link))
  await makeFolder(base)
  await openToGroup(base, account)
  await writeFile(join(base, 'home'), `${home}\n`)
  log('the embedded database lies outside its home, which the account that runs Postgres cannot reach', { home, base })
  return base
}

async function socketFolder(base: string, account: Account | null, systemFolder: string): Promise<string> {
  const folder = shortFolder(base, account, systemFolder)
  if (account !== null) await makeTraversable(dirname(folder))
  await makeFolder(folder)
  const found = await lstat(folder)
  const ownUid = process.getuid?.() ?? found.uid
  // A folder below /tmp may have been put there by somebody who waits for our socket.
  if (!found.isDirectory() || (found.uid !== ownUid && found.uid !== account?.uid)) {
    throw new Error(`The socket folder ${folder} belongs to somebody else. Remove it, or set DATABASE_URL.`)
  }
  if (account !== null && found.uid !== account.uid) await chown(folder, account.uid, account.gid)
  if ((found.mode & 0o777) !== 0o700) await chmod(folder, 0o700)
  return folder
}

function shortFolder(base: string, account: Account | null, systemFolder: string): string {
  const beside = join(base, 'socket')
  if (fitsSocketPath(beside)) return beside
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
