import { sql } from 'drizzle-orm'
import { routineRuns } from '../../model/routines.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { fire, noCause } from './fire.ts'
import { lockOwnRoutine, refuseMissing, triggerById } from './lock.ts'
import type { RoutineRow } from './lock.ts'
import { runColumns } from './queries.ts'
import type { RoutineRun } from './queries.ts'
import type { RunRoutine } from './views.ts'

interface KeyOfRun {
  readonly routineId: string
  /** The trigger that the key was sent with; null for none. */
  readonly triggerId: string | null
}

const runByKey = statement<KeyOfRun & { key: string }, RoutineRun>('routine_run_by_key').read(sql`
  select ${runColumns} from ${routineRuns} where routine_id = ${param('routineId', 'uuid')} and idempotency_key = ${param('key')}
    and coalesce(trigger_id, routine_id) = coalesce(${param('triggerId', 'uuid')}, ${param('routineId', 'uuid')})`)

/** (tx) The run that a key has made before; null for none. Expects the routine's row lock, under which alone runs are made. */
export async function runOfKey(tx: Tx, of: KeyOfRun, key: string | null): Promise<RoutineRun | null> {
  if (key === null) return null
  const [run] = await tx.run(runByKey, { ...of, key })
  return run ?? null
}

/** (tx) Refuses a run that a request asks for. @throws Refusal `conflict`, `unprocessable`, `not_found` */
async function requireRunnable(tx: Tx, ctx: Ctx, routine: RoutineRow, triggerId: string | null): Promise<void> {
  if (routine.status === 'archived') refuse('conflict', { message: 'The routine is archived' })
  // The board may try out a routine that is paused.
  if (routine.status === 'paused' && ctx.actor.kind === 'agent') refuse('conflict', { message: 'The routine is paused' })
  if (routine.assigneeAgentId === null) refuse('unprocessable', { message: 'The routine is a draft: it needs an assignee' })
  if (triggerId === null) return
  const trigger = await triggerById(tx, companyOf(ctx), triggerId)
  if (trigger.routineId !== routine.id) refuseMissing('Routine trigger')
  if (!trigger.enabled) refuse('conflict', { message: 'The trigger is turned off' })
}

/**
 * Runs a routine at once. The same key makes one run of a routine, from whichever caller it comes again.
 * @throws Refusal `not_found`, `not_self`; `conflict` for a routine or a trigger that is off; `unprocessable` for a draft and for variables; those of
 *   `insertIssue`
 */
export async function runRoutine(ctx: Ctx, id: string, input: RunRoutine): Promise<RoutineRun> {
  const { triggerId = null, payload = null, variables, idempotencyKey = null, source } = input
  return await mutate(ctx, async (tx) => {
    const locked = await lockOwnRoutine(tx, ctx, id)
    const before = await runOfKey(tx, { routineId: id, triggerId }, idempotencyKey)
    if (before !== null) return unchanged(before)
    await requireRunnable(tx, ctx, locked.routine, triggerId)
    const { run, events } = await fire(tx, ctx, locked, {
      ...noCause,
      source,
      triggerId,
      payload,
      variables: variables ?? {},
      idempotencyKey,
    })
    return changedIfAny(run, events)
  })
}
