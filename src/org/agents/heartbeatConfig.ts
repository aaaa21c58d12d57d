import { sql } from 'drizzle-orm'

/**
 * What `runtimeConfig.heartbeat` says of the row `a` of agents. It holds whatever the board has put there, so every
 * value is judged before it is one.
 */

/** More often than this is no heartbeat but a loop: a run takes seconds to start. */
const MIN_TIMER_S = 10
/** A month; beyond it, arithmetic on instants is all that could go wrong. */
const MAX_TIMER_S = 30 * 86_400

const secondsLiteral = (seconds: number) => sql.raw(String(seconds))

/** Whether the agent may be woken by its timer. True unless said otherwise. */
export const heartbeatEnabled = sql`(coalesce(a.runtime_config #> '{heartbeat,enabled}', 'true'::jsonb) <> 'false'::jsonb)`

/** Whether the agent may be woken by anything else. True unless said otherwise. */
export const wakesOnDemand = sql`(coalesce(a.runtime_config #> '{heartbeat,wakeOnDemand}', 'true'::jsonb) <> 'false'::jsonb)`

/** Whether an interval is there at all; the condition of the index that the timers read. */
export const hasTimer = sql`(jsonb_typeof(a.runtime_config #> '{heartbeat,intervalSec}') = 'number')`

/** Seconds between two wakes by the timer; 0 where it is off. */
export const timerSeconds = sql`(case when ${hasTimer} and (a.runtime_config #>> '{heartbeat,intervalSec}')::numeric >= 1
  then floor(least(${secondsLiteral(MAX_TIMER_S)}, greatest(${secondsLiteral(MIN_TIMER_S)}, (a.runtime_config #>> '{heartbeat,intervalSec}')::numeric)))::int
  else 0 end)`

/** Whether the agent may be run at all. */
export const isInvokable = sql`(a.status in ('idle', 'active', 'running', 'error'))`
