import { sql } from 'drizzle-orm'
import { hasTimer, heartbeatEnabled, isInvokable, timerSeconds } from '../org/agents/index.ts'
import type { Ctx, Store } from '../platform/db/types.ts'
import { lockingRead } from '../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../platform/db/mutate.ts'
import type { Outcome } from '../platform/db/mutate.ts'
import { agents } from '../model/agents.ts'
import { companies } from '../model/companies.ts'
import { param, statement } from '../platform/db/statement.ts'
import { writeUnaudited } from '../platform/db/unaudited.ts'
import { decideWake, loadTaskWakeFacts, requestWake, runInvoked } from '../engine/wakes/index.ts'
import type { WakeRequest } from '../engine/wakes/index.ts'
import { invariant } from '../platform/kernel/errors.ts'

/** Agents looked at in one round; the next round follows at once while there are more. */
const BATCH_SIZE = 200
/**
 * A timer that is later than this was not merely busy: the server was away, or the agent paused. Its agents are then
 * spread over the next minutes instead of starting all at once.
 */
const MISSED_AFTER_S = 60
const SPREAD_S = 300
/** The first part of the spread that stays free: what is set in one round of a tick is not due in the next round. */
const MIN_SPREAD_SHARE = 0.05
/** Agents that were made together must not wake together for ever: each interval is up to this much shorter or longer. */
const JITTER = 0.05

const seconds = (value: number) => sql.raw(String(value))

/** The next time of a row `a`: one interval from now, more or less. */
const nextTime = sql`now() + make_interval(secs => ${timerSeconds} * (${seconds(1 - JITTER)} + ${seconds(2 * JITTER)} * random()))`
/** Somewhere in the next minutes, not later than its interval and never within the tick that sets it. */
const spreadTime = sql`now() + make_interval(secs => least(${timerSeconds}, ${seconds(SPREAD_S)}) * (${seconds(MIN_SPREAD_SHARE)} + ${seconds(1 - MIN_SPREAD_SHARE)} * random()))`
const hasActiveTimer = sql`${hasTimer} and ${timerSeconds} > 0 and ${heartbeatEnabled} and ${isInvokable}`
const isMissed = sql`(a.next_timer_at < now() - make_interval(secs => ${seconds(MISSED_AFTER_S)}))`

interface DueTimer {
  agentId: string
  companyId: string
  /** Its timer has never been set, or has been missed by far: it is set, and the agent is not woken now. */
  unset: boolean
}

// One look per tick, by an index that holds nothing but agents with a timer. Read without a lock: the wake judges again.
const dueTimers = statement<{ limit: number }, DueTimer>('timers_due').read(sql`
  select a.id as "agentId", a.company_id as "companyId", (a.next_timer_at is null or ${isMissed}) as unset
  from ${agents} a join ${companies} c on c.id = a.company_id and c.status = 'active'
  where (a.next_timer_at is null or a.next_timer_at <= now()) and ${hasActiveTimer}
  order by a.next_timer_at limit ${param('limit', 'int')}`)

// Whoever has an agent locked is starting, ending or changing it: its timer is set in the next round.
const setTimers = statement<{ ids: string[] }, { id: string }>('timers_set').unaudited(sql`
  with picked as (
    select a.id from ${agents} a where a.id = any(${param('ids', 'uuid[]')}) and (a.next_timer_at is null or a.next_timer_at <= now())
    order by a.id for no key update skip locked)
  update ${agents} a set next_timer_at = case when ${isMissed} then ${spreadTime} else ${nextTime} end
  from picked where a.id = picked.id returning a.id`)

const lockDueAgent = lockingRead(
  'agent',
  statement<{ agentId: string; companyId: string }, { id: string }>('timer_lock').read(sql`
    select a.id from ${agents} a where a.id = ${param('agentId')} and a.company_id = ${param('companyId')}
      and a.next_timer_at <= now() and ${hasActiveTimer} and exists (select 1 from ${companies} c where c.id = a.company_id and c.status = 'active')
    for no key update skip locked`),
)

const advance = statement<{ agentId: string }, { id: string }>('timer_advance').write(
  sql`update ${agents} a set next_timer_at = ${nextTime} where a.id = ${param('agentId')} returning a.id`,
)

type TimerResult = 'woken' | 'busy' | 'gone'

/**
 * Wakes one agent and sets its timer anew, in one transaction. An agent that has a run for whatever it finds to do,
 * queued or at work, needs no second one.
 */
async function fireTimer(store: Store, { agentId, companyId }: DueTimer): Promise<TimerResult> {
  const ctx: Ctx = { actor: { kind: 'system', task: 'timer' }, companyId, requestId: null, store, idempotency: null }
  const task = { agentId, source: 'timer', taskKey: null, isFresh: false } as const
  const request: WakeRequest = {
    agentId,
    issueId: null,
    source: 'timer',
    triggerDetail: 'system',
    reason: 'heartbeat_timer',
    payload: {},
    runsBesideHolder: false,
    joinsRunAtWork: true,
    boundsDeferral: false,
  }
  return await mutate(ctx, async (tx): Promise<Outcome<TimerResult>> => {
    const [agent] = await lockDueAgent(tx, { agentId, companyId })
    if (agent === undefined) return unchanged<TimerResult>('gone')
    const facts = await loadTaskWakeFacts(tx, ctx, task)
    // A timer does not count in the run that covers it: only a new wake is written.
    if (decideWake(facts, request).kind !== 'queue') return unchanged<TimerResult>('busy')
    const outcome = await requestWake(tx, ctx, request, facts)
    invariant(outcome.kind === 'queued', 'the decision on the same facts is the same')
    const { runId } = outcome
    await tx.run(advance, { agentId })
    const { source, triggerDetail, reason } = request
    const details = { agentId, issueId: null, source, triggerDetail, reason, coalesced: false }
    return changed<TimerResult>('woken', runInvoked(runId, details, { agentId, runId }))
  })
}

/**
 * Wakes every agent whose timer is due, on any number of servers, each once. Agents that cannot be run and those of
 * archived companies are passed; a timer that was missed, however often, leads to one wake. An agent that cannot be
 * woken now keeps no other waiting.
 *
 * @returns how many agents were woken
 * @throws AggregateError with what failed, after all the others have been woken
 */
export async function tickTimers(store: Store): Promise<number> {
  let woken = 0
  const failures: unknown[] = []
  for (;;) {
    const due = await store.read.run(dueTimers, { limit: BATCH_SIZE })
    const toSet = due.filter((each) => each.unset).map((each) => each.agentId)
    let moved = 0
    for (const each of due.filter((agent) => !agent.unset)) {
      try {
        const result = await fireTimer(store, each)
        if (result === 'woken') moved += 1
        if (result === 'busy') toSet.push(each.agentId)
      } catch (error) {
        failures.push(error)
      }
    }
    woken += moved
    if (toSet.length > 0) moved += (await writeUnaudited(store, setTimers, { ids: toSet })).length
    // Whoever is locked or has failed is due in the next tick again; a round that moves nobody is the last one.
    if (due.length < BATCH_SIZE || moved === 0) break
  }
  if (failures.length > 0) throw new AggregateError(failures, 'agents that could not be woken by their timers')
  return woken
}
