// A hard limit that was crossed stops what runs in its scope, in transactions of its own, by any server (I11).

import { sql } from 'drizzle-orm'
import { endRuns, lockForEnd } from '../../engine/holds/index.ts'
import { BUDGET_STOP, isInScope, isStopping, STOP_GRACE_S } from '../../engine/budgets/index.ts'
import { budgetIncidents } from '../../model/budgets.ts'
import { hasLease, isUnended, runs } from '../../model/runs.ts'
import { awaitWriters } from '../../auth/mayWrite.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Ctx, Store, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { stopEnforced } from './events.ts'
import { lockScope, pauseScope } from './scope.ts'
import type { ScopeRef } from './scope.ts'
import { forEachApart } from './task.ts'

/** The most runs that one transaction ends: a tenth of its time limit. */
const MAX_ENDED = sql.raw('1000')

interface Order extends ScopeRef {
  readonly id: string
  readonly companyId: string
}

const orderColumns = sql`bi.id, bi.company_id as "companyId", bi.scope_type as "scopeType", bi.scope_id as "scopeId"`

/** SQL: the orders to stop that are open. */
export const stopOrderRows = sql`
  select ${orderColumns} from ${budgetIncidents} bi where ${isStopping('bi')} and bi.enforced_at is null
  order by bi.created_at, bi.id limit 100`
const orders = statement<object, Order>('budget_orders').read(stopOrderRows)

// A server ends its own children when it sees that their runs have ended. A run on another host has its grace first.
const supervisedInScope = statement<{ incidentId: string }, { id: string }>('budget_supervised').read(sql`
  select r.id from ${budgetIncidents} bi join ${runs} r on ${isInScope} and r.status = 'running' and ${isUnended('r')} and r.supervisor_id is not null
  where bi.id = ${param('incidentId', 'uuid')} order by r.id limit ${MAX_ENDED}`)

const markEnforced = statement<{ incidentId: string }, { id: string }>('budget_enforced').write(sql`
  update ${budgetIncidents} set enforced_at = now(), updated_at = now()
  where id = ${param('incidentId', 'uuid')} and status <> 'resolved' and enforced_at is null returning id`)

const stillOrdered = statement<{ incidentId: string }, { id: string }>('budget_still_ordered').read(
  sql`select bi.id from ${budgetIncidents} bi where bi.id = ${param('incidentId', 'uuid')} and ${isStopping('bi')} and bi.enforced_at is null`,
)

/** (tx) Ends runs because their budget is used up. Their wakes wait. @returns the runs that it ended, and the events */
async function endForBudget(
  tx: Tx,
  ctx: Ctx,
  runIds: readonly string[],
): Promise<{ endedRunIds: string[]; events: readonly DomainEvent[] }> {
  const locked = await lockForEnd(tx, ctx, runIds)
  const ended = await endRuns(tx, locked, runIds, BUDGET_STOP)
  return { endedRunIds: ended.runs.map(({ id }) => id), events: ended.events }
}

async function enforce(store: Store, order: Order): Promise<void> {
  const ctx = systemCtx(store, order.companyId, 'budgets')
  await mutate(ctx, async (tx) => {
    if (order.scopeType === 'agent') await awaitWriters(tx, order.scopeId)
    const scope = await lockScope(tx, ctx, order)
    // Every act that ends an incident holds the same locks.
    const [open] = await tx.run(stillOrdered, { incidentId: order.id })
    if (open === undefined) return unchanged(null)
    const runIds = (await tx.run(supervisedInScope, { incidentId: order.id })).map(({ id }) => id)
    const { endedRunIds, events } = await endForBudget(tx, ctx, runIds)
    const paused = await pauseScope(tx, ctx, scope, endedRunIds)
    await tx.run(markEnforced, { incidentId: order.id })
    const { scopeType, scopeId } = order
    return changedIfAny(null, [stopEnforced(order.id, { scopeType, scopeId, endedRunIds }), ...paused, ...events])
  })
}

/** Carries out the orders to stop that are open: pauses their scopes and ends the runs that servers supervise. @returns the failures */
export const enforceStops = async (store: Store): Promise<unknown[]> =>
  await forEachApart(await store.read.run(orders, {}), (order) => enforce(store, order))

/**
 * SQL: supervised runs that were more than one transaction ends, and runs on other hosts whose grace is over. A run may have started after the incident: its issue
 * came into the project later, or its start committed while the event that crossed the limit waited for it.
 */
export const overdueRows = sql`
  select distinct r.id, r.company_id as "companyId" from ${budgetIncidents} bi join ${runs} r on ${isInScope}
  where ${isStopping('bi')} and bi.enforced_at is not null and r.status = 'running' and ${isUnended('r')} and ${hasLease('r')}
    and (r.supervisor_id is not null
      or (r.stop_ordered_at >= bi.created_at and r.stop_ordered_at < clock_timestamp() - make_interval(secs => ${sql.raw(String(STOP_GRACE_S))}))
      or greatest(bi.created_at, r.started_at) < clock_timestamp() - make_interval(secs => greatest(r.lease_seconds, ${sql.raw(String(STOP_GRACE_S))})))
  order by r.company_id, r.id limit ${MAX_ENDED}`
const overdue = statement<object, { id: string; companyId: string }>('budget_overdue').read(overdueRows)

/** Ends the runs on other hosts that were ordered to stop and have had their time. @returns the failures */
export const endOverdue = async (store: Store): Promise<unknown[]> =>
  await forEachApart(await store.read.run(overdue, {}), async ({ id, companyId }) => {
    const ctx = systemCtx(store, companyId, 'budgets')
    await mutate(ctx, async (tx) => {
      const { endedRunIds, events } = await endForBudget(tx, ctx, [id])
      return changedIfAny(endedRunIds.length, events)
    })
  })
