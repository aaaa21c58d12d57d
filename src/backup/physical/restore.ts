import path from 'node:path'
import { existsSync } from 'node:fs'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { openMaintenance } from '../../platform/db/driver/maintenance.ts'
import { applyMigrations } from '../../platform/db/migrations.ts'
import { installRecovered, startEmbedded } from '../../platform/embedded/index.ts'
import { startProblem } from '../../platform/kernel/startProblem.ts'
import { leaveTicketGap } from '../load.ts'
import { completeRestore, withStore } from '../restore.ts'
import type { RestoreReport } from '../restore.ts'
import { describeDatabase } from '../snapshot.ts'
import { finishRestore, markStatements, takeTarget } from '../target.ts'
import { unpackPhysicalBackup } from './unpack.ts'

/** A restore of a physical backup that is asked for. */
export interface PhysicalRestoreOptions {
  /** The folder of the backup. */
  readonly folder: string
  /** The home, which has no database yet. */
  readonly home: string
  /** The folder with the archived log; null ends with the backup itself. */
  readonly archive: string | null
  /** The last moment that is restored; null for all that the archive has. */
  readonly until: string | null
  readonly journalHome: string | null
  readonly newKeysFile: string | null
  readonly version: string
}

const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)(Z|[+-]\d{2}(?::?\d{2})?)$/

/**
 * The point in time as Postgres reads it: with a space, and with all of its microseconds.
 * @throws an error with a sentence for the operator when it is no time with a zone
 */
export function recoveryTime(text: string): string {
  const [, day, time, zone] = TIME.exec(text) ?? []
  if (day === undefined || Number.isNaN(Date.parse(text.replace(' ', 'T').replace(/([+-]\d{2})$/, '$1:00'))))
    throw startProblem(`${text} is no time with a zone: write it as 2026-11-28T17:53:36.604473Z`)
  return `${day} ${time}${zone === 'Z' ? '+00' : (zone ?? '')}`
}

/** The shell command with which Postgres fetches a segment. `%` and quotes in the path would change its meaning. */
function restoreCommand(archive: string): string {
  const folder = path.resolve(archive)
  if (/[%'"\\$`\n]/.test(folder))
    throw startProblem(`The path of the archive has a character that a command of Postgres cannot have: move it to another folder`)
  return `cp "${folder}/%f" "%p"`
}

function recoverySettings({ archive, until }: PhysicalRestoreOptions): Record<string, string> {
  if (archive === null) {
    if (until !== null) throw startProblem('A point in time needs the folder with the archived log (--archive)')
    return { restore_command: 'false', recovery_target: 'immediate' }
  }
  const command = { restore_command: restoreCommand(archive) }
  if (until === null) return command
  return { ...command, recovery_target_time: recoveryTime(until) }
}

/**
 * Restores a physical backup of the embedded database into a home, up to a point in time where its log was archived, and ends what was
 * alive then. Until the last step the database is marked, so that no server serves it.
 * @throws an error with a sentence for the operator when the backup is cut or changed, the home has a database, or the log does not
 *   reach the point
 */
export async function restorePhysical(options: PhysicalRestoreOptions): Promise<Omit<RestoreReport, 'leftOut'>> {
  const { folder, home } = options
  if (existsSync(path.join(home, 'postgres')))
    throw startProblem(`${home} has a database: move ${path.join(home, 'postgres')} away first, or name another home`)
  const recovery = recoverySettings(options)
  await installRecovered({
    home,
    durable: true,
    fill: (target) => unpackPhysicalBackup(path.resolve(folder), target),
    recovery,
    statements: markStatements('physical'),
  }).catch((error: unknown) => {
    if (!/recovery ended before configured recovery target was reached/.test(String(error))) throw error
    throw startProblem('The archived log does not reach the point in time: name an earlier one, or a folder with more of the log', error)
  })
  const postgres = await startEmbedded({ home, durable: true })
  try {
    return await finish(postgres.ownerConnection, options)
  } finally {
    await postgres.stop()
  }
}

async function finish(connection: ConnectionOptions, options: PhysicalRestoreOptions): Promise<Omit<RestoreReport, 'leftOut'>> {
  const session = await openMaintenance(connection, 'restore')
  try {
    await takeTarget(session)
    const { description, heads } = await describeDatabase(session, options.version)
    const backup = { description, contents: { tables: [], sequences: [], heads }, digest: 'physical' }
    await applyMigrations(session.connection)
    await leaveTicketGap(session)
    const report = await withStore(connection, (store) => completeRestore(store, options, backup))
    await finishRestore(session)
    return report
  } finally {
    await session.close()
  }
}
