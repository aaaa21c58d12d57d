import { sql } from 'drizzle-orm'
import { customType, uuid } from 'drizzle-orm/pg-core'
import { fromPostgres } from '../kernel/time.ts'
import type { Instant } from '../kernel/time.ts'

/** A timestamptz that the code sees as an ISO string with milliseconds, never as a Date. */
export const instantColumn = customType<{ data: Instant; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
  // Raw statements have been through the pool's parser already; Drizzle's own queries have not.
  fromDriver: (text) => (text.endsWith('Z') ? text : fromPostgres(text)),
})

/** The transaction that wrote a row: what a reader's watermark compares with (a bigint outgrows a number). */
export const transactionId = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' })

export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

export const primaryId = () => uuid('id').primaryKey().defaultRandom()

export const createdAt = () =>
  instantColumn('created_at')
    .notNull()
    .default(sql`now()`)
export const updatedAt = () =>
  instantColumn('updated_at')
    .notNull()
    .default(sql`now()`)
