import { sql } from 'drizzle-orm'
import { bigint, customType, index, integer, pgTable, primaryKey, uuid } from 'drizzle-orm/pg-core'
import { companyId } from './companies.ts'

const keyArray = customType<{ data: number[] }>({ dataType: () => 'integer[]' })

/**
 * The keys of the words of one text: of the title and description of an issue, of a comment or of a document. It has no foreign
 * key, so that the task that writes it waits for no deletion; the triggers that note changes note deletions too.
 */
export const issueSearch = pgTable(
  'issue_search',
  {
    issueId: uuid('issue_id').notNull(),
    /** The issue itself, the comment or the document. */
    sourceId: uuid('source_id').notNull(),
    keys: keyArray('keys').notNull(),
  },
  (table) => [primaryKey({ columns: [table.issueId, table.sourceId] }), index('issue_search_keys').using('gin', table.keys)],
)

/** Texts that changed since their keys were written. Triggers add a row in the transaction of the change. */
export const issueSearchChanges = pgTable('issue_search_changes', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  issueId: uuid('issue_id').notNull(),
  sourceId: uuid('source_id').notNull(),
})

/** The ranges of issue numbers of a company that have keys. A search goes through them from the newest to the oldest. */
export const issueSearchSegments = pgTable(
  'issue_search_segments',
  { companyId: companyId(), segment: integer('segment').notNull() },
  (table) => [primaryKey({ columns: [table.companyId, table.segment] })],
)

/** Issues in a segment, as a power of two: 4,096. */
const SEGMENT_BITS = 12

/** The segment of the issue with a number. */
export const segmentOf = (issueNumber: unknown) => sql`(${issueNumber} >> ${sql.raw(String(SEGMENT_BITS))})`
