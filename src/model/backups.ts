import { sql } from 'drizzle-orm'
import { bigint, check, index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId } from '../platform/db/columns.ts'

export const backupStatuses = ['requested', 'running', 'done', 'failed', 'removed'] as const
export const backupReasons = ['schedule', 'request'] as const

/** Backups that servers make into their folders. At most one is open: its row is the lease by which one of many servers makes it. */
export const backups = pgTable(
  'instance_backups',
  {
    id: primaryId(),
    status: text('status', { enum: backupStatuses }).notNull(),
    reason: text('reason', { enum: backupReasons }).notNull(),
    /** The host whose folder has the file, and the name of the file; null until a server makes it. */
    host: text('host'),
    file: text('file'),
    bytes: bigint('bytes', { mode: 'number' }),
    rows: bigint('rows', { mode: 'number' }),
    sha256: text('sha256'),
    error: text('error'),
    /** The time of the snapshot, from its end on. */
    takenAt: instantColumn('taken_at'),
    leasedUntil: instantColumn('leased_until').notNull(),
    finishedAt: instantColumn('finished_at'),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('instance_backups_open')
      .on(sql`(finished_at is null)`)
      .where(sql`finished_at is null`),
    index('instance_backups_order').on(table.createdAt.desc().nullsFirst(), table.id),
    check('instance_backups_status_check', sql.raw(`status in (${backupStatuses.map((status) => `'${status}'`).join(', ')})`)),
  ],
)
