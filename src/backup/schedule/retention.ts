import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { readSettings } from '../../observe/instance/index.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { Store } from '../../platform/db/types.ts'
import { recordRemoved } from './finish.ts'
import { rowsOf } from './rows.ts'
import type { FileRow } from './rows.ts'
import { expiredBackups } from './rules.ts'

const NAME = /^paperclip-\d{8}T\d{6}Z-[0-9a-f]{8}\.paperclip(?:\.age)?$/

/** The name of a new file: its time, and a part that no other has. */
export const fileNameOf = (now: Date, isEncrypted: boolean): string =>
  `paperclip-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}.paperclip${isEncrypted ? '.age' : ''}`

/** Names that are asked for in one statement. */
const PORTION = 1000

/** The folder of a server, and what is needed to look after it. */
interface Folder {
  readonly store: Store
  readonly folder: string
  readonly log: Log
}

/** The records of all files of a folder that servers have made there. A file without one belongs to another instance, or to the time behind a restore. */
async function recordsIn({ store, folder }: Folder): Promise<FileRow[]> {
  // A folder that cannot be read is why the backup failed, and that is recorded.
  const names = await readdir(folder).catch(() => [])
  const files = names.filter((name) => NAME.test(name)).map((name) => path.join(folder, name))
  const found: FileRow[] = []
  for (let at = 0; at < files.length; at += PORTION) found.push(...(await rowsOf(store.read, files.slice(at, at + PORTION))))
  return found
}

/**
 * Deletes the backups of a folder that are older than the retention keeps, and the files of backups that failed: their server was killed between the name
 * and the record, or had lost its lease.
 */
export async function applyRetention(place: Folder, nowMs: number): Promise<void> {
  const { store, log } = place
  const { backupRetention } = await readSettings(store.read, 'general')
  const records = await recordsIn(place)
  const complete = records.flatMap((each) =>
    each.status === 'done' && each.takenAtMs !== null ? [{ ...each, takenAtMs: each.takenAtMs }] : [],
  )
  const failed = records.filter(({ status }) => status === 'failed')
  for (const backup of [...expiredBackups(complete, backupRetention, nowMs), ...failed]) {
    await rm(backup.file, { force: true })
    await recordRemoved(store, backup)
    log.info(
      { file: backup.file },
      backup.status === 'failed' ? 'file of a failed backup removed' : 'backup removed: it is older than the retention keeps',
    )
  }
}
