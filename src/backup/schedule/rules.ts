// When a backup is due, and which ones are kept: pure functions of times.

/** How many days, weeks and months have a backup. */
export interface BackupRetention {
  /** Every backup of the last days is kept. */
  readonly dailyDays: number
  /** Of the weeks before them the newest of each. */
  readonly weeklyWeeks: number
  /** Of the months before those the newest of each. */
  readonly monthlyMonths: number
}

/** A backup of a folder, by the time of its snapshot in milliseconds. */
export interface KeptBackup {
  readonly id: string
  readonly takenAtMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Weeks begin on Monday: the first day of the calendar of milliseconds was a Thursday. */
const MONDAY_MS = 4 * DAY_MS

const weekOf = (ms: number): number => Math.floor((ms - MONDAY_MS) / (7 * DAY_MS))
const monthOf = (ms: number): number => new Date(ms).getUTCFullYear() * 12 + new Date(ms).getUTCMonth()

/**
 * The backups that are older than the retention keeps. The newest is always kept.
 * @param backups in any order
 */
export function expiredBackups<T extends KeptBackup>(
  backups: readonly T[],
  { dailyDays, weeklyWeeks, monthlyMonths }: BackupRetention,
  nowMs: number,
): T[] {
  const newestFirst = backups.toSorted((a, b) => b.takenAtMs - a.takenAtMs)
  const kept = new Set(newestFirst.slice(0, 1))
  const keepNewestOf = (periodOf: (ms: number) => number, periods: number): void => {
    const oldest = periodOf(nowMs) - periods
    const seen = new Set<number>()
    for (const backup of newestFirst) {
      const period = periodOf(backup.takenAtMs)
      if (period <= oldest || seen.has(period)) continue
      seen.add(period)
      kept.add(backup)
    }
  }
  for (const backup of newestFirst) if (backup.takenAtMs > nowMs - dailyDays * DAY_MS) kept.add(backup)
  keepNewestOf(weekOf, weeklyWeeks)
  keepNewestOf(monthOf, monthlyMonths)
  return newestFirst.filter((backup) => !kept.has(backup))
}

/** The facts that decide whether a backup is due; times in milliseconds. */
export interface DueFacts {
  /** Hours between backups; 0 for none. */
  readonly everyHours: number
  readonly nowMs: number
  /** The beginning of the newest that was made; null for none. */
  readonly newestMs: number | null
  /** The beginning of the newest attempt that failed; null for none. */
  readonly failedMs: number | null
  /** The first event of the instance; null where there is nothing yet. */
  readonly bornMs: number | null
}

/** A failure is tried again after this time, or after the interval where that is shorter. */
const RETRY_MS = HOUR_MS

/** Whether a backup is due. A new instance gets its first after one interval. */
export function isBackupDue({ everyHours, nowMs, newestMs, failedMs, bornMs }: DueFacts): boolean {
  const since = newestMs ?? bornMs
  if (everyHours === 0 || since === null) return false
  const everyMs = everyHours * HOUR_MS
  if (failedMs !== null && nowMs - failedMs < Math.min(RETRY_MS, everyMs)) return false
  return nowMs - since >= everyMs
}
