import { sql } from 'drizzle-orm'
import { issueCounts } from '../../model/issueFigures.ts'
import { statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'

/** How often the numbers that ended sessions of Postgres have left are added up. A reader adds up all rows of its company. */
export const COUNT_INTERVAL_MS = 60_000
/** Rows that one statement adds up. */
const BATCH_SIZE = 5000

// A row that another server adds up at the same time, or that a new session with the number of an old one changes, is left to it. A row of
// slot 0 is the sum so far; it is added up with the others, so a sum of none leaves no row.
const addUp = statement<object, { rows: number }>('issue_counts_add_up').unaudited(sql`
  with left_rows as (
    select company_id, status, slot from ${issueCounts} c
    where slot <> 0 and not exists (select from pg_stat_activity a where a.pid = c.slot)
    order by company_id, status, slot limit ${sql.raw(String(BATCH_SIZE))} for update skip locked),
  sums as (
    select company_id, status, slot from ${issueCounts}
    where slot = 0 and (company_id, status) in (select company_id, status from left_rows)
    order by company_id, status for update skip locked),
  removed as (
    delete from ${issueCounts} where (company_id, status, slot) in (select * from left_rows union all select * from sums)
    returning company_id, status, slot, issues),
  added as (
    insert into ${issueCounts} as c (company_id, status, slot, issues)
    select company_id, status, 0, sum(issues) from removed group by company_id, status having sum(issues) <> 0 order by company_id, status
    on conflict (company_id, status, slot) do update set issues = c.issues + excluded.issues)
  select count(*) filter (where slot <> 0)::int as rows from removed`)

/** Adds up the numbers of issues that ended sessions have left, on any number of servers at once. */
export async function addUpIssueCounts(store: Store): Promise<void> {
  for (;;) {
    const [row] = await writeUnaudited(store, addUp, {})
    if ((row?.rows ?? 0) < BATCH_SIZE) return
  }
}
