import { sql } from 'drizzle-orm'
import { check, index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { approvalStatus, approvalTypes } from './approvalStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'
import { issueId } from './issues.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** Requests for a decision of the board, and the decisions. The requester has no foreign key, because the decision remains when the requester is deleted. */
export const approvals = pgTable(
  'approvals',
  {
    id: primaryId(),
    companyId: companyId(),
    type: text('type', { enum: approvalTypes }).notNull(),
    requestedByAgentId: uuid('requested_by_agent_id'),
    requestedByUserId: text('requested_by_user_id'),
    status: text('status', { enum: approvalStatus.statuses }).notNull().default('pending'),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    decisionNote: text('decision_note'),
    decidedByUserId: text('decided_by_user_id'),
    decidedAt: instantColumn('decided_at'),
    /** The configuration that an approval leads to, as it was computed last: by the request, a resubmission or the decision. */
    result: jsonb('result').$type<Record<string, unknown>>(),
    /** The hash of payload and result as they were requested, and after the decision as they were decided about. Null in rows of before. */
    shownHash: text('shown_hash'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('approvals_company').on(table.companyId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    check('approvals_status_check', sql.raw(`status in (${list(approvalStatus.statuses)})`)),
  ],
)

/** The version of an open approval that a person has read last. A decision without a version is about this one (I20). */
export const approvalReadings = pgTable(
  'approval_readings',
  {
    approvalId: uuid('approval_id')
      .notNull()
      .references(() => approvals.id, { onDelete: 'cascade' }),
    userId: text('user_id').notNull(),
    shownHash: text('shown_hash').notNull(),
    readAt: instantColumn('read_at')
      .notNull()
      .default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.approvalId, table.userId] })],
)

export const approvalComments = pgTable(
  'approval_comments',
  {
    id: primaryId(),
    companyId: companyId(),
    approvalId: uuid('approval_id')
      .notNull()
      .references(() => approvals.id, { onDelete: 'cascade' }),
    authorAgentId: uuid('author_agent_id'),
    authorUserId: text('author_user_id'),
    body: text('body').notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('approval_comments_approval').on(table.approvalId, table.createdAt, table.id)],
)

export const issueApprovals = pgTable(
  'issue_approvals',
  {
    issueId: issueId(),
    approvalId: uuid('approval_id')
      .notNull()
      .references(() => approvals.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.issueId, table.approvalId] }), index('issue_approvals_approval').on(table.approvalId)],
)

/** A change of an agent's configuration: before and after, unredacted. Answers redact it. */
export const configRevisions = pgTable(
  'agent_config_revisions',
  {
    id: primaryId(),
    companyId: companyId(),
    agentId: uuid('agent_id')
      .notNull()
      .references(() => agents.id, { onDelete: 'cascade' }),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    source: text('source').notNull(),
    rolledBackFromRevisionId: uuid('rolled_back_from_revision_id'),
    changedKeys: jsonb('changed_keys').$type<string[]>().notNull(),
    beforeConfig: jsonb('before_config').$type<Record<string, unknown>>().notNull(),
    afterConfig: jsonb('after_config').$type<Record<string, unknown>>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('agent_config_revisions_agent').on(table.agentId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst())],
)
