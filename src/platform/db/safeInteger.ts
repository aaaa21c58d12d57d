import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'

const MOST = sql.raw(String(Number.MAX_SAFE_INTEGER))

/**
 * A sum as a whole number that JSON hands on exactly, in SQL. A larger one is shown as the largest: what callers report has limits for each row, and none for
 * the number of rows.
 * @param sum a numeric or integer SQL expression; of `bigint` columns a sum is numeric, so nothing overflows before
 */
export const safeIntegerSql = (sum: SQL): SQL => sql`least(greatest(${sum}, -${MOST}), ${MOST})::bigint`
