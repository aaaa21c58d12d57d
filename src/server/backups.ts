import { BACKUP_INTERVAL_MS, createBackupTask, createRevocationJournal, JOURNAL_INTERVAL_MS } from '../backup/index.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import type { Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import type { PeriodicTask } from '../scheduler/periodicTasks.ts'
import type { Config } from './config.ts'
import { version } from './config.ts'

/** The work of a server by which the instance outlives its database. */
export interface Backups {
  readonly tasks: readonly PeriodicTask[]
  /** Whether the journal has everything up to a horizon of events. */
  readonly isJournalDone: (horizon: string) => boolean
  /** Ends a backup in progress, at the beginning of a shutdown. */
  stop(): void
  /** Notes how far the journal is, when nothing is written any more. It never rejects. */
  close(): Promise<void>
}

interface BackupPlaces extends Pick<Config, 'home' | 'backups'> {
  /** Whether this process writes the files of the home that only grow. */
  readonly writesHome: boolean
}

/** Makes backups by schedule and request, and keeps the journal of revocations in the home. */
export function openBackups({ home, backups, writesHome }: BackupPlaces, store: Store, connection: ConnectionOptions, log: Log): Backups {
  const { folder, recipient } = backups
  const encryption = recipient === null ? null : { recipient }
  const task = createBackupTask({ store, connection, folder, encryption, version, log })
  const journal = writesHome ? createRevocationJournal(store, home, log) : null
  return {
    tasks: [
      { name: 'backup', intervalMs: BACKUP_INTERVAL_MS, run: () => task.run() },
      ...(journal === null ? [] : [{ name: 'revocations', intervalMs: JOURNAL_INTERVAL_MS, run: () => journal.run() }]),
    ],
    isJournalDone: journal?.isDone ?? (() => true),
    stop: () => task.stop(),
    close: async () => await journal?.stop(),
  }
}
