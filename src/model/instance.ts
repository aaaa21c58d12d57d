import { jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instantColumn, updatedAt } from '../platform/db/columns.ts'

/** Settings of the whole instance, one row per group. */
export const instanceSettings = pgTable('instance_settings', {
  name: text('name', { enum: ['general', 'experimental'] }).primaryKey(),
  settings: jsonb('settings').$type<Record<string, unknown>>().notNull(),
  updatedAt: updatedAt(),
})

/**
 * Which secret each living server signs with, as a fingerprint that says nothing about it. A row that is not renewed in
 * time counts as gone. Two servers with different secrets would refuse each other's runs.
 */
export const serverSecrets = pgTable('server_secrets', {
  serverId: uuid('server_id').primaryKey(),
  fingerprint: text('fingerprint').notNull(),
  leaseExpiresAt: instantColumn('lease_expires_at').notNull(),
})
