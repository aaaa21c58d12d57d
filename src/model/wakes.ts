import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { wakeStatus } from './wakeStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'
import { issues } from './issues.ts'

/** For statements that mean to find wakes by the index of those that wait, and for no others (`isUnended` says why). */
export const isDeferred = (alias: string): SQL => sql.raw(`coalesce(${alias}.status = 'deferred_issue_execution', false)`)

/** The same for those that are not finished. */
export const isOpen = (alias: string): SQL =>
  sql.raw(`coalesce(${alias}.status in ('deferred_issue_execution', 'queued', 'claimed'), false)`)

/** Reasons to run an agent, keyed by agent and issue, so that no way of clearing a lock can strand one. */
export const wakes = pgTable(
  'wakes',
  {
    id: primaryId(),
    companyId: companyId(),
    agentId: uuid('agent_id')
      .notNull()
      .references(() => agents.id, { onDelete: 'cascade' }),
    issueId: uuid('issue_id').references(() => issues.id, { onDelete: 'cascade' }),
    source: text('source', { enum: ['timer', 'assignment', 'on_demand', 'automation'] }).notNull(),
    triggerDetail: text('trigger_detail'),
    reason: text('reason').notNull(),
    payload: jsonb('payload').$type<Record<string, unknown>>(),
    status: text('status', { enum: wakeStatus.statuses }).notNull(),
    coalescedCount: integer('coalesced_count').notNull().default(0),
    /** Runs of it that came to nothing and not by their own doing: lost with their server, or without the session to go on with. */
    losses: integer('losses').notNull().default(0),
    requestedByActorType: text('requested_by_actor_type', { enum: ['agent', 'user', 'system'] }).notNull(),
    requestedByActorId: text('requested_by_actor_id').notNull(),
    runId: uuid('run_id'),
    closeReason: text('close_reason'),
    claimedAt: instantColumn('claimed_at'),
    finishedAt: instantColumn('finished_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    // Promotion reads the oldest waiting wake of an issue.
    index('wakes_waiting')
      .on(table.issueId, table.createdAt, table.id)
      .where(sql`coalesce(status = 'deferred_issue_execution', false)`),
    index('wakes_open')
      .on(table.agentId, table.issueId)
      .where(sql`coalesce(status in ('deferred_issue_execution', 'queued', 'claimed'), false)`),
    // How often an agent was woken for an issue lately, and what goes with an issue that is deleted.
    index('wakes_issue')
      .on(table.issueId, table.agentId, table.createdAt)
      .where(sql`issue_id is not null`),
    // Old ones go by age.
    index('wakes_finished')
      .on(table.finishedAt)
      .where(sql`finished_at is not null`),
    index('wakes_run')
      .on(table.runId)
      .where(sql`run_id is not null`),
    check('wakes_status_check', sql.raw(`status in (${wakeStatus.statuses.map((s) => `'${s}'`).join(', ')})`)),
  ],
)

/** Wakes that an agent's configuration turned down: counted by reason, not kept. */
export const wakeSkips = pgTable(
  'wake_skips',
  {
    agentId: uuid('agent_id')
      .notNull()
      .references(() => agents.id, { onDelete: 'cascade' }),
    reason: text('reason').notNull(),
    count: bigint('count', { mode: 'number' }).notNull(),
    lastAt: instantColumn('last_at')
      .notNull()
      .default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.reason] })],
)
