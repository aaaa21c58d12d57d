import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { continuationPolicies, interactionKinds, interactionStatus } from './interactionStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { issueId } from './issues.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** A text of an issue, identified by a key. Its body is that of the latest revision. */
export const documents = pgTable(
  'issue_documents',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    key: text('key').notNull(),
    title: text('title'),
    format: text('format', { enum: ['markdown'] })
      .notNull()
      .default('markdown'),
    body: text('body').notNull(),
    latestRevisionId: uuid('latest_revision_id').notNull(),
    latestRevisionNumber: integer('latest_revision_number').notNull(),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    updatedByAgentId: uuid('updated_by_agent_id'),
    updatedByUserId: text('updated_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('issue_documents_key').on(table.issueId, table.key)],
)

export const documentRevisions = pgTable(
  'issue_document_revisions',
  {
    id: primaryId(),
    companyId: companyId(),
    documentId: uuid('document_id')
      .notNull()
      .references(() => documents.id, { onDelete: 'cascade' }),
    issueId: uuid('issue_id').notNull(),
    key: text('key').notNull(),
    revisionNumber: integer('revision_number').notNull(),
    title: text('title'),
    format: text('format', { enum: ['markdown'] })
      .notNull()
      .default('markdown'),
    body: text('body').notNull(),
    changeSummary: text('change_summary'),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    createdByRunId: uuid('created_by_run_id'),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('issue_document_revisions_key').on(table.documentId, table.revisionNumber)],
)

/** A question of an agent in the thread of an issue, and the board's answer. */
export const interactions = pgTable(
  'issue_thread_interactions',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    kind: text('kind', { enum: interactionKinds }).notNull(),
    status: text('status', { enum: interactionStatus.statuses }).notNull().default('pending'),
    continuationPolicy: text('continuation_policy', { enum: continuationPolicies }).notNull(),
    idempotencyKey: text('idempotency_key'),
    sourceCommentId: uuid('source_comment_id'),
    sourceRunId: uuid('source_run_id'),
    title: text('title'),
    summary: text('summary'),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    resolvedByAgentId: uuid('resolved_by_agent_id'),
    resolvedByUserId: text('resolved_by_user_id'),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    result: jsonb('result').$type<Record<string, unknown>>(),
    resolvedAt: instantColumn('resolved_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('issue_thread_interactions_issue').on(table.issueId, table.createdAt, table.id),
    uniqueIndex('issue_thread_interactions_key')
      .on(table.issueId, table.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    check('issue_thread_interactions_status_check', sql.raw(`status in (${list(interactionStatus.statuses)})`)),
  ],
)
