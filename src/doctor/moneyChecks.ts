import { sql } from 'drizzle-orm'
import { budgetPolicies, budgetReservations, budgetStates } from '../model/budgets.ts'
import { costEvents, costRollups } from '../model/costs.ts'
import { bucketSql } from '../model/money.ts'
import { runs } from '../model/runs.ts'
import { sqlCheck } from './check.ts'
import type { SqlCheck } from './check.ts'

const monthOf = (column: string) => sql.raw(`(date_trunc('month', ${column} at time zone 'UTC') at time zone 'UTC')`)

/** The present window of each active limit that stops. */
const hardWindows = sql`${budgetPolicies} bp join ${budgetStates} w on w.policy_id = bp.id
  and w.window_start = case bp.window_kind when 'lifetime' then timestamptz '1970-01-01T00:00:00Z' else ${monthOf('now()')} end`
const isHard = sql.raw('bp.is_active and bp.hard_stop_enabled')

/** The unit of the finest sums that an event adds to. */
const unit = sql`(${bucketSql(sql`'20m'`, sql`(e.occurred_at at time zone 'UTC')`)}) at time zone 'UTC'`

/** The promises about limits and costs, true at every commit. */
export const moneyChecks: readonly SqlCheck[] = [
  sqlCheck(
    {
      id: 'budget.reserved',
      meaning: 'What a limit says is reserved differs from what its runs have reserved (I11), so runs are refused too early or too late.',
      remedy: 'Let --fix set the sum, and find out what changed the rows: nothing of this server does.',
      mends: 'It sets the sum to that of the reservations.',
    },
    sql`select f.company_id, f.policy_id as id, f.scope_id as agent_id, format('the limit of the %s %s has %s reserved, and its runs have %s', f.scope_type, f.scope_id,
        f.reserved, f.kept) as what
      from (select bp.company_id, bp.scope_type, bp.scope_id, w.policy_id, w.reserved, (select coalesce(sum(b.remaining), 0) from ${budgetReservations} b
        where b.policy_id = bp.id and b.window_start = w.window_start) as kept from ${hardWindows} where ${isHard}) f where f.reserved <> f.kept`,
  ),
  sqlCheck(
    {
      id: 'budget.dead-reservation',
      meaning: 'A run that has ended keeps money of a limit reserved (I11), so other runs are refused.',
      remedy: 'Let --fix give it back.',
      mends: 'It gives the reservation back.',
    },
    sql`select b.company_id, b.run_id as id, r.agent_id, format('the run %s %s and has %s reserved', b.run_id, coalesce('is ' || r.status, 'does not exist'),
        b.remaining) as what
      from ${budgetReservations} b left join ${runs} r on r.id = b.run_id where r.id is null or r.status not in ('queued', 'running')`,
  ),
  sqlCheck(
    {
      id: 'budget.spent',
      meaning: 'What a limit says was spent differs from its cost events (I11), so it stops too early or too late.',
      remedy: 'Switch the limit off and on again, which counts its events anew.',
    },
    sql`select f.company_id, f.policy_id as id, f.scope_id as agent_id, format('the limit of the %s %s says %s was spent, and its events say %s', f.scope_type, f.scope_id,
        f.spent, f.events) as what
      from (select bp.company_id, bp.scope_type, bp.scope_id, w.policy_id, w.spent, (select coalesce(sum(e.microcents), 0) from ${costEvents} e
        where e.company_id = bp.company_id and (bp.window_kind = 'lifetime' or ${monthOf('e.occurred_at')} = w.window_start)
          and (bp.scope_type <> 'agent' or e.agent_id = bp.scope_id) and (bp.scope_type <> 'project' or e.project_id = bp.scope_id)) as events
        from ${hardWindows} where ${isHard}) f where f.spent <> f.events`,
  ),
  sqlCheck(
    {
      id: 'cost.sums',
      meaning: 'The sums of costs differ from the cost events that they are made of, so reports of costs are wrong.',
      remedy: 'Nothing of this server changes one without the other: find out what wrote to cost_rollups or cost_events.',
    },
    sql`select s.company_id, s.company_id as id, null::uuid as agent_id, format('the costs of the company %s are %s by its events and %s by the sums', s.company_id,
        s.events, s.sums) as what
      from (select coalesce(e.company_id, r.company_id) as company_id, coalesce(e.sum, 0) as events, coalesce(r.sum, 0) as sums
        from (select e.company_id, ${unit} as bucket, sum(e.microcents) as sum from ${costEvents} e group by 1, 2) e
        full join (select r.company_id, r.bucket, sum(r.microcents) as sum from ${costRollups} r where r.grain = '20m' group by 1, 2) r
          on r.company_id = e.company_id and r.bucket = e.bucket) s where s.events <> s.sums`,
  ),
]
