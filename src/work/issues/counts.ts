import { sql } from 'drizzle-orm'
import { issueCounts } from '../../model/issueFigures.ts'
import { statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'

/** How often changes of the numbers of issues are added up. A reader adds up what has come since. */
export const COUNT_INTERVAL_MS = 1000
/** Changes that one statement adds up. */
const BATCH_SIZE = 5000

// A row that another server adds up at the same time is left to it. Then there are two sums, and the next call makes one of them.
const addUp = statement<object, { changes: number }>('issue_counts_add_up').unaudited(sql`
  with changes as (
    delete from ${issueCounts} where id in (
      select id from ${issueCounts} where not is_sum order by id limit ${sql.raw(String(BATCH_SIZE))} for update skip locked)
    returning company_id, status, issues),
  sums as (
    delete from ${issueCounts} where id in (
      select id from ${issueCounts} where is_sum and (company_id, status) in (select company_id, status from changes)
      order by id for update skip locked)
    returning company_id, status, issues),
  added as (
    insert into ${issueCounts} (company_id, status, issues, is_sum)
    select company_id, status, sum(issues), true from (select * from changes union all select * from sums) every_row
    group by company_id, status having sum(issues) <> 0)
  select count(*)::int as changes from changes`)

/** Adds up the changes of the numbers of issues, on any number of servers at once. */
export async function addUpIssueCounts(store: Store): Promise<void> {
  for (;;) {
    const [row] = await writeUnaudited(store, addUp, {})
    if ((row?.changes ?? 0) < BATCH_SIZE) return
  }
}
