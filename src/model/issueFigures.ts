import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instantColumn } from '../platform/db/columns.ts'

// Kept by triggers, so no writer may forget them. Nothing here references an issue: a change waits for no other.

/**
 * The numbers of visible issues of each company and status, as a sum of rows. Each session of Postgres changes rows of its own, whose slot is
 * the number of its process, so two changes never wait for each other; a task adds up what sessions have left, into slot 0.
 */
export const issueCounts = pgTable(
  'issue_counts',
  {
    companyId: uuid('company_id').notNull(),
    status: text('status').notNull(),
    slot: integer('slot').notNull(),
    issues: integer('issues').notNull(),
  },
  // Nothing else has an index, so an update stays in its page.
  (table) => [primaryKey({ columns: [table.companyId, table.status, table.slot] })],
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
