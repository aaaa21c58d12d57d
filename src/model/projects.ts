import { boolean, index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'

export const goals = pgTable(
  'goals',
  {
    id: primaryId(),
    companyId: companyId(),
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
    companyId: companyId(),
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
    /** How its runs get worktrees. Only the board writes it. */
    executionWorkspacePolicy: jsonb('execution_workspace_policy').$type<Record<string, unknown>>(),
    /** Environment bindings of the project's runs, in the tagged form of Paperclip's API. */
    env: jsonb('env').$type<Record<string, unknown>>(),
    archivedAt: instantColumn('archived_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('projects_company').on(table.companyId, table.createdAt)],
)

export const projectGoals = pgTable(
  'project_goals',
  {
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id, { onDelete: 'cascade' }),
    goalId: uuid('goal_id')
      .notNull()
      .references(() => goals.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.goalId] }), index('project_goals_goal').on(table.goalId)],
)

/** The locations of a project's work. They are data only: this server runs, opens and connects to none of them. */
export const projectWorkspaces = pgTable(
  'project_workspaces',
  {
    id: primaryId(),
    companyId: companyId(),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    sourceType: text('source_type', { enum: ['local_path', 'git_repo', 'remote_managed', 'non_git_path'] }).notNull(),
    cwd: text('cwd'),
    repoUrl: text('repo_url'),
    repoRef: text('repo_ref'),
    defaultRef: text('default_ref'),
    visibility: text('visibility', { enum: ['default', 'advanced'] })
      .notNull()
      .default('default'),
    setupCommand: text('setup_command'),
    cleanupCommand: text('cleanup_command'),
    remoteProvider: text('remote_provider'),
    remoteWorkspaceRef: text('remote_workspace_ref'),
    sharedWorkspaceKey: text('shared_workspace_key'),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    runtimeConfig: jsonb('runtime_config').$type<Record<string, unknown>>(),
    isPrimary: boolean('is_primary').notNull().default(false),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('project_workspaces_project').on(table.projectId, table.createdAt)],
)
