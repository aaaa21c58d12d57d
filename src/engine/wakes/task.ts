import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { isLive } from '../../auth/runFacts.ts'
import { insertQueuedWake } from './insert.ts'
import type { NewWake } from './insert.ts'

/** A wish for a run that is not about an issue. */
export interface TaskRequest extends Omit<NewWake, 'issueId'> {
  /** Which of its tasks the agent is wanted for; null for whatever it does beside them. */
  readonly taskKey: string | null
  /** The run is to start without the session of the one before. */
  readonly isFresh: boolean
}

interface OpenTaskRun {
  id: string
  wakeId: string | null
}

// What waits comes first: it has yet to learn what it is for.
const openTaskRunOf = statement<{ agentId: string; taskKey: string | null; isFresh: boolean }, OpenTaskRun>('wake_task_open').read(sql`
  select r.id, w.id as "wakeId" from ${runs} r left join ${wakes} w on w.id = r.wakeup_request_id
  where r.agent_id = ${param('agentId')} and ${isUnended('r')} and ${isLive} and r.issue_id is null
    and w.payload ->> 'taskKey' is not distinct from ${param('taskKey', 'text')}
    and (not ${param('isFresh', 'boolean')} or r.status = 'queued' and w.payload ->> 'forceFreshSession' = 'true')
  order by r.status, r.created_at, r.id limit 1`)

/** (tx) The run that stands for a wish already, queued or running; null where there is none. Expects the agent's row lock. */
export async function findOpenTaskRun(tx: Tx, request: TaskRequest): Promise<OpenTaskRun | null> {
  const [open] = await tx.run(openTaskRunOf, { agentId: request.agentId, taskKey: request.taskKey, isFresh: request.isFresh })
  return open ?? null
}

const coalesce = statement<{ id: string }, { id: string }>('wake_task_join').write(sql`
  update ${wakes} set coalesced_count = coalesced_count + 1, updated_at = now()
  where id = ${param('id')} and status in ('queued', 'claimed') returning id`)

/** (tx) Counts a wish in the wake whose run stands for it. */
export const coalesceWake = async (tx: Tx, id: string): Promise<void> => void (await tx.run(coalesce, { id }))

/** (tx) Queues a run for a wish. @returns the id of the run */
export async function insertTaskWake(tx: Tx, ctx: Ctx, { taskKey, isFresh, ...request }: TaskRequest): Promise<string> {
  const payload = {
    ...request.payload,
    ...(taskKey === null ? {} : { taskKey }),
    ...(isFresh ? { forceFreshSession: true } : {}),
  }
  return await insertQueuedWake(tx, ctx, { ...request, issueId: null, payload })
}
