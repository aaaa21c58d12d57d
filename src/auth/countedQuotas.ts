// The quotas that the database counts: open runs and wakes. They hold over all servers and are never exceeded (I22).

import { sql } from 'drizzle-orm'
import { isLive, isUnended, runs } from '../model/runs.ts'
import { wakes } from '../model/wakes.ts'
import { companyOf } from '../platform/db/context.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Statement } from '../platform/db/statement.ts'
import type { Ctx, Tx } from '../platform/db/types.ts'
import { exactlyOne } from '../platform/kernel/exactlyOne.ts'
import { quotaRefusal } from '../platform/kernel/quotas.ts'
import type { Quota, QuotaScope } from '../platform/kernel/quotas.ts'

interface Ids {
  readonly agentId: string
  readonly companyId: string
}

interface Counts {
  readonly agent: number
  readonly company: number
  /** Seconds until the oldest one that counts no longer does, at least 1. */
  readonly retryAfter: number
}

/** A kind of thing that is counted in the transaction that adds one. */
interface Counted {
  readonly name: 'open_runs' | 'wakes'
  readonly limitOf: (quota: Quota) => number
  readonly windowSeconds: number | null
  readonly count: Statement<Ids, Counts, 'read'>
}

/** A run ends when it ends; a client that asks every ten seconds costs nothing. */
const RUN_RETRY_S = sql.raw('10')

const openRuns: Counted = {
  name: 'open_runs',
  limitOf: (quota) => quota.openRuns,
  windowSeconds: null,
  count: statement<Ids, Counts>('quota_open_runs').read(sql`
    select count(*) filter (where r.agent_id = ${param('agentId', 'uuid')})::int as agent, count(*)::int as company, ${RUN_RETRY_S} as "retryAfter"
    from ${runs} r
    where r.company_id = ${param('companyId', 'uuid')} and ${isUnended('r')} and ${isLive('r')} and r.wakeup_request_id is null`),
}

const requestedWakes: Counted = {
  name: 'wakes',
  limitOf: (quota) => quota.wakesPerHour,
  windowSeconds: 3600,
  count: statement<Ids, Counts>('quota_wakes').read(sql`
    select count(*) filter (where w.requested_by_actor_id = ${param('agentId', 'text')})::int as agent, count(*)::int as company,
      greatest(1, ceil(extract(epoch from min(w.created_at) + interval '1 hour' - clock_timestamp())))::int as "retryAfter"
    from ${wakes} w
    where w.company_id = ${param('companyId', 'uuid')} and w.requested_by_actor_type = 'agent' and w.created_at > clock_timestamp() - interval '1 hour'
      and w.status <> 'skipped'`),
}

const ADVISORY_CLASS = sql.raw('11')

const lockCounts = statement<{ name: string }, object>('quota_lock').read(
  sql`select pg_advisory_xact_lock(hashtextextended(${param('name')}, ${ADVISORY_CLASS}))`,
)

/**
 * (tx) Has the quota checked when the body is done. The check is the last thing before the commit and takes the last lock, one for
 * each company and kind, which is held for one count and the commit. A transaction that waits for it holds locks that the one
 * at work needs no more, so it is in no cycle of waits; and every count sees what was added before it.
 */
function countAtEnd(tx: Tx, ctx: Ctx, { name, limitOf, windowSeconds, count }: Counted): void {
  const { actor, quotas } = ctx
  if (actor.kind !== 'agent' || quotas === undefined) return
  const ids: Ids = { agentId: actor.agentId, companyId: companyOf(ctx) }
  tx.finalChecks.set(name, async () => {
    const [, rows] = await Promise.all([tx.run(lockCounts, { name: `${name} ${ids.companyId}` }), tx.run(count, ids)])
    const counts = exactlyOne(rows)
    for (const scope of ['agent', 'company'] as const satisfies readonly QuotaScope[]) {
      const limit = limitOf(quotas[scope])
      if (counts[scope] > limit) throw quotaRefusal({ quota: name, scope, limit, windowSeconds, retryAfter: counts.retryAfter })
    }
  })
}

/** (tx) Counts a run that an agent opens. @throws Refusal `quota_exceeded`, before the commit */
export const countOpenRun = (tx: Tx, ctx: Ctx): void => countAtEnd(tx, ctx, openRuns)

/** (tx) Counts a wake that a request of an agent causes. @throws Refusal `quota_exceeded`, before the commit */
export const countWake = (tx: Tx, ctx: Ctx): void => countAtEnd(tx, ctx, requestedWakes)
