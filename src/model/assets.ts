import { check, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { bytes, createdAt, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { comments, issueId } from './issues.ts'

/** A file that is attached to an issue. Its content is an asset, which is deleted with it. */
export const attachments = pgTable(
  'issue_attachments',
  {
    id: primaryId(),
    companyId: companyId(),
    issueId: issueId(),
    issueCommentId: uuid('issue_comment_id').references(() => comments.id, { onDelete: 'set null' }),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('issue_attachments_issue').on(table.issueId, table.createdAt, table.id),
    index('issue_attachments_comment').on(table.issueCommentId),
    index('issue_attachments_company').on(table.companyId),
  ],
)

/** The facts about an uploaded file. The name comes from the client; this server determined the rest. */
export const assets = pgTable(
  'assets',
  {
    id: primaryId(),
    companyId: companyId(),
    /** The attachment that the file belongs to; null for an image of the company itself. */
    attachmentId: uuid('attachment_id').references(() => attachments.id, { onDelete: 'cascade' }),
    provider: text('provider', { enum: ['local_disk'] })
      .notNull()
      .default('local_disk'),
    objectKey: text('object_key').notNull(),
    contentType: text('content_type').notNull(),
    byteSize: integer('byte_size').notNull(),
    sha256: text('sha256').notNull(),
    originalFilename: text('original_filename'),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('assets_attachment_key').on(table.attachmentId),
    index('assets_company').on(table.companyId),
    check('assets_byte_size_check', sql`byte_size > 0`),
  ],
)

/** The bytes of an asset. They have their own table so that a list of assets does not read them. */
export const assetContents = pgTable('asset_contents', {
  assetId: uuid('asset_id')
    .primaryKey()
    .references(() => assets.id, { onDelete: 'cascade' }),
  content: bytes('content').notNull(),
})
