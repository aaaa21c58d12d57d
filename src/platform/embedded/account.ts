import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** The operating system account that runs Postgres when it cannot be the account of this process. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

const run = promisify(execFile)

/**
 * Chooses the account that runs Postgres; null is the account of this process. Postgres refuses to run as root. Under
 * root the choice is the owner of the data that is already in `home`, and otherwise the account `nobody`. The owner comes
 * first, because one `sudo npm start` must not lock an ordinary user out of their own data. Rejects when the system has
 * no account `nobody`.
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

/** Options of `spawn` that run a program under an account; empty for the account of this process. */
export function asAccount(account: Account | null): { uid?: number; gid?: number } {
  return account === null ? {} : { uid: account.uid, gid: account.gid }
}

interface PasswdEntry extends Account {
  readonly name: string
}

// The account must be in the system's list: initdb and Postgres look up their own name and fail for a number without one.
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

// Accounts may be kept in a directory service instead of the file; `id` uses the sources that the system is set up for.
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
