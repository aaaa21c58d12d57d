// The next times of schedules, written whenever a routine or a trigger begins or ends to count.

import { sql } from 'drizzle-orm'
import { routines, routineTriggers } from '../../model/routines.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { isSchedule, nextAfter } from '../../platform/cron/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { LONGEST_SET_BACK_HOURS } from './limits.ts'

interface Schedule {
  readonly id: string
  readonly cronExpression: string
  readonly timezone: string
  readonly isWaiting: boolean
  /** Now by the database's clock, or the last time that was fired, if the clock was set back behind it by a day at most. */
  readonly from: Instant
}

// A clock that was ahead for a moment has fired times of next year. A schedule that waited for them would be silent for a year, whatever is done to it.
const setBack = sql.raw(`interval '${LONGEST_SET_BACK_HOURS} hours'`)

const schedulesOf = statement<{ routineIds: string[] }, Schedule>('routine_schedules').read(sql`
  select t.id, t.cron_expression as "cronExpression", t.timezone, (t.enabled and r.status = 'active') as "isWaiting",
    case when t.last_due_at < now() + ${setBack} then greatest(now(), t.last_due_at) else now() end as "from"
  from ${routineTriggers} t join ${routines} r on r.id = t.routine_id
  where t.routine_id = any(${param('routineIds', 'uuid[]')}) and t.kind = 'schedule' order by t.id`)

const writeTimes = statement<{ times: string }, never>('routine_set_times').write(sql`
  update ${routineTriggers} t set next_run_at = n.at from jsonb_to_recordset(${param('times', 'jsonb')}) as n (id uuid, at timestamptz) where t.id = n.id`)

/** The next time of a schedule that waits; null for one that does not. @throws Refusal `unprocessable` for one that is none on this server */
function nextOf({ isWaiting, cronExpression, timezone, from }: Omit<Schedule, 'id'>): Instant | null {
  if (!isWaiting) return null
  if (isSchedule(cronExpression, timezone)) return nextAfter(cronExpression, timezone, from)
  return refuse('unprocessable', {
    message: `This server cannot read the schedule ${cronExpression} in the time zone ${timezone}: turn its trigger off, or change it`,
    details: { cronExpression, timezone },
  })
}

/**
 * (tx) Writes when the schedules of routines are due next: never while a routine or its trigger is not active. Expects the locks of the routines.
 * @throws Refusal `unprocessable` for a schedule that waits and is none on this server
 */
export async function setNextTimes(tx: Tx, routineIds: readonly string[]): Promise<void> {
  const schedules = await tx.run(schedulesOf, { routineIds: [...routineIds] })
  if (schedules.length === 0) return
  await tx.run(writeTimes, { times: JSON.stringify(schedules.map((schedule) => ({ id: schedule.id, at: nextOf(schedule) }))) })
}
