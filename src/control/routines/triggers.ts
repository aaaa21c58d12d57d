import { randomBytes, randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { sealValue } from '../../org/vault/index.ts'
import type { Sealed } from '../../org/vault/index.ts'
import { routineTriggers } from '../../model/routines.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { parseCron, shortestMinutes } from '../../platform/cron/index.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { triggerCreated, triggerDeleted, triggerSecretRotated, triggerUpdated } from './events.ts'
import { MAX_TRIGGERS, MAX_TRIGGERS_OF_AGENT, MIN_MINUTES_OF_AGENT } from './limits.ts'
import { lockOwnRoutine, lockOwnTrigger, triggerById } from './lock.ts'
import type { RoutineRow, TriggerRow } from './lock.ts'
import { requireMayWriteCompany } from './mayWrite.ts'
import { setNextTimes } from './nextTimes.ts'
import { databaseNow, requireSchedule, shown } from './queries.ts'
import type { TriggerWithTimes } from './queries.ts'
import { withoutDefault } from './variables.ts'
import type { CreateTrigger, PatchTrigger } from './views.ts'

/** 256 random bits, which cannot be guessed. */
const SECRET_BYTES = 32
/** 24 hexadecimal digits. It names the trigger and proves nothing. */
const PUBLIC_ID_BYTES = 12

/** The secret of a trigger is bound to the trigger and to its version. */
export const purposeOf = ({ id, secretVersion }: Pick<TriggerRow, 'id' | 'secretVersion'>): string =>
  `routine-trigger:${id}:${secretVersion}`

export interface TriggerWithSecret {
  readonly trigger: TriggerWithTimes
  /** Shown once; null for a trigger without a secret. */
  readonly secretMaterial: { readonly webhookUrl: string; readonly webhookSecret: string } | null
}

const countTriggers = statement<{ routineId: string }, { count: number }>('routine_trigger_count').read(
  sql`select count(*)::int as count from ${routineTriggers} where routine_id = ${param('routineId', 'uuid')}`,
)

async function requireRoom(tx: Tx, ctx: Ctx, routineId: string): Promise<void> {
  const { count } = exactlyOne(await tx.run(countTriggers, { routineId }))
  const most = ctx.actor.kind === 'agent' ? MAX_TRIGGERS_OF_AGENT : MAX_TRIGGERS
  if (count >= most)
    refuse('unprocessable', {
      message: `A routine has at most ${most} triggers${ctx.actor.kind === 'agent' ? ' that an agent adds to' : ''}`,
    })
}

interface Schedule {
  readonly cronExpression: string
  readonly timezone: string
}

/**
 * (tx) Refuses a schedule that is none, one that an agent may not set by its interval, and one whose routine needs values that no schedule
 * has.
 * @throws Refusal `unprocessable`
 */
async function requireUsableSchedule(tx: Tx, ctx: Ctx, routine: RoutineRow, { cronExpression, timezone }: Schedule): Promise<void> {
  requireSchedule(cronExpression, timezone, await databaseNow(tx))
  const cron = parseCron(cronExpression)
  if (ctx.actor.kind === 'agent' && cron !== null && shortestMinutes(cron) < MIN_MINUTES_OF_AGENT) {
    const message = `Schedules that an agent sets have at least ${MIN_MINUTES_OF_AGENT} minutes between two times of an hour; ask the board for a shorter interval`
    refuse('unprocessable', { message, details: { minimumMinutes: MIN_MINUTES_OF_AGENT } })
  }
  const missing = withoutDefault(routine.variables)
  if (missing.length > 0)
    refuse('unprocessable', {
      message: `A schedule cannot give values of variables: ${missing.join(', ')} need a default`,
      details: { missing },
    })
}

const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url')

/** The columns of a webhook with a new secret. */
interface WebhookColumns extends Sealed {
  readonly publicId: string
  readonly secretVersion: number
}

/** (tx) The columns of a new webhook, and its secret, which nothing shows again. @throws Refusal `vault_locked` */
export async function newWebhook(tx: Tx, companyId: string, id: string): Promise<{ columns: WebhookColumns; secret: string }> {
  const secret = newSecret()
  const sealed = await sealValue(tx, companyId, purposeOf({ id, secretVersion: 1 }), secret)
  return { columns: { publicId: randomBytes(PUBLIC_ID_BYTES).toString('hex'), secretVersion: 1, ...sealed }, secret }
}

const urlOf = (origin: string, publicId: string): string => `${origin}/api/routine-triggers/public/${publicId}/fire`

/**
 * Adds a trigger to a routine. The answer shows the secret of a webhook, which nothing shows again.
 * @param origin where this server is reached, for the URL of a webhook
 * @throws Refusal `not_found`, `not_self`; `unprocessable` for a schedule and beyond a quota; `company_not_active`, `vault_locked`
 */
export async function createTrigger(ctx: Ctx, routineId: string, input: CreateTrigger, origin: string): Promise<TriggerWithSecret> {
  const companyId = companyOf(ctx)
  const id = randomUUID()
  return await mutate(ctx, async (tx) => {
    const { routine, companyStatus } = await lockOwnRoutine(tx, ctx, routineId)
    requireMayWriteCompany(companyStatus)
    await requireRoom(tx, ctx, routineId)
    if (input.kind === 'schedule') await requireUsableSchedule(tx, ctx, routine, input)
    const webhook = input.kind === 'webhook' ? await newWebhook(tx, companyId, id) : null
    const { agentId, userId } = authorOf(ctx.actor)
    const authors = { createdByAgentId: agentId, createdByUserId: userId, updatedByAgentId: agentId, updatedByUserId: userId }
    const setByAgent = ctx.actor.kind === 'agent'
    await tx
      .insert(routineTriggers)
      .values({ ...input, label: input.label ?? null, ...webhook?.columns, ...authors, setByAgent, id, companyId, routineId })
    if (input.kind === 'schedule') await setNextTimes(tx, [routineId])
    const trigger = await triggerById(tx, companyId, id)
    const secretMaterial = webhook === null ? null : { webhookUrl: urlOf(origin, webhook.columns.publicId), webhookSecret: webhook.secret }
    return changed({ trigger: shown(trigger), secretMaterial }, triggerCreated(id, trigger, { agentId: routine.assigneeAgentId }))
  })
}

/** An agent leaves a trigger off that was turned off by the board (I21). @throws Refusal `approval_required` */
function requireNotStopped(ctx: Ctx, { enabled, updatedByAgentId }: TriggerRow): void {
  if (ctx.actor.kind === 'agent' && !enabled && updatedByAgentId !== ctx.actor.agentId)
    refuse('approval_required', { message: 'The board has turned this trigger off, and only the board changes it' })
}

const fieldsOf = { schedule: ['cronExpression', 'timezone'], webhook: ['signingMode', 'replayWindowSec'], api: [] } as const

/** @throws Refusal `unprocessable` for a field that a trigger of this kind does not have */
function requireFieldsOf({ kind }: TriggerRow, input: PatchTrigger): void {
  const own: readonly string[] = [...fieldsOf[kind], 'label', 'enabled']
  const foreign = Object.entries(input).flatMap(([name, value]) => (value === undefined || own.includes(name) ? [] : [name]))
  if (foreign.length > 0)
    refuse('unprocessable', { message: `A trigger of the kind ${kind} has no ${foreign.join(', ')}`, details: { fields: foreign } })
}

/**
 * Changes a trigger. A schedule that is turned on again, or changed, goes on with the next time from now.
 * @throws Refusal `not_found`, `not_self`; `approval_required` for an agent and a trigger that the board has turned off; `unprocessable`
 */
export async function updateTrigger(ctx: Ctx, id: string, input: PatchTrigger): Promise<TriggerWithTimes> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const { routine, trigger: before, companyStatus } = await lockOwnTrigger(tx, ctx, id)
    requireMayWriteCompany(companyStatus)
    const changes = changesOf(before, input)
    if (changes.length === 0) return unchanged(shown(before))
    requireNotStopped(ctx, before)
    requireFieldsOf(before, input)
    const after = { ...before, ...Object.fromEntries(changes) } as TriggerRow
    const { cronExpression, timezone, enabled } = after
    const isReworded = changes.some(([key]) => key === 'cronExpression' || key === 'timezone')
    const isScheduleChanged = isReworded || changes.some(([key]) => key === 'enabled')
    if (cronExpression !== null && timezone !== null && isScheduleChanged) {
      if (enabled) await requireUsableSchedule(tx, ctx, routine, { cronExpression, timezone })
      else if (isReworded) requireSchedule(cronExpression, timezone, await databaseNow(tx))
    }
    const { agentId: updatedByAgentId, userId: updatedByUserId } = authorOf(ctx.actor)
    // A trigger that is turned off is due at no time; `setNextTimes` writes that of one that is on.
    const idle = before.kind === 'schedule' && isScheduleChanged ? { nextRunAt: null } : {}
    const setter = isReworded ? { setByAgent: ctx.actor.kind === 'agent' } : {}
    await tx
      .update(routineTriggers)
      .set({ ...Object.fromEntries(changes), ...idle, ...setter, updatedByAgentId, updatedByUserId, updatedAt: nextUpdatedAt })
      .where(eq(routineTriggers.id, id))
    if (before.kind === 'schedule' && isScheduleChanged) await setNextTimes(tx, [routine.id])
    const details = { routineId: routine.id, kind: before.kind, ...changeDetails(before, changes) }
    return changed(shown(await triggerById(tx, companyId, id)), triggerUpdated(id, details, { agentId: routine.assigneeAgentId }))
  })
}

/** Deletes a trigger; its runs stay. @throws Refusal `not_found`, `not_self`; `approval_required` as `updateTrigger` */
export async function deleteTrigger(ctx: Ctx, id: string): Promise<null> {
  return await mutate(ctx, async (tx) => {
    const { routine, trigger } = await lockOwnTrigger(tx, ctx, id)
    // It would make the same one again, turned on.
    requireNotStopped(ctx, trigger)
    await tx.delete(routineTriggers).where(eq(routineTriggers.id, id))
    const details = { routineId: routine.id, kind: trigger.kind }
    return changed(null, triggerDeleted(id, details, { agentId: routine.assigneeAgentId }))
  })
}

/**
 * Gives a webhook a new secret, shown once. The old one ends with the commit.
 * @throws Refusal `not_found`, `not_self`; `unprocessable` for a trigger without a secret; `approval_required`, `company_not_active`, `vault_locked`
 */
export async function rotateSecret(ctx: Ctx, id: string, origin: string): Promise<TriggerWithSecret> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const { routine, trigger: before, companyStatus } = await lockOwnTrigger(tx, ctx, id)
    requireMayWriteCompany(companyStatus)
    const { publicId, kind } = before
    if (publicId === null) return refuse('unprocessable', { message: 'Only a webhook has a secret' })
    requireNotStopped(ctx, before)
    const secret = newSecret()
    const secretVersion = before.secretVersion + 1
    const { agentId: updatedByAgentId, userId: updatedByUserId } = authorOf(ctx.actor)
    const sealed = await sealValue(tx, companyId, purposeOf({ id, secretVersion }), secret)
    await tx
      .update(routineTriggers)
      .set({ ...sealed, secretVersion, lastRotatedAt: sql`now()`, updatedByAgentId, updatedByUserId, updatedAt: nextUpdatedAt })
      .where(eq(routineTriggers.id, id))
    const value = {
      trigger: shown(await triggerById(tx, companyId, id)),
      secretMaterial: { webhookUrl: urlOf(origin, publicId), webhookSecret: secret },
    }
    const details = { routineId: routine.id, kind, version: secretVersion }
    return changed(value, triggerSecretRotated(id, details, { agentId: routine.assigneeAgentId }))
  })
}
