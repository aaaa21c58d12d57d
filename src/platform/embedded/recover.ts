// A cluster that is made of a physical backup instead of initdb, recovered to a point in time.

import { randomBytes } from 'node:crypto'
import { appendFile, chown, lchown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { flushFolder } from '../home/privateFile.ts'
import { loadOrCreateDatabasePasswords } from '../home/secret.ts'
import type { Account } from './account.ts'
import type { EmbeddedOptions } from './contract.ts'
import { setLogins } from './logins.ts'
import type { Cluster } from './parameters.ts'
import { removeStalePartials } from './partial.ts'
import { launch, stopPostmaster } from './postmaster.ts'
import { runToExit } from './runToExit.ts'
import { singleUserArguments } from './settings.ts'
import { clusterFor } from './start.ts'
import type { Surroundings } from './start.ts'

/** The backup of which the new cluster is made, and how. */
export interface RecoveryOptions extends EmbeddedOptions {
  /** Puts the files of the backup into an empty folder. */
  readonly fill: (folder: string) => Promise<void>
  /** Settings of the recovery: `restore_command`, `recovery_target_time`, … */
  readonly recovery: Readonly<Record<string, string>>
  /** Statements that run before the cluster gets its name, one a line, in the database `postgres`. */
  readonly statements: (point: RecoveryPoint) => readonly string[]
  /** Ends the work in the middle; nothing is left then. */
  readonly signal?: AbortSignal
}

/** Where a recovery ended, as Postgres wrote it down. */
export interface RecoveryPoint {
  /** The number of Postgres's timeline that begins there. */
  readonly timeline: number
  /** The place in the log, and the reason to end there: `before 2026-11-28 17:53:37.1+00`, or `no recovery target specified`. */
  readonly lsn: string
  readonly reason: string
}

/** A line of a timeline's history: the number of the one before, the place where it ended, and the reason. */
const HISTORY_LINE = /^(\d+)\t([0-9A-F]+\/[0-9A-F]+)\t(.*)$/

/** Reads where the recovery ended out of the history of the newest timeline. */
async function pointOf(partial: string): Promise<RecoveryPoint> {
  const folder = join(partial, 'pg_wal')
  const newest = (await readdir(folder))
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .toSorted()
    .at(-1)
  const lines = newest === undefined ? [] : (await readFile(join(folder, newest), 'utf8')).split('\n')
  const last = lines.map((line) => HISTORY_LINE.exec(line)).findLast((line) => line !== null)
  if (newest === undefined || last === undefined) throw new Error('Postgres has not written down where its recovery ended')
  return { timeline: Number.parseInt(newest.slice(0, 8), 16), lsn: last[2] ?? '', reason: (last[3] ?? '').trim() }
}

/** The file of settings that Postgres itself writes; the last value of a setting counts. */
const SETTINGS_FILE = 'postgresql.auto.conf'

/**
 * Makes the cluster of a home from a physical backup. It gets its name when it is recovered, has the passwords of its home and the
 * statements have run, so a crash leaves no folder that looks like data.
 * @throws Error when the home has a cluster already, or Postgres cannot recover (with the end of its log)
 */
export async function installRecoveredWith(options: RecoveryOptions, surroundings: Surroundings): Promise<void> {
  const cluster = await clusterFor(options, surroundings)
  const { data } = cluster.dataDir
  if ((await stat(data).catch(() => null)) !== null) throw new Error(`${data} exists: move the database that is there away`)
  const passwords = loadOrCreateDatabasePasswords(cluster.dataDir.home)
  await removeStalePartials(`${data}.init-`)
  const partial = `${data}.init-${randomBytes(6).toString('hex')}`
  try {
    await mkdir(partial, { mode: 0o700 })
    await options.fill(partial)
    const signal = options.signal ?? new AbortController().signal
    await recover(partial, cluster, { recovery: options.recovery, signal })
    signal.throwIfAborted()
    await runStatements(partial, cluster, options.statements(await pointOf(partial)))
    await setLogins(partial, cluster, passwords)
    signal.throwIfAborted()
    await rename(partial, data)
    flushFolder(dirname(data))
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

async function recover(
  partial: string,
  cluster: Cluster,
  { recovery, signal }: Pick<RecoveryOptions, 'recovery'> & { readonly signal: AbortSignal },
): Promise<void> {
  const settings = join(partial, SETTINGS_FILE)
  const before = await readFile(settings, 'utf8')
  const lines = Object.entries({ ...recovery, recovery_target_action: 'promote', hot_standby: 'off' })
  await appendFile(settings, lines.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join(''))
  await writeFile(join(partial, 'recovery.signal'), '', { mode: 0o600 })
  await giveTo(cluster.account, partial)
  const place = { ...cluster, dataDir: { ...cluster.dataDir, data: partial } }
  // It is ready when it has replayed the log up to the point and begun to write its own.
  const postmaster = await launch(place, signal)
  await stopPostmaster(postmaster, cluster.log)
  await writeFile(settings, before)
}

async function giveTo(account: Account | null, folder: string): Promise<void> {
  if (account === null) return
  for (const name of await readdir(folder, { recursive: true })) await lchown(join(folder, name), account.uid, account.gid)
  await chown(folder, account.uid, account.gid)
}

async function runStatements(
  partial: string,
  { account, deathSignal, durable, native }: Cluster,
  statements: readonly string[],
): Promise<void> {
  const ended = await runToExit(`${partial}.statements.log`, {
    deathSignal,
    account,
    file: join(native, 'bin', 'postgres'),
    arguments: singleUserArguments(partial, durable),
    input: statements.map((statement) => `${statement};\n`).join(''),
  })
  if (ended !== null) throw new Error(`Postgres could not prepare the recovered database: it ended with ${ended}`)
}
