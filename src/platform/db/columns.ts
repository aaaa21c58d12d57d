import { sql } from 'drizzle-orm'
import { customType, uuid } from 'drizzle-orm/pg-core'
import { fromPostgres } from '../kernel/time.ts'
import type { Instant } from '../kernel/time.ts'

/** A timestamptz that the code reads as an ISO string with milliseconds and not as a `Date`. */
export const instantColumn = customType<{ data: Instant; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
  // The parser of the pool has converted the values of raw statements. Drizzle's own queries bypass it.
  fromDriver: (text) => (text.endsWith('Z') ? text : fromPostgres(text)),
})

/** The ticket of the transaction that wrote a row: its place in the order of events. Rows of older releases have the id of their transaction, which is lower than every ticket. */
export const transactionId = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' })

export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

export const primaryId = () => uuid('id').primaryKey().defaultRandom()

export const createdAt = () =>
  instantColumn('created_at')
    .notNull()
    .default(sql`now()`)
/**
 * The next `updated_at` of a row whose entity tag is made from it: later than the one before, also in the same millisecond. `now()` is
 * when the transaction began, and of two that began together one waits for the other.
 */
export const nextUpdatedAt = sql`greatest(now(), updated_at + interval '1 millisecond')`

export const updatedAt = () =>
  instantColumn('updated_at')
    .notNull()
    .default(sql`now()`)
