import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { wakeStatus } from './wakeStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'
import { issues } from './issues.ts'

/** Whether a wake waits, in SQL. Only a statement that is to use the index of waiting wakes has this condition (see `isUnended`). */
export const isDeferred = (alias: string): SQL => sql.raw(`coalesce(${alias}.status = 'deferred_issue_execution', false)`)

/** Whether a wake has not ended, in SQL. Only a statement that is to use the index of these wakes has this condition. */
export const isOpen = (alias: string): SQL =>
  sql.raw(`coalesce(${alias}.status in ('deferred_issue_execution', 'queued', 'claimed'), false)`)

/** Reasons to run an agent, found by agent and issue, so that a wake is promoted however a hold ends. */
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
    /** The number of runs of this wake that failed through no fault of their own: lost with their server, or without the session to continue. */
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
    // Counts the recent wakes of an agent for an issue, and serves the deletion of an issue.
    index('wakes_issue')
      .on(table.issueId, table.agentId, table.createdAt)
      .where(sql`issue_id is not null`),
    // Counts the wakes that the agents of a company caused within an hour.
    index('wakes_requested')
      .on(table.companyId, table.createdAt, table.requestedByActorId)
      .where(sql`requested_by_actor_type = 'agent'`),
    // Serves the deletion of an agent: without it each would read the wakes of all companies.
    index('wakes_agent').on(table.agentId),
    // Old wakes are deleted by age.
    index('wakes_finished')
      .on(table.finishedAt)
      .where(sql`finished_at is not null`),
    index('wakes_run')
      .on(table.runId)
      .where(sql`run_id is not null`),
    check('wakes_status_check', sql.raw(`status in (${wakeStatus.statuses.map((s) => `'${s}'`).join(', ')})`)),
  ],
)

/** Wakes that an agent's configuration refused. They are counted by reason and not kept. */
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
