import { bigint, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, transactionId, updatedAt } from '../platform/db/columns.ts'

/**
 * The audit chain (I7): one row per sealed row of `activity_log`, written after the commit of that row. Sealing does not
 * change the log, so it costs the writers nothing. The table has no foreign keys, for the same reason as the log, and is
 * append-only by the same triggers.
 */
export const activityChain = pgTable(
  'activity_chain',
  {
    companyId: uuid('company_id').notNull(),
    /** The position in the chain of the company: 1, 2, 3, … without a gap. */
    position: bigint('position', { mode: 'number' }).notNull(),
    txid: transactionId('txid').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /** SHA-256 over the previous hash, the position and the row. */
    hash: bytes('hash').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.companyId, table.position] }),
    // The last entry is the watermark: every row up to it, in commit order, is sealed.
    uniqueIndex('activity_chain_order').on(table.txid, table.seq),
  ],
)

/**
 * The copy, in the database, of the last line of each home's file of heads: a file that was deleted or cut contradicts it.
 * One row per key of a home. The application may not delete a row, and a trigger keeps the number from going back.
 */
export const auditWitnesses = pgTable('audit_witnesses', {
  keyId: text('key_id').primaryKey(),
  /** A hash over host and folder of the home. */
  place: text('place').notNull(),
  line: bigint('line', { mode: 'number' }).notNull(),
  signature: text('signature').notNull(),
  /** The cluster that the copy was written in, by Postgres's identifier of it; null where it is unknown. */
  cluster: text('cluster'),
  updatedAt: updatedAt(),
})
