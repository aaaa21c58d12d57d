import { sql } from 'drizzle-orm'
import { statement } from '../../platform/db/statement.ts'
import { activityLog } from '../../platform/db/tables.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'

/**
 * The id of the timeline that a database is in, in SQL: the audit row of the newest restore, or the first row of all where there was none. Each restore
 * begins another, so two databases that were restored from one backup are distinguished although their first rows are the same.
 */
export const timelineOf = sql`coalesce(
  (select id from ${activityLog} where company_id = ${sql.raw(`'${NO_COMPANY}'`)} and entity_type = 'instance' and action = 'instance.restored'
    order by seq desc nulls first limit 1),
  (select id from ${activityLog} order by seq limit 1))`

const readTimeline = statement<object, { timeline: string | null }>('backup_timeline').read(sql`select ${timelineOf} as timeline`)

/** The timeline of a loaded backup, before a restore begins the next; null for an instance without rows. */
export async function timelineOfBackup(db: Pick<ReadDb, 'run'>): Promise<string | null> {
  const [row] = await db.run(readTimeline, {})
  return row?.timeline ?? null
}
