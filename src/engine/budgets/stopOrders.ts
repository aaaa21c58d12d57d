// The order to stop of a hard limit, for the runs in its scope.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { budgetIncidents, budgetPolicies, budgetStates, limitSql } from '../../model/budgets.ts'
import { isHeldBy, issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { RunResult } from '../runs/index.ts'

/** How long a run on another host may go on after a heartbeat was answered with the order to stop, in seconds. */
export const STOP_GRACE_S = 30

/** The result of a run that a hard limit ended. Its wake waits for the limit to be raised or the window to turn: it costs no attempt. */
export const BUDGET_STOP: RunResult = {
  status: 'cancelled',
  error: 'The budget is used up',
  errorCode: 'budget_exhausted',
  retryable: true,
  costsNothing: true,
}

/** Whether a hard limit is crossed, and neither changed nor over, nor corrected to less, in SQL. @param alias of the table `budget_incidents` */
export const isStopping = (alias: string): SQL => {
  const row = sql.raw(alias)
  return sql`(${row}.threshold_type = 'hard' and ${row}.status <> 'resolved' and (${row}.window_end is null or ${row}.window_end > now())
    and exists (select 1 from ${budgetPolicies} sp join ${budgetStates} sw on sw.policy_id = sp.id and sw.window_start = ${row}.window_start
      where sp.id = ${row}.policy_id and sp.revision = ${row}.policy_revision and sp.is_active and sp.hard_stop_enabled
        and sw.spent >= ${limitSql(sql`sp.amount`)}))`
}

/** The projects of the issue that a run was opened for and of those that it holds, as an array, in SQL. An array is looked up by index for each run. */
export const projectsOfRun = (alias: string): SQL => {
  const run = sql.raw(alias)
  return sql`(array(select pi.project_id from ${issues} pi where pi.id = ${run}.issue_id)
    || array(select pi.project_id from ${issues} pi where pi.company_id = ${run}.company_id and ${isHeldBy('pi', sql`= ${run}.id`)}))`
}

/** Whether the run `r` is in the scope of the incident `bi`, in SQL. */
export const isInScope = sql`(r.company_id = bi.company_id and (bi.scope_type = 'company' or (bi.scope_type = 'agent' and r.agent_id = bi.scope_id)
  or (bi.scope_type = 'project' and bi.scope_id = any(${projectsOfRun('r')}))))`

/** The order to stop, as a heartbeat is answered with it. */
export interface StopCommand {
  readonly type: 'stop'
  readonly reason: 'budget'
  readonly incidentId: string
  /** After this many seconds the token of the run ends. */
  readonly graceSeconds: number
}

const orderRun = statement<{ runId: string; companyId: string }, { incidentId: string }>('budget_order_run').unaudited(sql`
  with ordered as (select bi.id, bi.created_at from ${budgetIncidents} bi join ${runs} r on r.id = ${param('runId', 'uuid')}
    where bi.company_id = ${param('companyId', 'uuid')} and ${isStopping('bi')} and ${isInScope} order by bi.created_at, bi.id limit 1),
  marked as (update ${runs} r set stop_ordered_at = clock_timestamp() from ordered o where r.id = ${param('runId', 'uuid')}
    and (r.stop_ordered_at is null or r.stop_ordered_at < o.created_at))
  select id as "incidentId" from ordered`)

const isAnyStopping = statement<{ companyId: string }, { exists: boolean }>('budget_any_stop').read(sql`
  select exists (select 1 from ${budgetIncidents} bi where bi.company_id = ${param('companyId', 'uuid')} and ${isStopping('bi')}) as exists`)

/**
 * The order to stop for a run that reports that it lives; none in nearly all cases. The grace of the run begins with the first one of a stop: it may have
 * had one before, and gone on when the limit was raised.
 */
export async function stopCommands(store: Store, runId: string, companyId: string): Promise<StopCommand[]> {
  const [any] = await store.read.run(isAnyStopping, { companyId })
  if (any?.exists !== true) return []
  const ordered = await writeUnaudited(store, orderRun, { runId, companyId })
  return ordered.map(({ incidentId }) => ({ type: 'stop', reason: 'budget', incidentId, graceSeconds: STOP_GRACE_S }))
}
