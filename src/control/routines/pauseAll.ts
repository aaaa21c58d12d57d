import { sql } from 'drizzle-orm'
import { reasonDetails } from '../../http/reasonBody.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { routines } from '../../model/routines.ts'
import type { RoutinePauseReason, RoutineStatus } from '../../model/routineStatus.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { allRoutinesPaused, allRoutinesResumed } from './events.ts'
import { setNextTimes } from './nextTimes.ts'

const lockActive = lockingRead(
  'routine',
  statement<{ companyId: string }, { id: string }>('routine_lock_active').read(sql`
    select id from ${routines} where company_id = ${param('companyId', 'uuid')} and status = 'active' order by id for no key update`),
)

const lockPaused = lockingRead(
  'routine',
  statement<{ companyId: string }, { id: string }>('routine_lock_paused').read(sql`
    select id from ${routines} where company_id = ${param('companyId', 'uuid')} and status = 'paused' and pause_reason = 'pause_all'
    order by id for no key update`),
)

interface Change {
  ids: string[]
  status: RoutineStatus
  pauseReason: RoutinePauseReason | null
  userId: string | null
}

const setStatus = statement<Change, { id: string }>('routine_set_status').write(sql`
  update ${routines} set status = ${param('status')}, pause_reason = ${param('pauseReason')}, updated_by_user_id = ${param('userId')},
    updated_by_agent_id = null, updated_at = ${nextUpdatedAt}
  where id = any(${param('ids', 'uuid[]')}) returning id`)

async function change(tx: Tx, change: Change): Promise<void> {
  await tx.run(setStatus, change)
  await setNextTimes(tx, change.ids)
}

/** Pauses every active routine of a company, in one transaction. None fires from its commit on. */
export async function pauseAllRoutines(ctx: Ctx, reason: string | null): Promise<{ routineIds: string[] }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const routineIds = (await lockActive(tx, { companyId })).map(({ id }) => id)
    if (routineIds.length === 0) return unchanged({ routineIds })
    await change(tx, { ids: routineIds, status: 'paused', pauseReason: 'pause_all', userId: authorOf(ctx.actor).userId })
    return changed({ routineIds }, allRoutinesPaused(companyId, { routineIds, ...reasonDetails(reason) }))
  })
}

/** Makes the routines active again that were paused all at once, and no other. They go on with their next times. */
export async function resumeAllRoutines(ctx: Ctx, reason: string | null): Promise<{ routineIds: string[] }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const routineIds = (await lockPaused(tx, { companyId })).map(({ id }) => id)
    if (routineIds.length === 0) return unchanged({ routineIds })
    await change(tx, { ids: routineIds, status: 'active', pauseReason: null, userId: authorOf(ctx.actor).userId })
    return changed({ routineIds }, allRoutinesResumed(companyId, { routineIds, ...reasonDetails(reason) }))
  })
}
