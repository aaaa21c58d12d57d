// The row of a routine, alone: each run of it and each change of it or its triggers takes this lock.

import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { requireActingRun } from '../../auth/runFacts.ts'
import { shareCompany } from '../../org/companies/index.ts'
import { routines, routineTriggers } from '../../model/routines.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { CompanyStatus } from '../../model/companyStatus.ts'
import type { routineTriggerView, routineView } from './views.ts'

export type RoutineRow = z.output<typeof routineView>
export type ShownTrigger = z.output<typeof routineTriggerView>

/** A trigger with what is not shown of it. */
export interface TriggerRow extends Omit<ShownTrigger, 'secretId'> {
  readonly setByAgent: boolean
  readonly lastDueAt: Instant | null
  readonly secretVersion: number
  readonly keyId: string | null
  readonly sealed: Buffer | null
}

interface RoutineIds {
  readonly companyId: string
  readonly id: string
}

const byId = sql`select ${columnsOf(routines)} from ${routines} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`

const lockById = lockingRead('routine', statement<RoutineIds, RoutineRow>('routine_lock').read(sql`${byId} for no key update`))

const lockIfFree = lockingRead(
  'routine',
  statement<RoutineIds, RoutineRow>('routine_lock_free').read(sql`${byId} for no key update skip locked`),
)

const selectTrigger = statement<RoutineIds, TriggerRow>('routine_trigger').read(
  sql`select ${columnsOf(routineTriggers)} from ${routineTriggers} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

export const refuseMissing = (noun: 'Routine' | 'Routine trigger'): never => refuse('not_found', { message: `${noun} not found` })

/** The answer to an agent that writes a routine of another one. */
export const OWN_ONLY = 'Agents can only manage routines assigned to themselves'

/** A routine under its lock and the shared lock of its company. */
export interface LockedRoutine {
  readonly companyStatus: CompanyStatus
  readonly routine: RoutineRow
}

/**
 * (tx) Locks a routine, and shares the lock of its company: what it refers to is deleted under that lock alone.
 * @throws Refusal `not_found`
 */
export async function lockRoutine(tx: Tx, companyId: string, id: string): Promise<LockedRoutine> {
  const { status } = await shareCompany(tx, companyId)
  const [routine] = await lockById(tx, { companyId, id })
  return { companyStatus: status, routine: routine ?? refuseMissing('Routine') }
}

/** (tx) As `lockRoutine`; null while another transaction has the routine, or when it is gone. */
export async function lockRoutineIfFree(tx: Tx, companyId: string, id: string): Promise<LockedRoutine | null> {
  const { status } = await shareCompany(tx, companyId)
  const [routine] = await lockIfFree(tx, { companyId, id })
  return routine === undefined ? null : { companyStatus: status, routine }
}

/**
 * (tx) Locks a routine for a change by the caller: an agent changes only routines that are assigned to itself.
 * @throws Refusal `not_found`, `not_self`, `company_not_active`; those of `requireActingRun`
 */
export async function lockOwnRoutine(tx: Tx, ctx: Ctx, id: string): Promise<LockedRoutine> {
  const locked = await lockRoutine(tx, companyOf(ctx), id)
  const { actor } = ctx
  if (actor.kind === 'agent' && locked.routine.assigneeAgentId !== actor.agentId) refuse('not_self', { message: OWN_ONLY })
  await requireActingRun(tx, ctx)
  return locked
}

/** (tx) A trigger of a company, with what is not shown of it. Expects the lock of its routine. @throws Refusal `not_found` */
export async function triggerById(db: Pick<Tx, 'run'>, companyId: string, id: string): Promise<TriggerRow> {
  const [trigger] = await db.run(selectTrigger, { companyId, id })
  return trigger ?? refuseMissing('Routine trigger')
}

/** (tx) Locks the routine of a trigger for a change by the caller. @throws as `lockOwnRoutine` */
export async function lockOwnTrigger(tx: Tx, ctx: Ctx, id: string): Promise<LockedRoutine & { readonly trigger: TriggerRow }> {
  const { routineId } = await triggerById(tx, companyOf(ctx), id)
  const locked = await lockOwnRoutine(tx, ctx, routineId)
  // It may have been deleted or changed while this waited.
  return { ...locked, trigger: await triggerById(tx, companyOf(ctx), id) }
}
