// The task `routines`: fires what is due, on any number of servers, each due time once. The clock of the database decides.

import { sql } from 'drizzle-orm'
import { companies } from '../../model/companies.ts'
import type { SkipReason } from '../../model/routineStatus.ts'
import { routineRuns, routineTriggers } from '../../model/routines.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store, Tx } from '../../platform/db/types.ts'
import { lastTimes, nextAfter } from '../../platform/cron/index.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { overQuotaOfAgent } from './agentQuota.ts'
import { fire, noCause, recordFailure, recordSkip } from './fire.ts'
import type { Cause } from './fire.ts'
import { closedRunRows, finishRuns } from './finish.ts'
import { CATCH_UP_CAP, MISSED_AFTER_S } from './limits.ts'
import { lockRoutineIfFree } from './lock.ts'
import type { LockedRoutine, RoutineRow } from './lock.ts'

const BATCH_SIZE = 200
/** Rounds of one tick: a server that was down makes up for what it missed, and other tasks still have their turn. */
const MAX_ROUNDS = 60
/** Firings at once: enough to hide the time of the disk, few enough to leave connections for requests. */
const AT_ONCE = 4

interface Due {
  readonly id: string
  readonly companyId: string
  readonly routineId: string
  readonly dueAt: Instant
}

// A company that is archived may stay so for years: its schedules write nothing, and when it is restored, what they missed is decided by their policy.
const isDue = sql`t.next_run_at <= now() and not exists (select 1 from ${companies} c where c.id = t.company_id and c.status = 'archived')`

/** SQL: whether the task may have something to do. */
export const routinesDue = sql`(exists (select from ${routineTriggers} t where ${isDue}) or exists (${closedRunRows}))`

// One of each company before the second one of any: however many schedules a company has, those of others have their turn. Those that were visited in this round are left
// out: a trigger that fails, or whose routine another transaction has, keeps nothing else from its turn.
const dueTriggers = statement<{ visited: readonly string[] }, Due>('routines_due').read(sql`
  select d.id, d.company_id as "companyId", d.routine_id as "routineId", d.next_run_at as "dueAt" from (
    select t.id, t.company_id, t.routine_id, t.next_run_at, row_number() over (partition by t.company_id order by t.next_run_at, t.id) as turn
    from ${routineTriggers} t
    where ${isDue}
      and not exists (select from unnest(${param('visited', 'uuid[]')}) v (id) where v.id = t.id)) d
  order by d.turn, d.next_run_at, d.id limit ${sql.raw(String(BATCH_SIZE))}`)

interface Claimed {
  readonly cronExpression: string
  readonly timezone: string
  readonly setByAgent: boolean
  readonly now: Instant
  readonly isMissed: boolean
  /** Whether this time has a run: it was made while the clock was ahead. */
  readonly isFired: boolean
}

// The row lock of the routine is held. The server that had it before has moved the time on, and then nothing is due here.
const claim = statement<{ id: string; dueAt: Instant }, Claimed>('routine_claim').read(sql`
  select t.cron_expression as "cronExpression", t.timezone, t.set_by_agent as "setByAgent", now() as now,
    exists (select from ${routineRuns} rr where rr.trigger_id = t.id and rr.due_at = t.next_run_at) as "isFired",
    ${param('dueAt', 'timestamptz')} < now() - make_interval(secs => ${sql.raw(String(MISSED_AFTER_S))}) as "isMissed"
  from ${routineTriggers} t where t.id = ${param('id', 'uuid')} and t.next_run_at = ${param('dueAt', 'timestamptz')} and t.next_run_at <= now() and t.enabled`)

const advance = statement<{ id: string; passed: Instant; next: Instant | null }, never>('routine_advance').write(sql`
  update ${routineTriggers} set next_run_at = ${param('next', 'timestamptz')}, last_due_at = ${param('passed', 'timestamptz')}
  where id = ${param('id', 'uuid')}`)

const MILLISECOND = 1
const before = (instant: Instant, ms: number): Instant => new Date(Date.parse(instant) - ms).toISOString()

/**
 * The first time that is still to be fired, of the missed ones by the policy; the same as `dueAt` when that is fired. Everything before it is
 * passed over.
 */
function firstToFire(
  dueAt: Instant,
  { cronExpression: expression, timezone: zone, now, isMissed }: Claimed,
  { catchUpPolicy }: Pick<RoutineRow, 'catchUpPolicy'>,
): Instant | null {
  if (!isMissed) return dueAt
  if (catchUpPolicy === 'skip_missed') return nextAfter(expression, zone, before(now, MISSED_AFTER_S * 1000))
  const [first] = lastTimes({ expression, zone }, before(dueAt, MILLISECOND), now, CATCH_UP_CAP)
  return first ?? dueAt
}

/** (tx) Does what is due of one trigger: fires it, or passes over what was missed. @returns null when nothing is */
async function act(
  tx: Tx,
  due: Due,
  locked: LockedRoutine,
  run: (cause: Cause) => Promise<{ events: readonly DomainEvent[] }>,
): Promise<readonly DomainEvent[] | null> {
  const [claimed] = await tx.run(claim, due)
  if (claimed === undefined || locked.routine.status !== 'active') return null
  const { id, dueAt } = due
  const { cronExpression, timezone, now } = claimed
  const cause: Cause = { ...noCause, source: 'schedule', triggerId: id, dueAt }
  const first = claimed.isFired ? dueAt : firstToFire(dueAt, claimed, locked.routine)
  const isFirst = first === dueAt
  const why = isFirst ? await reasonToSkip(tx, claimed, locked.routine, dueAt) : 'missed'
  const { events } =
    why === null ? await run(cause) : await recordSkip(tx, locked.routine, claimed.isFired ? { ...cause, dueAt: null } : cause, why)
  // The time before the first that is still to be fired was passed over, too.
  const passed = isFirst || first === null ? dueAt : before(first < now ? first : now, MILLISECOND)
  await tx.run(advance, { id, passed, next: isFirst ? nextAfter(cronExpression, timezone, dueAt) : first })
  return events
}

/** (tx) Why a due time that is not missed makes no run; null when it may. */
async function reasonToSkip(tx: Tx, claimed: Claimed, routine: RoutineRow, dueAt: Instant): Promise<SkipReason | null> {
  if (claimed.isFired) return 'fired_before'
  return claimed.setByAgent ? await overQuotaOfAgent(tx, routine, dueAt) : null
}

/** A server that is busy, or a database that is away: the same will work later. */
const isPassing = (error: unknown): boolean => !(error instanceof Refusal) || error.status >= 500

/** Does what is due of one trigger, in one transaction with the run, the issue and the audit. @returns whether anything was done */
async function fireDue(store: Store, due: Due): Promise<boolean> {
  const ctx = systemCtx(store, due.companyId, 'routines')
  const attempt = (failure: Refusal | null): Promise<boolean> =>
    mutate(ctx, async (tx) => {
      const locked = await lockRoutineIfFree(tx, due.companyId, due.routineId)
      if (locked === null) return unchanged(false)
      const run = (cause: Cause) =>
        failure === null ? fire(tx, ctx, locked, cause) : recordFailure(tx, locked.routine, cause, failure.message)
      const events = await act(tx, due, locked, run)
      return events === null ? unchanged(false) : changedIfAny(true, events)
    })
  try {
    return await attempt(null)
  } catch (error) {
    if (isPassing(error)) throw error
    // The issue cannot be made, and would not be at another time: the run is recorded with the reason, and the schedule goes on.
    return await attempt(error as Refusal)
  }
}

/** Does what is due, some at once. @returns how many were done, and the failures */
async function fireAll(store: Store, due: readonly Due[]): Promise<{ done: number; failures: unknown[] }> {
  const failures: unknown[] = []
  const waiting = [...due]
  let done = 0
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await fireDue(store, next).then(
        (isDone) => void (done += Number(isDone)),
        (error: unknown) => void failures.push(error),
      )
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return { done, failures }
}

/** One look at everything that is due. */
async function round(store: Store): Promise<{ done: number; failures: unknown[] }> {
  const sum = { done: 0, failures: [] as unknown[] }
  const visited: string[] = []
  for (;;) {
    const due = await store.read.run(dueTriggers, { visited })
    const { done, failures } = await fireAll(store, due)
    sum.done += done
    sum.failures.push(...failures)
    if (due.length < BATCH_SIZE) return sum
    visited.push(...due.map(({ id }) => id))
  }
}

/**
 * Fires every schedule that is due, each time once, on any number of servers, and ends the runs whose issues are closed. A routine that
 * fails delays no other one.
 * @returns how many due times were done
 * @throws AggregateError with the failures, after everything else was done
 */
export async function tickRoutines(store: Store): Promise<number> {
  let sum = 0
  const failures: unknown[] = []
  for (let rounds = 0; rounds < MAX_ROUNDS; rounds += 1) {
    const { done, failures: failed } = await round(store)
    sum += done
    failures.push(...failed)
    if (done === 0 || failed.length > 0) break
  }
  failures.push(...(await finishRuns(store)))
  if (failures.length > 0) throw new AggregateError(failures, 'some routines could not be run')
  return sum
}
