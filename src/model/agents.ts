import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import { agentRoles, agentStatus } from './agentStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import type { KeyScope } from '../platform/kernel/actor.ts'
import { companyId } from './companies.ts'

/** Whether an agent may still run without isolation. */
const agentIsolations = ['pending', 'required'] as const
export type AgentIsolation = (typeof agentIsolations)[number]

export const agents = pgTable(
  'agents',
  {
    id: primaryId(),
    companyId: companyId(),
    name: text('name').notNull(),
    urlKey: text('url_key').notNull(),
    role: text('role', { enum: agentRoles }).notNull().default('general'),
    title: text('title'),
    icon: text('icon'),
    status: text('status', { enum: agentStatus.statuses }).notNull().default('idle'),
    reportsTo: uuid('reports_to').references((): AnyPgColumn => agents.id, { onDelete: 'set null' }),
    capabilities: text('capabilities'),
    adapterType: text('adapter_type').notNull().default('process'),
    adapterConfig: jsonb('adapter_config').$type<Record<string, unknown>>().notNull().default({}),
    runtimeConfig: jsonb('runtime_config').$type<Record<string, unknown>>().notNull().default({}),
    budgetMonthlyCents: integer('budget_monthly_cents').notNull().default(0),
    pauseReason: text('pause_reason'),
    pausedAt: instantColumn('paused_at'),
    permissions: jsonb('permissions').$type<{ canCreateAgents: boolean }>().notNull().default({ canCreateAgents: false }),
    lastHeartbeatAt: instantColumn('last_heartbeat_at'),
    /**
     * `pending`: hired before this server isolated agents, and runs as it did then until isolation has everything that it
     * needs. `required`: runs isolated or not at all where this server isolates. It never becomes `pending` again.
     */
    isolation: text('isolation', { enum: agentIsolations }).notNull().default('required'),
    /** The time of the next wake by the timer; null when the agent has no timer or the timer has not read it yet. */
    nextTimerAt: instantColumn('next_timer_at'),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('agents_company').on(table.companyId, table.createdAt),
    index('agents_url_key').on(table.companyId, table.urlKey),
    index('agents_reports_to').on(table.reportsTo),
    // The tick of the timers reads only agents with a timer, in the order in which they are due.
    index('agents_timer')
      .on(table.nextTimerAt)
      .where(sql`jsonb_typeof(runtime_config #> '{heartbeat,intervalSec}') = 'number'`),
    check('agents_status_check', sql.raw(`status in (${agentStatus.statuses.map((s) => `'${s}'`).join(', ')})`)),
  ],
)

/** Keys of agents. Only the SHA-256 of a token is stored. */
export const agentKeys = pgTable(
  'agent_api_keys',
  {
    id: primaryId(),
    companyId: companyId(),
    agentId: uuid('agent_id')
      .notNull()
      .references(() => agents.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    keyHash: text('key_hash').notNull(),
    revokedAt: instantColumn('revoked_at'),
    /** From then on the key is refused; null for a key without an end. */
    expiresAt: instantColumn('expires_at'),
    /** At most a minute late; null for a key that was not used since this was recorded. */
    lastUsedAt: instantColumn('last_used_at'),
    /** The limits of the key; null for a key that may do what its agent may. */
    scopes: jsonb('scopes').$type<readonly KeyScope[]>(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('agent_api_keys_hash_key').on(table.keyHash), index('agent_api_keys_agent').on(table.agentId)],
)
