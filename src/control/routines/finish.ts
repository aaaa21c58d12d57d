import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import type { RoutineRunStatus } from '../../model/routineStatus.ts'
import { routineRuns } from '../../model/routines.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import { routineRunsForgotten, runFinished } from './events.ts'
import { RUN_DAYS } from './limits.ts'

const LIMIT = sql.raw('200')

const isClosed = sql`(i.id is null or i.status in ('done', 'cancelled'))`

interface ClosedRun {
  id: string
  companyId: string
}

const closedRuns = (condition: SQL): SQL => sql`
  select rr.id, rr.company_id as "companyId" from ${routineRuns} rr left join ${issues} i on i.id = rr.linked_issue_id
  where rr.status = 'issue_created' and ${condition} and ${isClosed} order by rr.created_at, rr.id limit ${LIMIT}`

/**
 * SQL: the runs whose issues are closed, as the database has noted. Its cost grows with the runs that ended and not with those that are open: a company may leave
 * thousands of issues open.
 */
export const closedRunRows = closedRuns(sql`rr.issue_closed`)
const closed = statement<object, ClosedRun>('routine_runs_closed').read(closedRunRows)

// All that are open. The database notes each issue that closes; rows that came here in another way, as by a hand, are found by this one.
const unnoted = statement<object, ClosedRun>('routine_runs_unnoted').read(closedRuns(sql`not rr.issue_closed`))

interface EndedRun {
  id: string
  routineId: string
  status: RoutineRunStatus
  issueId: string | null
  reason: string | null
}

// Another server may have ended them, or does it now: those are left out, and a mutation without an effect writes nothing.
const lockClosed = statement<{ ids: string[] }, EndedRun>('routine_runs_lock_closed').read(sql`
  select rr.id, rr.routine_id as "routineId", case when i.status = 'done' then 'completed' else 'failed' end as status, rr.linked_issue_id as "issueId",
    case when i.id is null then 'The issue was deleted' when i.status = 'cancelled' then 'The issue was cancelled' end as reason
  from ${routineRuns} rr left join ${issues} i on i.id = rr.linked_issue_id
  where rr.id = any(${param('ids', 'uuid[]')}) and rr.status = 'issue_created' and ${isClosed} order by rr.id for update of rr skip locked`)

const finish = statement<{ ended: string }, never>('routine_runs_finish').write(sql`
  update ${routineRuns} rr set status = e.status, failure_reason = e.reason, completed_at = now(), updated_at = now()
  from jsonb_to_recordset(${param('ended', 'jsonb')}) as e (id uuid, status text, reason text) where rr.id = e.id`)

/** Ends the runs whose issues were done, cancelled or deleted. @returns the failures */
export const finishRuns = async (store: Store): Promise<unknown[]> => await finishAll(store, await store.read.run(closed, {}))

async function finishAll(store: Store, found: readonly ClosedRun[]): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const companyId of new Set(found.map((run) => run.companyId))) {
    const runs = found.filter((run) => run.companyId === companyId)
    await mutate(systemCtx(store, companyId, 'routines'), async (tx) => {
      const ended = await tx.run(lockClosed, { ids: runs.map(({ id }) => id) })
      const [first, ...rest] = ended.map(({ id, ...details }) => runFinished(id, details))
      if (first === undefined) return unchanged(null)
      await tx.run(finish, { ended: JSON.stringify(ended) })
      return changed(null, first, ...rest)
    }).catch((error: unknown) => failures.push(error))
  }
  return failures
}

// By its age first, because that has an index: a run ends behind its begin.
const cutoff = sql`now() - make_interval(days => ${sql.raw(String(RUN_DAYS))})`
const isOld = sql`rr.created_at < ${cutoff} and coalesce(rr.completed_at, rr.created_at) < ${cutoff} and rr.status <> 'issue_created'`

const companiesWithOld = statement<object, { companyId: string }>('routine_runs_old_in').read(sql`
  select distinct o.company_id as "companyId" from (select rr.company_id from ${routineRuns} rr join ${companies} c on c.id = rr.company_id
    where ${isOld} order by rr.created_at limit ${LIMIT}) o`)

const lockOld = statement<{ companyId: string }, { id: string }>('routine_runs_lock_old').read(sql`
  select rr.id from ${routineRuns} rr where rr.company_id = ${param('companyId', 'uuid')}
    and ${isOld}
  order by rr.created_at limit ${LIMIT} for update skip locked`)

const forget = statement<{ ids: string[] }, never>('routine_runs_forget').write(
  sql`delete from ${routineRuns} where id = any(${param('ids', 'uuid[]')})`,
)

/** Deletes old runs that have ended, some at a time, and records how many. The audit keeps what they did. Ends runs, too, whose closed issue was not noted. */
export async function forgetRuns(store: Store): Promise<void> {
  const failures = await finishAll(store, await store.read.run(unnoted, {}))
  if (failures.length > 0) throw new AggregateError(failures, 'some runs of routines could not be ended')
  for (;;) {
    const found = await store.read.run(companiesWithOld, {})
    let deleted = 0
    for (const { companyId } of found)
      deleted += await mutate(systemCtx(store, companyId, 'retention'), async (tx) => {
        const ids = (await tx.run(lockOld, { companyId })).map(({ id }) => id)
        if (ids.length === 0) return unchanged(0)
        await tx.run(forget, { ids })
        return changed(ids.length, routineRunsForgotten(companyId, { runs: ids.length }))
      })
    if (deleted === 0) return
  }
}
