// Routines stop with what they belong to.

import { sql } from 'drizzle-orm'
import { routines } from '../../model/routines.ts'
import type { RoutinePauseReason, RoutineStatus } from '../../model/routineStatus.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { routineStopped } from './events.ts'
import { setNextTimes } from './nextTimes.ts'

interface Subject {
  companyId: string
  id: string
}

const lockOfAgent = lockingRead(
  'routine',
  statement<Subject, { id: string }>('routine_lock_of_agent').read(sql`
    select id from ${routines} where company_id = ${param('companyId', 'uuid')} and assignee_agent_id = ${param('id', 'uuid')} order by id for no key update`),
)
const lockOfProject = lockingRead(
  'routine',
  statement<Subject, { id: string }>('routine_lock_of_project').read(sql`
    select id from ${routines} where company_id = ${param('companyId', 'uuid')} and project_id = ${param('id', 'uuid')} order by id for no key update`),
)

interface Stopped {
  id: string
  status: RoutineStatus
}

// The routines that an agent made for itself end with it; those that the board gave to it wait for another assignee.
const stop = statement<{ ids: string[]; why: RoutinePauseReason }, Stopped>('routine_stop').write(sql`
  update ${routines} set pause_reason = ${param('why', 'text')}, updated_at = ${nextUpdatedAt},
    status = case when ${param('why', 'text')} = 'agent_ended' and created_by_agent_id = assignee_agent_id then 'archived' else 'paused' end
  where id = any(${param('ids', 'uuid[]')}) and status <> 'archived' and not (status = 'paused' and pause_reason = ${param('why', 'text')})
  returning id, status`)

async function stopAll(tx: Tx, ids: readonly string[], why: RoutinePauseReason): Promise<DomainEvent[]> {
  if (ids.length === 0) return []
  const stopped = await tx.run(stop, { ids: [...ids], why })
  await setNextTimes(
    tx,
    stopped.map(({ id }) => id),
  )
  return stopped.map(({ id, status }) => routineStopped(id, { status, why }))
}

/**
 * (tx) Stops the routines of an agent that ends: those that it made for itself are archived, the others are paused. Expects the agent's row
 * lock. @returns the events
 */
export const stopRoutinesOfAgent = async (tx: Tx, companyId: string, agentId: string): Promise<DomainEvent[]> =>
  await stopAll(
    tx,
    (await lockOfAgent(tx, { companyId, id: agentId })).map(({ id }) => id),
    'agent_ended',
  )

/** (tx) Pauses the routines of a project that is deleted: their issues would run elsewhere. Expects the company's row lock. @returns the events */
export const stopRoutinesOfProject = async (tx: Tx, companyId: string, projectId: string): Promise<DomainEvent[]> =>
  await stopAll(
    tx,
    (await lockOfProject(tx, { companyId, id: projectId })).map(({ id }) => id),
    'project_deleted',
  )
