import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, smallint, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, createdAt, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { runs } from './runs.ts'

/**
 * The one row that says which master key wraps the data keys of this database, with a known value that is sealed with it. A server whose key
 * does not open the value has another key than those before it, and does not start.
 */
export const vaultState = pgTable(
  'vault_state',
  {
    id: smallint('id').primaryKey(),
    masterKeyId: text('master_key_id').notNull(),
    canary: bytes('canary').notNull(),
    updatedAt: updatedAt(),
  },
  () => [check('vault_state_id_check', sql`id = 1`)],
)

/** The keys that seal the values of a company, each wrapped with a master key. */
export const dataKeys = pgTable(
  'company_data_keys',
  {
    id: primaryId(),
    companyId: companyId(),
    version: integer('version').notNull(),
    wrapped: bytes('wrapped').notNull(),
    masterKeyId: text('master_key_id').notNull(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('company_data_keys_key').on(table.companyId, table.version)],
)

/** Where the values of secrets are kept. */
export const secretProviders = ['local_encrypted', 'environment_file'] as const
export type SecretProvider = (typeof secretProviders)[number]

/** The secrets of a company, without their values. */
export const secrets = pgTable(
  'company_secrets',
  {
    id: primaryId(),
    companyId: companyId(),
    name: text('name').notNull(),
    provider: text('provider', { enum: secretProviders }).notNull().default('local_encrypted'),
    /** The name of the value at an external provider. */
    externalRef: text('external_ref'),
    latestVersion: integer('latest_version').notNull().default(1),
    description: text('description'),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    // Environments differ in whether names have cases, and so do people who look for one.
    uniqueIndex('company_secrets_name_key').on(table.companyId, sql`lower(${table.name})`),
    index('company_secrets_company').on(table.companyId, table.createdAt, table.id),
  ],
)

/** The versions of a secret. A version of an external provider has no value here. */
export const secretVersions = pgTable(
  'company_secret_versions',
  {
    secretId: uuid('secret_id')
      .notNull()
      .references(() => secrets.id, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    companyId: companyId(),
    keyId: uuid('key_id').references(() => dataKeys.id),
    sealed: bytes('sealed'),
    externalRef: text('external_ref'),
    createdByUserId: text('created_by_user_id'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.secretId, table.version] }),
    index('company_secret_versions_company').on(table.companyId),
    check(
      'company_secret_versions_value_check',
      sql`(key_id is null) = (sealed is null) and (sealed is null) = (external_ref is not null)`,
    ),
  ],
)

/** Which secrets a run was given when it started: what it writes is searched for their values. The audit log has each as a row, too. */
export const runSecrets = pgTable(
  'run_secrets',
  {
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    secretId: uuid('secret_id').notNull(),
    version: integer('version').notNull(),
    companyId: companyId(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.secretId, table.version] }), index('run_secrets_secret').on(table.secretId)],
)
