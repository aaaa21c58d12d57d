import { index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId } from '../platform/db/columns.ts'

/** Keys with which the command line of a person acts. The person may be the local board, which has no account. */
export const boardKeys = pgTable(
  'board_keys',
  {
    id: primaryId(),
    userId: text('user_id').notNull(),
    name: text('name').notNull(),
    keyHash: text('key_hash').notNull(),
    expiresAt: instantColumn('expires_at').notNull(),
    revokedAt: instantColumn('revoked_at'),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('board_keys_hash_key').on(table.keyHash), index('board_keys_user').on(table.userId)],
)

/** Logins of a command line that wait for a person, who approves them in a browser. */
export const cliChallenges = pgTable(
  'cli_challenges',
  {
    id: primaryId(),
    secretHash: text('secret_hash').notNull(),
    /** Of the key that the command line has already and that does nothing before the approval. */
    pendingKeyHash: text('pending_key_hash').notNull(),
    command: text('command').notNull(),
    clientName: text('client_name'),
    requestedAccess: text('requested_access', { enum: ['board', 'instance_admin_required'] }).notNull(),
    requestedCompanyId: uuid('requested_company_id'),
    approvedByUserId: text('approved_by_user_id'),
    keyId: uuid('key_id').references(() => boardKeys.id, { onDelete: 'set null' }),
    approvedAt: instantColumn('approved_at'),
    cancelledAt: instantColumn('cancelled_at'),
    expiresAt: instantColumn('expires_at').notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('cli_challenges_end').on(table.expiresAt), index('cli_challenges_key').on(table.keyId)],
)
