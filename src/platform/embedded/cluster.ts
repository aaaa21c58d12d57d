// Creates the database cluster with initdb on the first start.

import { randomBytes } from 'node:crypto'
import { chown, lchown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Account } from './account.ts'
import type { DatabasePasswords } from '../home/secret.ts'
import type { Cluster } from './parameters.ts'
import { setLogins } from './logins.ts'
import { runToExit } from './runToExit.ts'
import { removeStalePartials } from './partial.ts'
import { SUPERUSER } from './settings.ts'

/** Creates the data folder with its logins unless it exists. Rejects when initdb fails, or when a file or another folder is in its place. */
export async function ensureCluster(cluster: Cluster, passwords: DatabasePasswords): Promise<void> {
  const { data } = cluster.dataDir
  if (await isCluster(data)) return takeOwnership(data, cluster.account)
  await removeStalePartials(`${data}.init-`)
  const partial = `${data}.init-${randomBytes(6).toString('hex')}`
  try {
    await initialise(partial, cluster)
    await setLogins(partial, cluster, passwords)
    // The data folder gets its name when it is complete, so a crash during initdb leaves no folder that looks like data.
    await rename(partial, data)
    if (cluster.durable) await syncFolder(dirname(data))
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    // A concurrent first start may have been faster. The lock file of the postmaster decides which of the two serves.
    if (await isCluster(data)) return
    throw error
  }
}

async function isCluster(data: string): Promise<boolean> {
  return (await stat(join(data, 'PG_VERSION')).catch(() => null)) !== null
}

// Data that root restored or copied belongs to root, and Postgres opens only files of its own account.
async function takeOwnership(data: string, account: Account | null): Promise<void> {
  if (account === null || (await stat(data)).uid !== 0) return
  for (const name of await readdir(data, { recursive: true })) await lchown(join(data, name), account.uid, account.gid)
  // The folder itself comes last: while it still belongs to root, the next start repeats an interrupted walk.
  await chown(data, account.uid, account.gid)
}

async function initialise(folder: string, { native, account, deathSignal, durable, log }: Cluster): Promise<void> {
  log('creating a new embedded database', { durable })
  await mkdir(folder, { mode: 0o700 })
  if (account !== null) await chown(folder, account.uid, account.gid)
  const ended = await runToExit(`${folder}.log`, {
    deathSignal,
    file: join(native, 'bin', 'initdb'),
    arguments: ['-D', folder, ...INITDB, ...(durable ? [] : ['--no-sync'])],
    account,
  })
  if (ended !== null) throw new Error(`initdb ended with ${ended}`)
}

const INITDB = [
  `--username=${SUPERUSER}`,
  // Nobody may connect by the rules that initdb writes; logins.ts replaces them.
  '--auth-local=reject',
  '--auth-host=reject',
  // The built-in provider sorts and folds case in the same way on every machine. The C library's changes between releases.
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--locale=C',
]

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
