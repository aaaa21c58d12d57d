import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { bytes, createdAt, instantColumn, primaryId, transactionId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { webhookFaults, webhookStatus, webhookStops } from './webhookStatus.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/**
 * A URL to which the events of a company are sent, in their order. The outbox is the event log itself: `cursor` is the position up to which everything was
 * delivered, and what follows it in the log is what is still to be sent.
 */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    id: primaryId(),
    companyId: companyId(),
    url: text('url').notNull(),
    description: text('description'),
    /** Patterns of the names of events: `issue.created`, `issue.*`, `*`. */
    events: jsonb('events').$type<readonly string[]>().notNull(),
    status: text('status', { enum: webhookStatus.statuses }).notNull().default('active'),
    /** When and why it was parked or disabled; null while it is active. */
    stoppedAt: instantColumn('stopped_at'),
    stoppedReason: text('stopped_reason', { enum: webhookStops }),
    /** The cursor, as a position of the event log: everything up to here was delivered, or does not match. */
    cursorTxid: transactionId('cursor_txid').notNull(),
    cursorSource: smallint('cursor_source').notNull(),
    cursorNumber: bigint('cursor_number', { mode: 'number' }).notNull(),
    /** Failed attempts in a row at the event behind the cursor, and the time of the first of them. */
    consecutiveFailures: integer('consecutive_failures').notNull().default(0),
    failingSince: instantColumn('failing_since'),
    /** No server tries before. */
    nextAttemptAt: instantColumn('next_attempt_at')
      .notNull()
      .default(sql`now()`),
    lastError: text('last_error'),
    lastSuccessAt: instantColumn('last_success_at'),
    /** The secret that signs, sealed by the vault for this version. The one before it signs as well until `previous_secret_until`. */
    secretVersion: integer('secret_version').notNull().default(1),
    secretKeyId: uuid('secret_key_id').notNull(),
    secretSealed: bytes('secret_sealed').notNull(),
    previousSecretKeyId: uuid('previous_secret_key_id'),
    previousSecretSealed: bytes('previous_secret_sealed'),
    previousSecretUntil: instantColumn('previous_secret_until'),
    /** The fence of the lease: every claim and every act of the board raises it, and a server writes only under the epoch that it claimed. */
    leaseEpoch: bigint('lease_epoch', { mode: 'number' }).notNull().default(0),
    /** One server serves the endpoint until then. */
    leasedUntil: instantColumn('leased_until')
      .notNull()
      .default(sql`now()`),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('webhook_endpoints_company').on(table.companyId, table.createdAt, table.id),
    // Every server asks once a second which endpoints no server serves.
    index('webhook_endpoints_due')
      .on(table.leasedUntil)
      .where(sql`status = 'active'`),
    check('webhook_endpoints_status_check', sql.raw(`status in (${list(webhookStatus.statuses)})`)),
    check('webhook_endpoints_reason_check', sql.raw(`stopped_reason in (${list(webhookStops)})`)),
    check(
      'webhook_endpoints_stopped_check',
      sql`(status = 'active') = (stopped_at is null) and (status = 'active') = (stopped_reason is null)`,
    ),
    check(
      'webhook_endpoints_previous_check',
      sql`(previous_secret_until is null) = (previous_secret_sealed is null) and (previous_secret_until is null) = (previous_secret_key_id is null)`,
    ),
  ],
)

/** One attempt to deliver an event, or a test message. The newest of each endpoint are kept. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: uuid('company_id').notNull(),
    webhookId: uuid('webhook_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    /** `webhook-id` of the message: the same for every attempt at an event. */
    messageId: text('message_id').notNull(),
    /** The name of the event. */
    event: text('event').notNull(),
    /** The position of the event, as clients keep it; null for a test message. */
    cursor: text('cursor'),
    attempt: integer('attempt').notNull(),
    /** The status of the answer; null when none came. */
    status: integer('status'),
    errorCode: text('error_code'),
    error: text('error'),
    durationMs: integer('duration_ms').notNull(),
    /** The beginning of the answer, redacted. */
    answer: text('answer'),
    createdAt: createdAt(),
  },
  (table) => [
    index('webhook_deliveries_endpoint').on(table.webhookId, table.id),
    // Retention deletes by age.
    index('webhook_deliveries_age').on(table.createdAt),
  ],
)

/**
 * Up to where events of runs of a company were deleted, as a position of the event log. Audit rows are never deleted. Retention raises it in the statement that
 * deletes, so a reader that reads and then looks here knows whether it has missed something.
 */
export const runEventFloors = pgTable('run_event_floors', {
  companyId: companyId().primaryKey(),
  txid: transactionId('txid').notNull(),
  number: bigint('number', { mode: 'number' }).notNull(),
})

/** Whether an endpoint needs a person: it was parked, or its receiver is gone. @param alias of the table `webhook_endpoints` */
export const needsAttentionSql = (alias: string): SQL => sql`${sql.raw(`${alias}.stopped_reason in (${list(webhookFaults)})`)}`
