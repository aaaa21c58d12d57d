import { sql } from 'drizzle-orm'
import { backups } from '../../model/backups.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { retryTransaction } from '../../engine/holds/index.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { backupRequested } from '../events.ts'
import { backupColumns } from './rows.ts'
import type { BackupView } from './views.ts'

const insertRequest = statement<object, BackupView>('backup_request').write(sql`
  insert into ${backups} (status, reason, leased_until) values ('requested', 'request', now())
  on conflict ((finished_at is null)) where finished_at is null do nothing returning ${backupColumns}`)

// Two requests at once: the second waits here, and finds what the first has asked for.
const lockRequests = statement<object, { locked: string }>('backup_request_lock').read(
  sql`select pg_advisory_xact_lock(7203317)::text as locked`,
)

const openRow = statement<object, BackupView>('backup_open').read(sql`select ${backupColumns} from ${backups} where finished_at is null`)

/**
 * Asks for a backup, which a server makes within seconds. While one waits or is made there is no second one: that one is returned.
 */
export async function requestBackup(ctx: Ctx): Promise<BackupView> {
  return await mutate(ctx, async (tx) => {
    await tx.run(lockRequests, {})
    const [open] = await tx.run(openRow, {})
    if (open !== undefined) return unchanged(open)
    const [row] = await tx.run(insertRequest, {})
    // A server has begun one that was due, between the two statements.
    if (row === undefined) throw retryTransaction()
    return changed(row, backupRequested(row.id, {}, { companyId: NO_COMPANY }))
  })
}
