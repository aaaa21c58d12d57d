import { chown, mkdir } from 'node:fs/promises'
import type { EmbeddedOptions, EmbeddedPostgres, Log } from './contract.ts'
import type { DeathSignal } from './parentDeathSignal.ts'
import { accountFor } from './account.ts'
import { ensureBinaries } from './binaries.ts'
import { loadOrCreateDatabasePasswords } from '../home/secret.ts'
import { ensureCluster } from './cluster.ts'
import { prepareDataDir } from './dataDir.ts'
import { ensureLogins } from './logins.ts'
import type { Cluster } from './parameters.ts'
import { launch } from './postmaster.ts'
import { APPLICATION, SOCKET_PORT, SUPERUSER } from './settings.ts'
import { supervise } from './supervise.ts'

/** The parts of the machine that a start depends on. They are an argument, so that tests can remove `setpriv` or the checkout. */
export interface Surroundings {
  readonly systemFolder: string
  readonly packageFolder: string
  readonly deathSignal: DeathSignal
}

const silent: Log = () => undefined

/** Prepares account, folders and binaries for the cluster of a home; each step needs the one before. */
export async function clusterFor(options: EmbeddedOptions, { deathSignal, packageFolder, systemFolder }: Surroundings): Promise<Cluster> {
  const log = options.log ?? silent
  const account = await accountFor(options.home)
  const dataDir = await prepareDataDir({ home: options.home, account, systemFolder, log })
  const copyInto = account === null ? `${dataDir.home}/native` : systemFolder
  const native = await ensureBinaries({ packageFolder, copyInto, account, log })
  const { durable, walArchive = null, maxConnections = 0 } = options
  return { dataDir, native, account, deathSignal, durable, walArchive, maxConnections, log }
}

/** Postgres refuses to start without the folder of its archive. It belongs to the account that writes it. */
async function prepareArchive({ walArchive, account }: Cluster): Promise<void> {
  if (walArchive === null) return
  await mkdir(walArchive, { recursive: true, mode: 0o700 })
  if (account !== null) await chown(walArchive, account.uid, account.gid)
}

/**
 * `startEmbedded` with explicit surroundings. Prepares account, folders, binaries and cluster, starts the postmaster and
 * supervises it; each step needs the one before. Rejects as `startEmbedded` does.
 */
export async function startWith(options: EmbeddedOptions, surroundings: Surroundings): Promise<EmbeddedPostgres> {
  const cluster = await clusterFor(options, surroundings)
  const { dataDir, log } = cluster
  await prepareArchive(cluster)
  const passwords = loadOrCreateDatabasePasswords(dataDir.home)
  await ensureCluster(cluster, passwords)
  await ensureLogins(cluster, passwords)

  const first = await launch(cluster, new AbortController().signal)
  const supervision = supervise({ first, relaunch: (signal) => launch(cluster, signal), logFile: dataDir.logFile, log })
  const place = { host: dataDir.socket, port: SOCKET_PORT, database: 'postgres' }
  return {
    connection: { ...place, user: APPLICATION, password: passwords.application },
    ownerConnection: { ...place, user: SUPERUSER, password: passwords.owner },
    stop: supervision.stop,
  }
}
