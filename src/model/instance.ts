import { jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instantColumn, updatedAt } from '../platform/db/columns.ts'

/** Settings of the whole instance, one row per group. */
export const instanceSettings = pgTable('instance_settings', {
  name: text('name', { enum: ['general', 'experimental'] }).primaryKey(),
  settings: jsonb('settings').$type<Record<string, unknown>>().notNull(),
  updatedAt: updatedAt(),
})

/**
 * With what each living server signs, as fingerprints that say nothing about a secret. A row that is not renewed in time counts as gone. Two
 * servers with different secrets would refuse each other's runs, or sign each other's people out.
 */
export const serverSecrets = pgTable('server_secrets', {
  serverId: uuid('server_id').primaryKey(),
  /** Of the secret of run tokens, and their issuer and audience. */
  fingerprint: text('fingerprint').notNull(),
  leaseExpiresAt: instantColumn('lease_expires_at').notNull(),
  /** The id of the key that signs run tokens; null where the secret does. */
  runKeyId: text('run_key_id'),
  /** Of the secret of sessions; null where people do not sign in. */
  sessionFingerprint: text('session_fingerprint'),
})
