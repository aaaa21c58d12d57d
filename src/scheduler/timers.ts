import { sql } from 'drizzle-orm'
import { hasTimer, heartbeatEnabled, timerSeconds } from '../org/agents/index.ts'
import { isInvokableSql } from '../model/agentStatus.ts'
import { systemCtx } from '../platform/db/context.ts'
import type { Store } from '../platform/db/types.ts'
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

/** Agents of one batch; the next batch follows at once while more timers are due. */
const BATCH_SIZE = 200
/**
 * A timer that is later than this was not merely delayed: no server was running, or the agent was paused. Such agents are
 * spread over the next minutes instead of starting all at once.
 */
const MISSED_AFTER_S = 60
const SPREAD_S = 300
/** The first part of the spread stays free, so that a timer set in one batch of a tick is not due in the next batch. */
const MIN_SPREAD_SHARE = 0.05
/** Agents that were created together must not wake together each time: every interval is up to this much shorter or longer. */
const JITTER = 0.05

const seconds = (value: number) => sql.raw(String(value))

/** The next time of a row `a`: one interval from now, with jitter. */
const nextTime = sql`now() + make_interval(secs => ${timerSeconds} * (${seconds(1 - JITTER)} + ${seconds(2 * JITTER)} * random()))`
/** A random time in the next minutes, not later than one interval and never within the tick that sets it. */
const spreadTime = sql`now() + make_interval(secs => least(${timerSeconds}, ${seconds(SPREAD_S)}) * (${seconds(MIN_SPREAD_SHARE)} + ${seconds(1 - MIN_SPREAD_SHARE)} * random()))`
const hasActiveTimer = sql`${hasTimer} and ${timerSeconds} > 0 and ${heartbeatEnabled} and ${isInvokableSql('a')}`
const isMissed = sql`(a.next_timer_at < now() - make_interval(secs => ${seconds(MISSED_AFTER_S)}))`

interface DueTimer {
  agentId: string
  companyId: string
  /** Its timer has never been set, or was missed: the timer is set, and the agent is not woken now. */
  unset: boolean
}

const fromDue = sql`from ${agents} a join ${companies} c on c.id = a.company_id and c.status = 'active'
  where (a.next_timer_at is null or a.next_timer_at <= now()) and ${hasActiveTimer}`

/** SQL: whether a timer is due. */
export const timersDue = sql`exists (select ${fromDue})`

// One read per tick, over an index that contains only agents with a timer. Read without a lock: the wake decides again.
const dueTimers = statement<{ limit: number }, DueTimer>('timers_due').read(sql`
  select a.id as "agentId", a.company_id as "companyId", (a.next_timer_at is null or ${isMissed}) as unset
  ${fromDue}
  order by a.next_timer_at limit ${param('limit', 'int')}`)

// A locked agent is being started, ended or changed by another transaction: its timer is set in the next batch.
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

/** `busy`: the agent has an open run already. `skipped`: its timer is not due any more, or another transaction has its lock. */
type TimerResult = 'woken' | 'busy' | 'skipped'

/**
 * Wakes one agent and sets its timer again, in one transaction. An agent with an open run that is about no issue, queued or
 * running, needs no second one.
 */
async function fireTimer(store: Store, { agentId, companyId }: DueTimer): Promise<TimerResult> {
  const ctx = systemCtx(store, companyId, 'timer')
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
    hasOwnEvent: false,
  }
  return await mutate(ctx, async (tx): Promise<Outcome<TimerResult>> => {
    const [agent] = await lockDueAgent(tx, { agentId, companyId })
    if (agent === undefined) return unchanged<TimerResult>('skipped')
    const facts = await loadTaskWakeFacts(tx, ctx, task)
    // A timer that an open run covers writes nothing: only a new wake is written.
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
 * Wakes every agent whose timer is due, each once, on any number of servers. Agents that cannot be run and agents of archived
 * companies are skipped. A timer that was missed, however often, leads to one wake. An agent that cannot be woken now delays
 * no other agent.
 *
 * @returns how many agents were woken
 * @throws AggregateError with the failures, after all other agents have been woken
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
    // An agent that is locked or has failed is due again in the next tick, so a batch that moves no timer is the last one.
    if (due.length < BATCH_SIZE || moved === 0) break
  }
  if (failures.length > 0) throw new AggregateError(failures, 'some agents could not be woken by their timers')
  return woken
}
