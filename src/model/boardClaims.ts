import { index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId } from '../platform/db/columns.ts'

/**
 * Offers to claim the instance while it has no administrator: the person who opens the URL of one becomes the first. The URL has a token in
 * its path and a code in its query, and only their hashes are kept.
 */
export const boardClaims = pgTable(
  'board_claims',
  {
    id: primaryId(),
    tokenHash: text('token_hash').notNull(),
    codeHash: text('code_hash').notNull(),
    expiresAt: instantColumn('expires_at').notNull(),
    claimedByUserId: text('claimed_by_user_id'),
    claimedAt: instantColumn('claimed_at'),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('board_claims_token_key').on(table.tokenHash), index('board_claims_end').on(table.expiresAt)],
)
