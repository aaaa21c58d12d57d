import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'

// The columns of the sums by units of time, for the statements that write them.

export const sumColumns = sql.raw('microcents, input_tokens, cached_input_tokens, output_tokens, event_count, unpriced_count')

export const counters = ['microcents', 'input_tokens', 'cached_input_tokens', 'output_tokens', 'event_count', 'unpriced_count'] as const

export const rollupKey = sql.raw('company_id, grain, bucket, agent_id, project_id, provider, biller, billing_type, model, shard')

/** Assignments that add what was to be inserted to the row that is there. @param alias of that row */
export const added = (alias: string, columns: readonly string[]): SQL =>
  sql.raw(columns.map((column) => `${column} = ${alias}.${column} + excluded.${column}`).join(', '))

/** The same for a row of sums under the alias `cr`. */
export const addedSums = added('cr', [...counters, 'run_count'])
