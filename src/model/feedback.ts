import { boolean, check, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { feedbackTargets, feedbackVotes, traceStatuses } from './feedbackStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { issueId } from './issues.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** The vote of a board user on a comment or on a revision of a document: one vote per person and target. */
export const votes = pgTable(
  'feedback_votes',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    targetType: text('target_type', { enum: feedbackTargets }).notNull(),
    // No foreign key: when a document is deleted, the votes on it remain with the issue.
    targetId: uuid('target_id').notNull(),
    authorUserId: text('author_user_id').notNull(),
    vote: text('vote', { enum: feedbackVotes }).notNull(),
    reason: text('reason'),
    isShared: boolean('is_shared').notNull(),
    sharedAt: instantColumn('shared_at'),
    consentVersion: text('consent_version'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('feedback_votes_key').on(table.targetId, table.targetType, table.authorUserId),
    index('feedback_votes_issue').on(table.issueId, table.authorUserId, table.createdAt, table.id),
    check('feedback_votes_target_check', sql.raw(`target_type in (${list(feedbackTargets)})`)),
    check('feedback_votes_vote_check', sql.raw(`vote in (${list(feedbackVotes)})`)),
  ],
)

/** The target of a vote, with the text that it had when the vote was last given. */
export const traces = pgTable(
  'feedback_traces',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    feedbackVoteId: uuid('feedback_vote_id')
      .notNull()
      .references(() => votes.id, { onDelete: 'cascade' }),
    status: text('status', { enum: traceStatuses }).notNull(),
    targetSummary: jsonb('target_summary').$type<Record<string, unknown>>().notNull(),
    payloadSnapshot: jsonb('payload_snapshot').$type<Record<string, unknown>>().notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('feedback_traces_vote').on(table.feedbackVoteId),
    index('feedback_traces_company').on(table.companyId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    index('feedback_traces_issue').on(table.issueId, table.createdAt.desc().nullsFirst(), table.id.desc().nullsFirst()),
    check('feedback_traces_status_check', sql.raw(`status in (${list(traceStatuses)})`)),
  ],
)
