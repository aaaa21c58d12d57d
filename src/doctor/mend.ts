// The acts of `--fix`: the verbs of the server where there is one for it, and otherwise a mutation with an event of the doctor.

import { sql } from 'drizzle-orm'
import { LOCAL_BOARD } from '../auth/personSessions.ts'
import { forceRelease } from '../control/checkout/index.ts'
import { endRunsLeftBehind } from '../control/lifecycle/index.ts'
import { giveBack } from '../engine/budgets/index.ts'
import { lockIssue } from '../engine/holds/index.ts'
import { promoteWakeIfFree } from '../engine/wakes/index.ts'
import { budgetPolicies, budgetReservations, budgetStates } from '../model/budgets.ts'
import { issueCounters } from '../model/companies.ts'
import { issues } from '../model/issues.ts'
import { runs } from '../model/runs.ts'
import { wakes } from '../model/wakes.ts'
import { systemCtx } from '../platform/db/context.ts'
import { lockingRead } from '../platform/db/locks.ts'
import { changedIfAny, mutate } from '../platform/db/mutate.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Ctx, Store, Tx } from '../platform/db/types.ts'
import type { BoardActor } from '../platform/kernel/actor.ts'
import { reap } from '../scheduler/index.ts'
import type { Finding, Subject } from './check.ts'
import { rowsMended } from './events.ts'

/** The operator at the host: who may read the home and open the database is the board. */
const operator = (): BoardActor => ({
  kind: 'board',
  userId: LOCAL_BOARD,
  isAdmin: true,
  via: 'ambient',
  uid: process.getuid?.() ?? null,
  companies: null,
  grants: new Map(),
  role: null,
  session: null,
})

const operatorCtx = (store: Store, companyId: string): Ctx => ({ actor: operator(), companyId, requestId: null, store, idempotency: null })

type Located = Subject & { readonly companyId: string; readonly id: string }

const isLocated = (subject: Subject): subject is Located => subject.companyId !== null && subject.id !== null

/** Mends one finding. @returns how many of its subjects were mended */
type Mend = (store: Store, finding: Finding) => Promise<number>

/** Mends subject by subject, each in a transaction of its own. */
const each =
  (mendOne: (store: Store, subject: Located, check: string) => Promise<boolean>): Mend =>
  async (store, { id, subjects }) => {
    let mended = 0
    for (const subject of subjects.filter(isLocated)) if (await mendOne(store, subject, id)) mended += 1
    return mended
  }

const release = each(async (store, { companyId, id }, check) => {
  await forceRelease(operatorCtx(store, companyId), id, {
    clearAssignee: false,
    dryRun: false,
    reason: `paperclip-server doctor --fix: ${check}`,
    expectedRunId: null,
    cancelRun: false,
  })
  return true
})

const promoteStranded = each(async (store, { companyId, id: issueId }) => {
  const ctx = systemCtx(store, companyId, 'doctor')
  return await mutate(ctx, async (tx) => {
    await lockIssue(tx, companyId, issueId)
    const events = await promoteWakeIfFree(tx, issueId)
    return changedIfAny(events.length > 0, events)
  })
})

/** A mutation that the doctor makes about rows for which no verb exists. @param work returns whether it changed anything */
const correct = (work: (tx: Tx, subject: Located) => Promise<boolean>): Mend =>
  each(
    async (store, subject, check) =>
      await mutate(systemCtx(store, subject.companyId, 'doctor'), async (tx) => {
        const hasChanged = await work(tx, subject)
        return changedIfAny(hasChanged, hasChanged ? [rowsMended(subject.companyId, { check, ids: [subject.id] })] : [])
      }),
  )

const deadReservations = statement<{ runId: string }, { found: boolean }>('mend_dead_reservation').read(sql`
  select exists (select from ${budgetReservations} b left join ${runs} r on r.id = b.run_id
    where b.run_id = ${param('runId', 'uuid')} and (r.id is null or r.status not in ('queued', 'running'))) as found`)

const lockPolicies = lockingRead(
  'budget',
  statement<{ id: string }, { id: string }>('mend_lock_policy').read(
    sql`select id from ${budgetPolicies} where id = ${param('id', 'uuid')} for no key update`,
  ),
)

const setReserved = statement<{ id: string }, { id: string }>('mend_reserved').write(sql`
  update ${budgetStates} w set reserved = kept.sum
  from (select w2.policy_id, w2.window_start, (select coalesce(sum(b.remaining), 0) from ${budgetReservations} b
    where b.policy_id = w2.policy_id and b.window_start = w2.window_start) as sum from ${budgetStates} w2 where w2.policy_id = ${param('id', 'uuid')}) kept
  where w.policy_id = kept.policy_id and w.window_start = kept.window_start and w.reserved <> kept.sum returning w.policy_id as id`)

const raiseCounter = statement<{ companyId: string }, { id: string }>('mend_issue_counter').write(sql`
  insert into ${issueCounters} as c (company_id, last_number)
  select ${param('companyId', 'uuid')}, max(i.issue_number) from ${issues} i where i.company_id = ${param('companyId', 'uuid')} having count(*) > 0
  on conflict (company_id) do update set last_number = excluded.last_number where c.last_number < excluded.last_number
  returning c.company_id as id`)

const closeWake = statement<{ id: string; companyId: string }, { id: string }>('mend_wake').write(sql`
  update ${wakes} w set status = 'failed', finished_at = now(), updated_at = now()
  where w.id = ${param('id', 'uuid')} and w.company_id = ${param('companyId', 'uuid')} and w.status in ('queued', 'claimed')
    and not exists (select from ${runs} r where r.id = w.run_id and r.status in ('queued', 'running')) returning w.id`)

const mends: Readonly<Record<string, Mend>> = {
  'hold.ended-run': release,
  'hold.two-holders': release,
  'hold.foreign-run': release,
  'hold.not-in-progress': release,
  'hold.evicted-run': release,
  'run.expired': async (store) => await reap(store),
  'run.of-stopped-agent': async (store) => await endRunsLeftBehind(store),
  'wake.stranded': promoteStranded,
  'wake.ended-run': correct(async (tx, { id, companyId }) => (await tx.run(closeWake, { id, companyId })).length > 0),
  'budget.reserved': correct(async (tx, { id }) => {
    await lockPolicies(tx, { id })
    return (await tx.run(setReserved, { id })).length > 0
  }),
  'budget.dead-reservation': correct(async (tx, { id: runId }) => {
    const [row] = await tx.run(deadReservations, { runId })
    if (row?.found !== true) return false
    await giveBack(tx, [runId])
    return true
  }),
  'issue.counter': correct(async (tx, { companyId }) => (await tx.run(raiseCounter, { companyId })).length > 0),
}

/** The ids of the findings that `mendFinding` can do something about. */
export const mendable: ReadonlySet<string> = new Set(Object.keys(mends))

/**
 * Mends what a finding names, at most the subjects that it lists. Each change is audited with the transaction that makes it.
 * @returns how many were mended
 */
export const mendFinding = async (store: Store, finding: Finding): Promise<number> => (await mends[finding.id]?.(store, finding)) ?? 0
