import { sql } from 'drizzle-orm'
import { approvalReadings } from '../../model/approvals.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'

interface Reading {
  readonly approvalId: string
  readonly userId: string
}

const selectReading = statement<Reading, { shownHash: string }>('approval_reading').read(sql`
  select shown_hash as "shownHash" from ${approvalReadings} where approval_id = ${param('approvalId')} and user_id = ${param('userId')}`)

const upsertReading = statement<Reading & { shownHash: string }, never>('approval_read').unaudited(sql`
  insert into ${approvalReadings} (approval_id, user_id, shown_hash)
  select id, ${param('userId', 'text')}, ${param('shownHash', 'text')} from approvals where id = ${param('approvalId', 'uuid')}
  on conflict (approval_id, user_id) do update set shown_hash = excluded.shown_hash, read_at = now()`)

/** The hash of the version that a person has read last; null when they have read none. */
export const lastReading = async (db: Pick<ReadDb, 'run'>, reading: Reading): Promise<string | null> =>
  (await db.run(selectReading, reading))[0]?.shownHash ?? null

/** Records which version of an approval a person was served. Only the read of one approval does: a list may be read by a program. */
export async function recordReading(ctx: Ctx, reading: Reading & { readonly shownHash: string }): Promise<void> {
  if ((await lastReading(ctx.store.read, reading)) === reading.shownHash) return
  await writeUnaudited(ctx.store, upsertReading, reading)
}
