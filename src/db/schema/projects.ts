import { index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId, updatedAt } from '../columns.ts'
import { agents } from './agents.ts'
import { companies } from './companies.ts'

export const goals = pgTable(
  'goals',
  {
    id: primaryId(),
    companyId: uuid('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    title: text('title').notNull(),
    description: text('description'),
    level: text('level', { enum: ['company', 'team', 'agent', 'task'] })
      .notNull()
      .default('task'),
    status: text('status', { enum: ['planned', 'active', 'achieved', 'cancelled'] })
      .notNull()
      .default('planned'),
    parentId: uuid('parent_id'),
    ownerAgentId: uuid('owner_agent_id').references(() => agents.id, { onDelete: 'set null' }),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('goals_company').on(table.companyId, table.createdAt)],
)

export const projects = pgTable(
  'projects',
  {
    id: primaryId(),
    companyId: uuid('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    goalId: uuid('goal_id').references(() => goals.id, { onDelete: 'set null' }),
    name: text('name').notNull(),
    urlKey: text('url_key').notNull(),
    description: text('description'),
    status: text('status', { enum: ['backlog', 'planned', 'in_progress', 'completed', 'cancelled'] })
      .notNull()
      .default('backlog'),
    leadAgentId: uuid('lead_agent_id').references(() => agents.id, { onDelete: 'set null' }),
    targetDate: text('target_date'),
    color: text('color'),
    pauseReason: text('pause_reason'),
    pausedAt: instantColumn('paused_at'),
    executionWorkspacePolicy: jsonb('execution_workspace_policy').$type<Record<string, unknown>>(),
    archivedAt: instantColumn('archived_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('projects_company').on(table.companyId, table.createdAt)],
)
