import { z } from 'zod'
import { event } from '../platform/kernel/event.ts'
import { backupReasons } from '../model/backups.ts'

/** A restored instance goes on from here. Recorded for the instance and for every company. */
export const instanceRestored = event(
  'instance.restored',
  'instance',
  z.object({
    takenAt: z.string(),
    digest: z.string(),
    /** Why no journal vouched for the keys of agents; null when one did. */
    journalProblem: z.enum(['missing', 'other_instance', 'damaged', 'older']).nullable(),
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
/** A backup was older than the retention keeps. */
export const backupRemoved = event('instance.backup_removed', 'instance', z.object({ file: z.string(), takenAt: z.string() }))
