import { pgTable, text, uuid } from 'drizzle-orm/pg-core'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { createdAt, instantColumn } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'

/**
 * Companies and agents whose deletion has begun and is not complete: their rows are deleted in several transactions. A row of
 * this table is deleted with what it is about.
 */
export const deletions = pgTable('deletions', {
  /** The id of the company or of the agent. */
  id: uuid('id').primaryKey(),
  companyId: companyId(),
  kind: text('kind', { enum: ['company', 'agent'] }).notNull(),
  /** The time of the last transaction that deleted some of the rows. */
  touchedAt: instantColumn('touched_at')
    .notNull()
    .default(sql`now()`),
  createdAt: createdAt(),
})

/** SQL: whether the deletion of a company has begun. From then on the API does not know the company. @param id with its table */
export const isCompanyDeleted = (id: SQL | PgColumn): SQL => sql`exists (select 1 from ${deletions} gone where gone.id = ${id})`
