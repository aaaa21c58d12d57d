import { sql } from 'drizzle-orm'
import { backups } from '../../model/backups.ts'
import { systemCtx } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { backupFailed, backupMade, backupRemoved } from '../events.ts'
import type { BackupFile } from '../toFile.ts'
import type { ClaimedBackup, FileRow } from './rows.ts'

interface Done {
  readonly id: string
  readonly bytes: number
  readonly rows: number
  readonly sha256: string
  readonly takenAt: string
}

const setDone = statement<Done, { id: string }>('backup_done').write(sql`
  update ${backups} set status = 'done', bytes = ${param('bytes', 'bigint')}, rows = ${param('rows', 'bigint')}, sha256 = ${param('sha256', 'text')},
    taken_at = ${param('takenAt', 'timestamptz')}, finished_at = now() where id = ${param('id', 'uuid')} and status = 'running' returning id`)

const setFailed = statement<{ id: string; error: string }, { id: string }>('backup_failed').write(sql`
  update ${backups} set status = 'failed', error = ${param('error', 'text')}, finished_at = now()
  where id = ${param('id', 'uuid')} and finished_at is null returning id`)

const setRemoved = statement<{ id: string }, { id: string }>('backup_removed').write(
  sql`update ${backups} set status = 'removed' where id = ${param('id', 'uuid')} and status = 'done' returning id`,
)

const ctxOf = (store: Store) => systemCtx(store, null, 'backup')
const options = { companyId: NO_COMPANY }

/** Records a backup that was made. @returns false when the lease was lost meanwhile: then the file counts for nothing */
export async function recordDone(store: Store, { id, reason }: ClaimedBackup, made: BackupFile, file: string): Promise<boolean> {
  const rows = made.contents.tables.reduce((sum, table) => sum + table.rows, 0)
  const facts = { bytes: made.bytes, rows, sha256: made.sha256, takenAt: made.description.takenAt }
  return await mutate(ctxOf(store), async (tx) => {
    const [row] = await tx.run(setDone, { id, ...facts })
    return row === undefined ? unchanged(false) : changed(true, backupMade(id, { reason, file, ...facts }, options))
  })
}

/** Records a backup that failed. */
export async function recordFailed(store: Store, { id, reason }: ClaimedBackup, error: string): Promise<void> {
  await mutate(ctxOf(store), async (tx) => {
    const [row] = await tx.run(setFailed, { id, error })
    return row === undefined ? unchanged(null) : changed(null, backupFailed(id, { reason, error }, options))
  })
}

/** Records that the file of a backup was deleted. One that failed stays a failure. */
export async function recordRemoved(store: Store, { id, file, status, takenAt }: FileRow): Promise<void> {
  await mutate(ctxOf(store), async (tx) => {
    if (status === 'done' && (await tx.run(setRemoved, { id }))[0] === undefined) return unchanged(null)
    return changed(null, backupRemoved(id, { file, takenAt }, options))
  })
}
