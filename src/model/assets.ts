import { check, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { bytes, createdAt, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { comments, issueId } from './issues.ts'

/** A file that hangs on an issue. What it consists of is its asset, which goes when it goes. */
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

/** What is known of a file that was sent. Everything but its name was found out by this server. */
export const assets = pgTable(
  'assets',
  {
    id: primaryId(),
    companyId: companyId(),
    /** The attachment whose file it is; null for an image of the company's own. */
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

/** The bytes of an asset, apart from what is known of it, so that no list ever reads them. */
export const assetContents = pgTable('asset_contents', {
  assetId: uuid('asset_id')
    .primaryKey()
    .references(() => assets.id, { onDelete: 'cascade' }),
  content: bytes('content').notNull(),
})
