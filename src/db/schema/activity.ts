import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytes, createdAt, transactionId } from '../columns.ts'

/**
 * The audit log and the outbox: one row per thing that happened, written in the transaction that did it. No foreign
 * keys: deleting an agent, an issue or a company keeps its rows.
 */
export const activityLog = pgTable(
  'activity_log',
  {
    seq: bigint('seq', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    id: uuid('id').notNull().defaultRandom(),
    companyId: uuid('company_id').notNull(),
    actorType: text('actor_type', { enum: ['agent', 'user', 'system'] }).notNull(),
    actorId: text('actor_id').notNull(),
    action: text('action').notNull(),
    entityType: text('entity_type').notNull(),
    entityId: text('entity_id').notNull(),
    agentId: uuid('agent_id'),
    runId: uuid('run_id'),
    details: jsonb('details').$type<Record<string, unknown>>(),
    requestId: text('request_id'),
    txid: transactionId('txid')
      .notNull()
      .default(sql`pg_current_xact_id()`),
    createdAt: createdAt(),
  },
  (table) => [
    index('activity_log_company').on(table.companyId, table.seq.desc().nullsFirst()),
    index('activity_log_entity').on(table.entityId, table.seq.desc().nullsFirst()),
  ],
)

/** Answers kept for 24 h, so that a repeated request has one effect (I9). The answer is sealed: it may hold a token. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    actor: text('actor').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    status: integer('status').notNull(),
    answer: bytes('answer').notNull(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.actor, table.route, table.key] }), index('idempotency_keys_age').on(table.createdAt)],
)
