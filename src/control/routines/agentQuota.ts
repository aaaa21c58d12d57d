// The times of schedules that agents have set, as they come due. A check of each expression is not enough: an agent may write a schedule anew before
// each run, set several of them on one routine, have several routines, and choose times that a change of the clock brings together.

import { sql } from 'drizzle-orm'
import type { SkipReason } from '../../model/routineStatus.ts'
import { routineRuns, routines, routineTriggers } from '../../model/routines.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { MAX_SCHEDULED_PER_HOUR_OF_AGENT, MIN_MINUTES_OF_AGENT } from './limits.ts'
import type { RoutineRow } from './lock.ts'

const dueAt = param('dueAt', 'timestamptz')
const interval = sql.raw(`interval '${MIN_MINUTES_OF_AGENT} minutes'`)

// By the times of the schedules and not by the clock: a server that makes up for what it missed runs several of them at once. A run is never made before
// it is due, so its row is found by its age. A trigger that is gone counts as one of an agent: otherwise a new one would begin at nothing.
const selectUse = statement<
  { companyId: string; agentId: string | null; routineId: string; dueAt: Instant },
  { isTooSoon: boolean; withinHour: number }
>('routine_schedule_use').read(sql`
  select coalesce(bool_or(rr.routine_id = ${param('routineId', 'uuid')} and rr.due_at > ${dueAt} - ${interval} and rr.due_at < ${dueAt} + ${interval}), false) as "isTooSoon",
    (count(*) filter (where rr.due_at <= ${dueAt}))::int as "withinHour"
  from ${routines} r join ${routineRuns} rr on rr.routine_id = r.id
  where r.company_id = ${param('companyId', 'uuid')} and r.assignee_agent_id = ${param('agentId', 'uuid')}
    and rr.source = 'schedule' and rr.status <> 'skipped' and rr.due_at > ${dueAt} - interval '1 hour' and rr.created_at > ${dueAt} - interval '1 hour'
    and not exists (select from ${routineTriggers} t where t.id = rr.trigger_id and not t.set_by_agent)`)

/**
 * (tx) Why a due time of a schedule that an agent has set makes no run; null when it may. Expects the routine's row lock, so it is exact for one
 * routine; routines that fire at the same moment may exceed the number of an hour by one each.
 */
export async function overQuotaOfAgent(tx: Tx, routine: RoutineRow, due: Instant): Promise<SkipReason | null> {
  const { id: routineId, companyId, assigneeAgentId: agentId } = routine
  const { isTooSoon, withinHour } = exactlyOne(await tx.run(selectUse, { companyId, agentId, routineId, dueAt: due }))
  if (isTooSoon) return 'agent_interval'
  return withinHour >= MAX_SCHEDULED_PER_HOUR_OF_AGENT ? 'agent_quota' : null
}
