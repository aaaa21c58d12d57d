import { sql } from 'drizzle-orm'
import { companies } from '../../model/companies.ts'
import { issues } from '../../model/issues.ts'
import type { RoutineRunStatus } from '../../model/routineStatus.ts'
import { routineRuns } from '../../model/routines.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Store } from '../../platform/db/types.ts'
import { routineRunsForgotten, runFinished } from './events.ts'
import { RUN_DAYS } from './limits.ts'

const LIMIT = sql.raw('200')

const isClosed = sql`(i.id is null or i.status in ('done', 'cancelled'))`

const closed = statement<object, { id: string; companyId: string }>('routine_runs_closed').read(sql`
  select rr.id, rr.company_id as "companyId" from ${routineRuns} rr left join ${issues} i on i.id = rr.linked_issue_id
  where rr.status = 'issue_created' and ${isClosed} order by rr.created_at, rr.id limit ${LIMIT}`)

interface FinishedRun {
  id: string
  routineId: string
  status: RoutineRunStatus
  issueId: string | null
}

// Once: another server may have done it meanwhile.
const finish = statement<{ ids: string[] }, FinishedRun>('routine_runs_finish').write(sql`
  update ${routineRuns} rr set status = case when i.status = 'done' then 'completed' else 'failed' end, completed_at = now(), updated_at = now(),
    failure_reason = case when i.id is null then 'The issue was deleted' when i.status = 'cancelled' then 'The issue was cancelled' end
  from (select r.id as run_id, i.id, i.status from ${routineRuns} r left join ${issues} i on i.id = r.linked_issue_id
    where r.id = any(${param('ids', 'uuid[]')}) and ${isClosed}) i
  where rr.id = i.run_id and rr.status = 'issue_created'
  returning rr.id, rr.routine_id as "routineId", rr.status, rr.linked_issue_id as "issueId"`)

const ctxOf = (store: Store, companyId: string, task: string): Ctx => ({
  actor: { kind: 'system', task },
  companyId,
  requestId: null,
  store,
  idempotency: null,
})

/** Ends the runs whose issues were done, cancelled or deleted. @returns the failures */
export async function finishRuns(store: Store): Promise<unknown[]> {
  const failures: unknown[] = []
  const found = await store.read.run(closed, {})
  for (const companyId of new Set(found.map((run) => run.companyId))) {
    const runs = found.filter((run) => run.companyId === companyId)
    await mutate(ctxOf(store, companyId, 'routines'), async (tx) => {
      const finished = await tx.run(finish, { ids: runs.map(({ id }) => id) })
      const [first, ...rest] = finished.map(({ id, ...details }) => runFinished(id, details))
      return first === undefined ? unchanged(null) : changed(null, first, ...rest)
    }).catch((error: unknown) => failures.push(error))
  }
  return failures
}

const companiesWithOld = statement<object, { companyId: string }>('routine_runs_old_in').read(sql`
  select distinct o.company_id as "companyId" from (select rr.company_id from ${routineRuns} rr join ${companies} c on c.id = rr.company_id
    where rr.created_at < now() - make_interval(days => ${sql.raw(String(RUN_DAYS))}) and rr.status <> 'issue_created' order by rr.created_at limit ${LIMIT}) o`)

const forget = statement<{ companyId: string }, { id: string }>('routine_runs_forget').write(sql`
  delete from ${routineRuns} where id = any(array(
    select rr.id from ${routineRuns} rr where rr.company_id = ${param('companyId', 'uuid')}
      and rr.created_at < now() - make_interval(days => ${sql.raw(String(RUN_DAYS))}) and rr.status <> 'issue_created'
    order by rr.created_at limit ${LIMIT} for update skip locked)) returning id`)

/** Deletes old runs that have ended, some at a time, and records how many. The audit keeps what they did. */
export async function forgetRuns(store: Store): Promise<void> {
  for (;;) {
    const found = await store.read.run(companiesWithOld, {})
    let deleted = 0
    for (const { companyId } of found)
      deleted += await mutate(ctxOf(store, companyId, 'retention'), async (tx) => {
        const { length } = await tx.run(forget, { companyId })
        return length === 0 ? unchanged(0) : changed(length, routineRunsForgotten(companyId, { runs: length }))
      })
    if (deleted === 0) return
  }
}
