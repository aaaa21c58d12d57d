import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** The operating system account Postgres runs under when it cannot be ours. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

const run = promisify(execFile)

/**
 * Whom to run Postgres as: null means "as ourselves". Postgres refuses root, so root gets the owner of the data that is
 * already in `home`, and `nobody` otherwise. The owner comes first because a single `sudo npm start` must not
 * lock an ordinary user out of their own data. Rejects when the system knows no `nobody`.
 */
export async function accountFor(home: string): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null
  const owner = await stat(join(home, 'postgres')).catch(() => null)
  if (owner !== null && owner.uid !== 0) {
    const account = await findPasswdEntry((entry) => entry.uid === owner.uid)
    if (account !== null) return account
  }
  return (await findPasswdEntry((entry) => entry.name === 'nobody')) ?? (await nobodyByCommand())
}

/** Spreads into the options of `spawn`: nothing when Postgres runs as ourselves. */
export function asAccount(account: Account | null): { uid?: number; gid?: number } {
  return account === null ? {} : { uid: account.uid, gid: account.gid }
}

interface PasswdEntry extends Account {
  readonly name: string
}

// The entry must be in the system's list: initdb and Postgres look their own name up and fail for a bare number.
async function findPasswdEntry(matches: (entry: PasswdEntry) => boolean): Promise<Account | null> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  for (const line of passwd.split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':')
    if (uid === '' || gid === '') continue
    const entry = { name, uid: Number(uid), gid: Number(gid) }
    if (matches(entry)) return { uid: entry.uid, gid: entry.gid }
  }
  return null
}

// Accounts may live in a directory service instead of the file; `id` asks whatever the system is set up to ask.
async function nobodyByCommand(): Promise<Account> {
  const ids = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]).catch(() => null)
  if (ids === null) {
    throw new Error(
      'Postgres refuses to run as root and this system has no account named "nobody". ' +
        'Run the server as an ordinary user, or set DATABASE_URL to a Postgres of your own.',
    )
  }
  const [uid, gid] = ids
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}
