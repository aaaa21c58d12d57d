import { bigint, pgTable, primaryKey, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, transactionId } from '../platform/db/columns.ts'

/**
 * The chain over the audit log (I7): one row per sealed row of `activity_log`, made after its commit. The log itself is
 * never touched again, so sealing costs the writers nothing. No foreign keys, for the reason the log has none; append-only
 * by the same triggers.
 */
export const activityChain = pgTable(
  'activity_chain',
  {
    companyId: uuid('company_id').notNull(),
    /** 1, 2, 3, … within the company, without a gap. */
    position: bigint('position', { mode: 'number' }).notNull(),
    txid: transactionId('txid').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /** SHA-256 over the previous hash, the position and the row. */
    hash: bytes('hash').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.companyId, table.position] }),
    // Its last entry is the watermark: everything up to it, in commit order, is sealed.
    uniqueIndex('activity_chain_order').on(table.txid, table.seq),
  ],
)
