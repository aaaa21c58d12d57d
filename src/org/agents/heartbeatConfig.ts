import { sql } from 'drizzle-orm'

// SQL conditions on `runtimeConfig.heartbeat` of the row `a` of agents. Rows of before may hold any JSON there, so each
// condition checks the type of a value before it uses the value.

/** The shortest interval of a timer, in seconds. A run takes seconds to start, so a shorter one would be a loop. */
const MIN_TIMER_S = 10
/** The longest interval of a timer, in seconds: a month. It keeps the arithmetic on instants in range. */
const MAX_TIMER_S = 30 * 86_400

const secondsLiteral = (seconds: number) => sql.raw(String(seconds))

/** True when the agent's timer may wake it, which is the default. */
export const heartbeatEnabled = sql`(coalesce(a.runtime_config #> '{heartbeat,enabled}', 'true'::jsonb) <> 'false'::jsonb)`

/** True when anything but the timer may wake the agent, which is the default. */
export const wakesOnDemand = sql`(coalesce(a.runtime_config #> '{heartbeat,wakeOnDemand}', 'true'::jsonb) <> 'false'::jsonb)`

/** True when an interval is configured. It is the condition of the index that the timers read. */
export const hasTimer = sql`(jsonb_typeof(a.runtime_config #> '{heartbeat,intervalSec}') = 'number')`

/** The seconds between two wakes by the timer; 0 when the timer is off. */
export const timerSeconds = sql`(case when ${hasTimer} and (a.runtime_config #>> '{heartbeat,intervalSec}')::numeric >= 1
  then floor(least(${secondsLiteral(MAX_TIMER_S)}, greatest(${secondsLiteral(MIN_TIMER_S)}, (a.runtime_config #>> '{heartbeat,intervalSec}')::numeric)))::int
  else 0 end)`
