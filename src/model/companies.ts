import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { companyStatus } from './companyStatus.ts'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'

export const companies = pgTable(
  'companies',
  {
    id: primaryId(),
    name: text('name').notNull(),
    description: text('description'),
    status: text('status', { enum: companyStatus.statuses }).notNull().default('active'),
    issuePrefix: text('issue_prefix').notNull(),
    budgetMonthlyCents: integer('budget_monthly_cents').notNull().default(0),
    requireBoardApprovalForNewAgents: boolean('require_board_approval_for_new_agents').notNull().default(true),
    feedbackDataSharingEnabled: boolean('feedback_data_sharing_enabled').notNull().default(false),
    feedbackDataSharingConsentAt: instantColumn('feedback_data_sharing_consent_at'),
    feedbackDataSharingConsentByUserId: text('feedback_data_sharing_consent_by_user_id'),
    feedbackDataSharingTermsVersion: text('feedback_data_sharing_terms_version'),
    brandColor: text('brand_color'),
    logoAssetId: uuid('logo_asset_id'),
    pauseReason: text('pause_reason'),
    pausedAt: instantColumn('paused_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('companies_issue_prefix_key').on(table.issuePrefix),
    check('companies_status_check', sql.raw(`status in (${companyStatus.statuses.map((s) => `'${s}'`).join(', ')})`)),
  ],
)

/** The column of the company that a row belongs to. The row is deleted with the company. */
export const companyId = () =>
  uuid('company_id')
    .notNull()
    .references(() => companies.id, { onDelete: 'cascade' })

/**
 * The last issue number that was drawn in each company; without a row none was. It is a table of its own, so that drawing a number waits for
 * no transaction that holds the company's row.
 */
export const issueCounters = pgTable('issue_counters', {
  companyId: companyId().primaryKey(),
  lastNumber: integer('last_number').notNull(),
})

/** Members of a company: people and agents. */
export const memberships = pgTable(
  'company_memberships',
  {
    id: primaryId(),
    companyId: companyId(),
    principalType: text('principal_type', { enum: ['user', 'agent'] }).notNull(),
    principalId: text('principal_id').notNull(),
    status: text('status', { enum: ['pending', 'active', 'suspended'] })
      .notNull()
      .default('active'),
    membershipRole: text('membership_role'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('company_memberships_principal_key').on(table.companyId, table.principalType, table.principalId),
    // Read with every look-up of a session.
    index('company_memberships_person')
      .on(table.principalId)
      .where(sql`principal_type = 'user'`),
  ],
)

/** Permissions that a member has in addition to its role. */
export const grants = pgTable(
  'principal_permission_grants',
  {
    id: primaryId(),
    companyId: companyId(),
    principalType: text('principal_type', { enum: ['user', 'agent'] }).notNull(),
    principalId: text('principal_id').notNull(),
    permissionKey: text('permission_key').notNull(),
    scope: jsonb('scope').$type<Record<string, unknown>>(),
    grantedByUserId: text('granted_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('principal_permission_grants_key').on(table.companyId, table.principalType, table.principalId, table.permissionKey),
    index('principal_permission_grants_principal').on(table.principalId),
  ],
)
