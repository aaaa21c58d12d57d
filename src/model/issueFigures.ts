import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instantColumn } from '../platform/db/columns.ts'

// Kept by triggers, so no writer may forget them. Nothing here references an issue: a change waits for no other.

/**
 * The numbers of visible issues of each company and status, as a sum of rows: a change adds a row, and a task adds rows up. So two
 * changes never wait for each other.
 */
export const issueCounts = pgTable(
  'issue_counts',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: uuid('company_id').notNull(),
    status: text('status').notNull(),
    issues: integer('issues').notNull(),
    isSum: boolean('is_sum').notNull().default(false),
  },
  (table) => [
    index('issue_counts_company').on(table.companyId, table.status),
    index('issue_counts_changes')
      .on(table.id)
      .where(sql`not is_sum`),
  ],
)

/** The issues that a person created, is the assignee of, commented on, or read. */
export const issueTouches = pgTable(
  'issue_touches',
  {
    issueId: uuid('issue_id').notNull(),
    userId: text('user_id').notNull(),
    isCreator: boolean('is_creator').notNull(),
    isAssignee: boolean('is_assignee').notNull(),
    /** When the person last created, commented on, or read it; null for an assignee who did none of it. */
    lastTouchAt: instantColumn('last_touch_at'),
    /** Another author commented after that. */
    isUnread: boolean('is_unread').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.issueId, table.userId] }),
    index('issue_touches_user').on(table.userId, table.issueId),
    index('issue_touches_creator')
      .on(table.userId, table.issueId)
      .where(sql`is_creator`),
    index('issue_touches_assignee')
      .on(table.userId, table.issueId)
      .where(sql`is_assignee`),
    index('issue_touches_unread')
      .on(table.userId, table.issueId)
      .where(sql`is_unread`),
  ],
)

/** The issues that an agent created, is or was the assignee of, commented on, or changed. */
export const issueParticipants = pgTable(
  'issue_participants',
  { issueId: uuid('issue_id').notNull(), agentId: uuid('agent_id').notNull(), isCreator: boolean('is_creator').notNull() },
  (table) => [
    primaryKey({ columns: [table.issueId, table.agentId] }),
    index('issue_participants_agent').on(table.agentId, table.issueId),
    index('issue_participants_creator')
      .on(table.agentId, table.issueId)
      .where(sql`is_creator`),
  ],
)
