// The conditions under which this server still answers, and soon may not.

import { readdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { DegradedCause } from '../observe/instance/health.ts'
import { createStatsReader } from '../observe/metrics/index.ts'
import type { ReadDb } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { openFilesLimit } from './openFiles.ts'

/** Free bytes on the disk of the home below which Postgres may soon refuse to write. */
const MIN_FREE_BYTES = 256 * 1024 * 1024
/** An event is readable within milliseconds of its commit, and a seal is written every few seconds. */
const MAX_EVENT_LAG_S = 10
const MAX_SEAL_LAG_S = 60
/** The share of file descriptors in use above which connections and commands may soon fail. */
const MAX_DESCRIPTOR_SHARE = 0.9

export const CHECK_INTERVAL_MS = 15_000

/** The facts that the conditions are decided on; null where the system does not say. */
export interface ConditionFacts {
  readonly freeBytes: number | null
  readonly eventLagSeconds: number | null
  readonly sealLagSeconds: number | null
  readonly openDescriptors: number | null
  readonly maxDescriptors: number | null
  /** Lines of the log that were dropped since the last check. */
  readonly droppedLines: number
  /** Why the record is in doubt. */
  readonly auditDoubt: string | null
  /** The last backup that a server began has failed. */
  readonly hasBackupFailed: boolean
}

/** The causes for which a server with these facts is degraded. */
export function causesOf(facts: ConditionFacts): DegradedCause[] {
  const { freeBytes, eventLagSeconds, sealLagSeconds, openDescriptors, maxDescriptors, droppedLines, auditDoubt, hasBackupFailed } = facts
  const isLow: Readonly<Record<DegradedCause, boolean>> = {
    disk_full: freeBytes !== null && freeBytes < MIN_FREE_BYTES,
    feed_slow: (eventLagSeconds ?? 0) > MAX_EVENT_LAG_S,
    rows_unsealed: (sealLagSeconds ?? 0) > MAX_SEAL_LAG_S,
    descriptors_low: openDescriptors !== null && maxDescriptors !== null && openDescriptors > maxDescriptors * MAX_DESCRIPTOR_SHARE,
    log_dropped: droppedLines > 0,
    audit_doubtful: auditDoubt !== null,
    backup_failed: hasBackupFailed,
  }
  return (Object.keys(isLow) as DegradedCause[]).filter((cause) => isLow[cause])
}

/** The limit of open files of this process, and how many are open (Linux); nulls elsewhere. */
function readDescriptors(): Pick<ConditionFacts, 'openDescriptors' | 'maxDescriptors'> {
  try {
    return { openDescriptors: readdirSync('/proc/self/fd').length, maxDescriptors: openFilesLimit() }
  } catch {
    return { openDescriptors: null, maxDescriptors: null }
  }
}

export interface ConditionDeps {
  readonly db: Pick<ReadDb, 'run'>
  /** The folder whose disk is watched. */
  readonly home: string
  readonly droppedLogLines: () => number
  readonly auditDoubt: () => string | null
  readonly log: Log
  /** Free bytes on the disk of the home, and the file descriptors; tests have no disk to fill. */
  readonly freeBytes?: () => Promise<number | null>
  readonly descriptors?: typeof readDescriptors
}

const freeBytesOf = async (folder: string): Promise<number | null> => {
  const disk = await statfs(folder).catch(() => null)
  return disk === null ? null : disk.bavail * disk.bsize
}

/** Watches the conditions of this server. */
export interface Conditions {
  readonly causes: () => readonly DegradedCause[]
  /** Looks at the conditions, and logs each one that has begun or ended since the last look. */
  readonly check: () => Promise<void>
}

export function createConditions({
  db,
  home,
  droppedLogLines,
  auditDoubt,
  log,
  freeBytes = () => freeBytesOf(home),
  descriptors = readDescriptors,
}: ConditionDeps): Conditions {
  // Each look is at the present: looks are rarer than any reader of metrics.
  const readStats = createStatsReader(db, 0)
  let causes: readonly DegradedCause[] = []
  let droppedBefore = 0

  async function look(): Promise<ConditionFacts> {
    const [free, stats] = await Promise.all([freeBytes(), readStats().catch(() => null)])
    const dropped = droppedLogLines()
    const droppedLines = dropped - droppedBefore
    droppedBefore = dropped
    return {
      freeBytes: free,
      eventLagSeconds: stats?.eventLagSeconds ?? null,
      sealLagSeconds: stats?.sealLagSeconds ?? null,
      ...descriptors(),
      droppedLines,
      auditDoubt: auditDoubt(),
      hasBackupFailed: stats?.hasBackupFailed ?? false,
    }
  }

  return {
    causes: () => causes,
    async check() {
      const facts = await look()
      const present = causesOf(facts)
      for (const cause of present) if (!causes.includes(cause)) log.warn({ cause, ...facts }, 'the server is degraded')
      for (const cause of causes) if (!present.includes(cause)) log.info({ cause }, 'the server is no longer degraded by this cause')
      causes = present
    },
  }
}
