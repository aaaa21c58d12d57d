import { z } from 'zod'
import { event } from '../platform/kernel/event.ts'
import { backupReasons } from '../model/backups.ts'
import { journalProblems } from './journal/problems.ts'

/** The point of a physical restore. */
export const rewoundTo = z.object({
  /** The time that was asked for; null for all that the archive had. */
  until: z.string().nullable(),
  /** The number of Postgres's timeline that begins there, the place in the log, and Postgres's reason to end there. */
  timeline: z.int(),
  lsn: z.string(),
  reason: z.string(),
})
export type RewoundTo = z.output<typeof rewoundTo>

/** A restored instance goes on from here. Recorded for the instance and for every company. */
export const instanceRestored = event(
  'instance.restored',
  'instance',
  z.object({
    /** The time of the backup and its identity: of a physical one, of its base and the digest of its list of files. */
    takenAt: z.string(),
    digest: z.string(),
    /** Where the log of a physical backup was replayed to; null for a logical one. */
    rewoundTo: rewoundTo.nullable(),
    /** Why no journal vouched for the keys of agents; null when one did. */
    journalProblem: z.enum(journalProblems).nullable(),
    /** Until when the journal saw the instance; null where there is none, or it does not say. */
    journalSeenUntil: z.string().nullable(),
    keptKeys: z.int(),
    revokedKeyIds: z.array(z.string()),
  }),
)

/** A person asked for a backup, which a server makes. */
export const backupRequested = event('instance.backup_requested', 'instance', z.object({}))
/** A server wrote a backup into its folder. */
export const backupMade = event(
  'instance.backup_made',
  'instance',
  z.object({ reason: z.enum(backupReasons), file: z.string(), takenAt: z.string(), bytes: z.int(), rows: z.int(), sha256: z.string() }),
)
export const backupFailed = event('instance.backup_failed', 'instance', z.object({ reason: z.enum(backupReasons), error: z.string() }))
/** A backup was older than the retention keeps, or its file was left by one that failed: that has no time. */
export const backupRemoved = event('instance.backup_removed', 'instance', z.object({ file: z.string(), takenAt: z.string().nullable() }))
