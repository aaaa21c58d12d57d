import { jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { updatedAt } from '../platform/db/columns.ts'

/** Settings of the whole instance, one row per group. */
export const instanceSettings = pgTable('instance_settings', {
  name: text('name', { enum: ['general', 'experimental'] }).primaryKey(),
  settings: jsonb('settings').$type<Record<string, unknown>>().notNull(),
  updatedAt: updatedAt(),
})
