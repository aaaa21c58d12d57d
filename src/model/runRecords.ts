import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, transactionId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'
import { runs } from './runs.ts'

/** Events of a run and of its adapter. The output of the run is in the log. */
export const runEvents = pgTable(
  'heartbeat_run_events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: companyId(),
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    agentId: uuid('agent_id').notNull(),
    seq: integer('seq').notNull(),
    eventType: text('event_type').notNull(),
    stream: text('stream', { enum: ['system', 'stdout', 'stderr'] }),
    level: text('level', { enum: ['info', 'warn', 'error'] }),
    color: text('color'),
    message: text('message'),
    payload: jsonb('payload').$type<Record<string, unknown>>(),
    txid: transactionId('txid')
      .notNull()
      .default(sql`take_event_ticket()`),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('heartbeat_run_events_key').on(table.runId, table.seq),
    index('heartbeat_run_events_company').on(table.companyId, table.id),
    // The commit order, as far as it is defined, as in the audit log. The event feed reads both in this order.
    index('heartbeat_run_events_order').on(table.txid, table.id),
  ],
)

/** The log of a run in chunks of NDJSON lines, addressed by the offset of their first byte. */
export const runLogChunks = pgTable(
  'heartbeat_run_log_chunks',
  {
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    startOffset: bigint('start_offset', { mode: 'number' }).notNull(),
    byteSize: integer('byte_size').notNull(),
    content: text('content').notNull(),
    createdAt: createdAt(),
  },
  // Old logs are deleted by age.
  (table) => [primaryKey({ columns: [table.runId, table.startOffset] }), index('heartbeat_run_log_chunks_age').on(table.createdAt)],
)

/** The session that an adapter continues, by agent and task. */
export const taskSessions = pgTable(
  'agent_task_sessions',
  {
    agentId: uuid('agent_id')
      .notNull()
      .references(() => agents.id, { onDelete: 'cascade' }),
    taskKey: text('task_key').notNull(),
    companyId: companyId(),
    adapterType: text('adapter_type').notNull(),
    sessionId: text('session_id').notNull(),
    lastRunId: uuid('last_run_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.taskKey] })],
)

/** Server processes on this database: the supervisors of runs, and the times at which they were last alive. */
export const servers = pgTable('servers', {
  id: uuid('id').primaryKey(),
  hostKey: text('host_key').notNull(),
  pid: integer('pid').notNull(),
  startedAt: instantColumn('started_at')
    .notNull()
    .default(sql`now()`),
  lastSeenAt: instantColumn('last_seen_at')
    .notNull()
    .default(sql`now()`),
})
