import { sql } from 'drizzle-orm'
import { costRollups } from '../../model/costs.ts'
import { bucketSql, grainRows } from '../../model/money.ts'
import { statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { addedSums, rollupKey, sumColumns } from './rollup.ts'

/** How often the sums of units of time that are over are added up. A reader reads all rows of a range. */
export const ADD_UP_INTERVAL_MS = 300_000
/** Rows of each unit that one statement adds up. */
const BATCH_SIZE = 1000

// Few events are dated more than an hour back, so hardly any writer wants these rows. A row that one has is left to it, and a late event begins a
// row that is added up the next time. Only what was deleted is added. Two servers that add up lock the rows of shard 0 in one order; no event writes one.
// They are written in the order of the key, in which they are read: a read of rows on other pages each takes Postgres a third longer.
const addUp = statement<object, { rows: number }>('cost_add_up').unaudited(sql`
  with divided as (
    select r.ctid from ${grainRows} cross join lateral (
      select ctid from ${costRollups}
      where grain = g.grain and shard > 0 and bucket < (${bucketSql(sql`g.grain`, sql`((now() - interval '1 hour') at time zone 'UTC')`)}) at time zone 'UTC'
      order by bucket limit ${sql.raw(String(BATCH_SIZE))} for update skip locked) r),
  removed as (delete from ${costRollups} where ctid = any (array(select ctid from divided)) returning *),
  added as (
    insert into ${costRollups} as cr (${rollupKey}, ${sumColumns}, run_count)
    select company_id, grain, bucket, agent_id, project_id, provider, biller, billing_type, model, 0, sum(microcents), sum(input_tokens),
      sum(cached_input_tokens), sum(output_tokens), sum(event_count), sum(unpriced_count), sum(run_count)
    from removed group by 1, 2, 3, 4, 5, 6, 7, 8, 9 order by 1, 2, 3, 4, 5, 6, 7, 8, 9
    on conflict on constraint cost_rollups_key do update set ${addedSums})
  select count(*)::int as rows from removed`)

/** Adds up the divided sums of what is over, on any number of servers at once. No sum changes by it, so a summary is the same before and after. */
export async function addUpCosts(store: Store): Promise<void> {
  for (;;) {
    const [row] = await writeUnaudited(store, addUp, {})
    if ((row?.rows ?? 0) < BATCH_SIZE) return
  }
}
