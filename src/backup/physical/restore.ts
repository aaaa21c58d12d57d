import path from 'node:path'
import { existsSync } from 'node:fs'
import { z } from 'zod'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { openMaintenance } from '../../platform/db/driver/maintenance.ts'
import type { Maintenance } from '../../platform/db/driver/maintenance.ts'
import { applyMigrations } from '../../platform/db/migrations.ts'
import { findRunning, installRecovered, startEmbedded } from '../../platform/embedded/index.ts'
import { startProblem } from '../../platform/kernel/startProblem.ts'
import { completeRestore } from '../complete.ts'
import type { Completion, CompletionOptions } from '../complete.ts'
import type { RestoreOrigin } from '../endCredentials.ts'
import { rewoundTo } from '../events.ts'
import { interruptedRestore, whileNotAborted } from '../interrupt.ts'
import { leaveTicketGap } from '../load.ts'
import { requireNewKeysFile } from '../newKeys.ts'
import { withStore } from '../restore.ts'
import { describeDatabase } from '../snapshot.ts'
import { finishRestore, markStatements, readMark, takeTarget } from '../target.ts'
import type { Mark, Stage } from '../target.ts'
import { readManifest, unpackPhysicalBackup } from './unpack.ts'
import type { Manifest } from './unpack.ts'

/** A restore of a physical backup that is asked for. */
export interface PhysicalRestoreOptions extends CompletionOptions {
  /** The folder of the backup. */
  readonly folder: string
  /** The home, which has no database yet. */
  readonly home: string
  /** The folder with the archived log; null ends with the backup itself. */
  readonly archive: string | null
  /** The last moment that is restored; null for all that the archive has. */
  readonly until: string | null
  readonly version: string
}

/** The result of a restore of a physical backup. */
export interface PhysicalRestoreReport extends Completion, RestoreOrigin {}

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

/** Facts that only the recovery knows, in the mark of the database. */
const originSchema = z.object({ takenAt: z.string(), digest: z.string(), rewoundTo })

interface Steps extends PhysicalRestoreOptions {
  readonly reached: (stage: Stage) => void
}

/**
 * Restores a physical backup of the embedded database into a home, up to a point in time where its log was archived, and ends what was
 * alive then. Until the last step the database is marked, so that no server serves it; the same call again goes on where a crash ended it.
 * @throws an error with a sentence for the operator when the backup is cut or changed, the home has a database, the log does not
 *   reach the point, or the signal ended it
 */
export async function restorePhysical(options: PhysicalRestoreOptions): Promise<PhysicalRestoreReport> {
  let reached: Stage | null = null
  try {
    return await restoreWith({ ...options, reached: (stage) => (reached = stage) })
  } catch (error) {
    throw options.signal?.aborted === true ? interruptedRestore(reached, error) : error
  }
}

async function restoreWith(options: Steps): Promise<PhysicalRestoreReport> {
  const { home, signal } = options
  const recovery = recoverySettings(options)
  const manifest = await readManifest(path.resolve(options.folder))
  const isNew = !existsSync(path.join(home, 'postgres'))
  if (isNew) await requireNewKeysFile(options.newKeysFile)
  else if ((await findRunning(home)) !== null)
    throw startProblem(`A server runs in ${home}: stop it, and move its database away, or name another home`)
  signal?.throwIfAborted()
  if (isNew) await install(options, manifest, recovery)
  // From here on there is a database, and it is marked.
  if (isNew) options.reached('loaded')
  const postgres = await startEmbedded({ home, durable: true })
  try {
    return await finish(postgres.ownerConnection, options, manifest.digest)
  } finally {
    await postgres.stop()
  }
}

async function install(options: Steps, manifest: Manifest, recovery: Record<string, string>): Promise<void> {
  const { home, until, signal } = options
  let takenAt = ''
  await installRecovered({
    home,
    durable: true,
    fill: async (target) => void (takenAt = await unpackPhysicalBackup(path.resolve(options.folder), target, manifest, signal)),
    recovery,
    statements: (point) => markStatements(manifest.digest, { takenAt, digest: manifest.digest, rewoundTo: { until, ...point } }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (!/recovery ended before configured recovery target was reached/.test(String(error))) throw error
    throw startProblem('The archived log does not reach the point in time: name an earlier one, or a folder with more of the log', error)
  })
}

/** The mark of this restore. @throws an error with a sentence for the operator when the home has another database */
async function requireMark(
  session: Maintenance,
  { home, until }: Steps,
  digest: string,
): Promise<{ mark: Mark; origin: z.output<typeof originSchema> }> {
  const mark = await readMark(session)
  const data = path.join(home, 'postgres')
  if (mark === null) throw startProblem(`${home} has a database: move ${data} away first, or name another home`)
  const origin = originSchema.safeParse(mark.origin)
  if (mark.digest !== digest || !origin.success || origin.data.rewoundTo.until !== until)
    throw startProblem(
      `${home} holds the beginning of the restore of another backup, or to another point: finish that one, or move ${data} away first`,
    )
  return { mark, origin: origin.data }
}

async function finish(connection: ConnectionOptions, options: Steps, digest: string): Promise<PhysicalRestoreReport> {
  const session = await openMaintenance(connection, 'restore')
  try {
    return await whileNotAborted(session, options.signal, async () => {
      await takeTarget(session)
      const { mark, origin } = await requireMark(session, options, digest)
      options.reached(mark.stage === 'begun' ? 'loaded' : mark.stage)
      if (mark.issued === null) await requireNewKeysFile(options.newKeysFile)
      const { description, heads } = await describeDatabase(session, options.version)
      await applyMigrations(session.connection)
      if (mark.plan === null) await leaveTicketGap(session)
      const { reached } = options
      const report = await withStore(connection, (store) =>
        completeRestore({ session, store, mark, description, heads, origin, reached }, options),
      )
      await finishRestore(session)
      return { ...report, ...origin }
    })
  } finally {
    await session.close()
  }
}
