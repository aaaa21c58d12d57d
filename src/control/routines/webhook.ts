// The public webhook of a trigger: no session, only the secret of the trigger, or a signature made with it over the bytes of the body.

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { openValue } from '../../org/vault/index.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { routineRuns, routines, routineTriggers } from '../../model/routines.ts'
import { changedIfAny, mutate, unchanged } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { SignedRequest } from '../../http/route.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { quotaRefusal } from '../../platform/kernel/quotas.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { fire, noCause } from './fire.ts'
import { MAX_CALLS_PER_HOUR_OF_AGENT, MAX_CALLS_PER_MINUTE } from './limits.ts'
import { lockRoutine, triggerById } from './lock.ts'
import type { RoutineRow, TriggerRow } from './lock.ts'
import { runColumns } from './queries.ts'
import type { RoutineRun } from './queries.ts'
import { runOfKey } from './runNow.ts'
import { purposeOf } from './triggers.ts'

type Found = TriggerRow & { readonly now: number }

const byPublicId = statement<{ publicId: string }, Found>('routine_trigger_public').read(sql`
  select ${columnsOf(routineTriggers)}, extract(epoch from now())::float8 as now from ${routineTriggers}
  where public_id = ${param('publicId')} and not ${isCompanyDeleted(routineTriggers.companyId)}`)

const runByReplay = statement<{ triggerId: string; replayKey: string }, RoutineRun>('routine_run_by_replay').read(
  sql`select ${runColumns} from ${routineRuns} where trigger_id = ${param('triggerId', 'uuid')} and replay_key = ${param('replayKey')}`,
)

const countCalls = statement<{ routineId: string; triggerId: string }, { count: number }>('routine_calls').read(sql`
  select count(*)::int as count from ${routineRuns} where routine_id = ${param('routineId', 'uuid')} and created_at > now() - interval '1 minute'
    and trigger_id = ${param('triggerId', 'uuid')} and source = 'webhook'`)

/** Whether the board made a trigger and no agent has had its secret since. @param alias of the table `routine_triggers` */
const isOfBoard = (alias: string): SQL => sql.raw(`${alias}.created_by_agent_id is null and ${alias}.updated_by_agent_id is null`)

// A trigger that is gone counts as one of the agent: otherwise a new one would begin at nothing.
const countCallsOfAgent = statement<{ companyId: string; agentId: string | null }, { count: number }>('routine_calls_of_agent').read(sql`
  select count(*)::int as count from ${routines} r join ${routineRuns} rr on rr.routine_id = r.id
  where r.company_id = ${param('companyId', 'uuid')} and r.assignee_agent_id = ${param('agentId', 'uuid')} and rr.source = 'webhook'
    and rr.created_at > now() - interval '1 hour'
    and not exists (select from ${routineTriggers} t where t.id = rr.trigger_id and ${isOfBoard('t')})`)

/**
 * (tx) Refuses one call more than a webhook may have. Expects the routine's row lock.
 * @throws Refusal `quota_exceeded`
 */
async function requireCallsLeft(tx: Tx, { companyId, assigneeAgentId }: RoutineRow, trigger: TriggerRow): Promise<void> {
  const { routineId, id: triggerId, createdByAgentId, updatedByAgentId } = trigger
  const { count } = exactlyOne(await tx.run(countCalls, { routineId, triggerId }))
  if (count >= MAX_CALLS_PER_MINUTE)
    throw quotaRefusal({ quota: 'webhook_calls', scope: 'company', limit: MAX_CALLS_PER_MINUTE, windowSeconds: 60, retryAfter: 60 })
  if (createdByAgentId === null && updatedByAgentId === null) return
  const { count: ofAgent } = exactlyOne(await tx.run(countCallsOfAgent, { companyId, agentId: assigneeAgentId }))
  if (ofAgent >= MAX_CALLS_PER_HOUR_OF_AGENT)
    throw quotaRefusal({ quota: 'webhook_calls', scope: 'agent', limit: MAX_CALLS_PER_HOUR_OF_AGENT, windowSeconds: 3600, retryAfter: 60 })
}

const sha256 = (text: string | Buffer): Buffer => createHash('sha256').update(text).digest()

/** Compares two texts in a time that says nothing about them. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(sha256(a), sha256(b))

/** The secret of a trigger that does not exist: the work and the answer are the same as for one that does. */
const NO_SECRET = randomBytes(32).toString('base64url')

const bearerPattern = /^bearer +(\S+) *$/i
/** Seconds since 1970, or milliseconds as 13 digits. */
const timestampPattern = /^\d{10}(?:\d{3})?$/
const signaturePattern = /^(?:sha256=)?([0-9a-f]{64})$/i

const MILLISECONDS_DIGITS = 13
const secondsOf = (timestamp: string): number => (timestamp.length === MILLISECONDS_DIGITS ? Number(timestamp) / 1000 : Number(timestamp))

/** Whether a request has the secret as its bearer. */
function hasBearer({ authorization }: SignedRequest, secret: string): boolean {
  const token = bearerPattern.exec(authorization ?? '')?.[1] ?? ''
  return isSame(token, secret)
}

/** The signature of a request, in one spelling; null when it is not made with the secret over the timestamp and the body, or not within the window. */
function validSignature(
  request: SignedRequest,
  secret: string,
  trigger: { readonly replayWindowSec: number; readonly now: number },
): string | null {
  const timestamp = request.timestamp ?? ''
  const signature = (signaturePattern.exec(request.signature ?? '')?.[1] ?? '').toLowerCase()
  const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(request.rawBody).digest('hex')
  const isFresh = timestampPattern.test(timestamp) && Math.abs(trigger.now - secondsOf(timestamp)) <= trigger.replayWindowSec
  return isSame(signature, expected) && isFresh ? signature : null
}

interface Proof {
  readonly trigger: TriggerRow
  /** The hash of the signature, by which a repeat is known; null for a bearer. */
  readonly replayKey: string | null
}

/** The trigger whose secret a request has proved to know. @throws Refusal `unauthorized`, the same for every cause */
async function prove(ctx: Ctx, publicId: string, request: SignedRequest): Promise<Proof> {
  const [trigger] = await ctx.store.read.run(byPublicId, { publicId })
  const secret = trigger === undefined ? NO_SECRET : await secretOf(ctx, trigger)
  const { signingMode = 'bearer', replayWindowSec, now = 0 } = trigger ?? {}
  if (signingMode === 'hmac_sha256') {
    const signature = validSignature(request, secret, { replayWindowSec: replayWindowSec ?? 0, now })
    return trigger === undefined || signature === null ? request.refuse() : { trigger, replayKey: sha256(signature).toString('hex') }
  }
  const isProved = hasBearer(request, secret)
  return trigger === undefined || !isProved ? request.refuse() : { trigger, replayKey: null }
}

async function secretOf({ store }: Ctx, { companyId, keyId, sealed, ...trigger }: Found): Promise<string> {
  if (keyId === null || sealed === null) return NO_SECRET
  return await openValue(store, companyId, purposeOf(trigger), { keyId, sealed })
}

const isSameSecret = (a: TriggerRow, b: TriggerRow): boolean => a.secretVersion === b.secretVersion && a.signingMode === b.signingMode

/** (tx) The run that this call has made before; null for a first one. */
async function repeated(
  tx: Tx,
  { id, routineId }: TriggerRow,
  { replayKey, key }: { replayKey: string | null; key: string | null },
): Promise<RoutineRun | null> {
  const [replay] = replayKey === null ? [] : await tx.run(runByReplay, { triggerId: id, replayKey })
  return replay ?? (await runOfKey(tx, { routineId, triggerId: id }, key))
}

/** The values of variables in a payload: those under `variables`, else its own fields. */
function variablesIn(payload: unknown): Readonly<Record<string, unknown>> {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return {}
  const fields = payload as Readonly<Record<string, unknown>>
  const { variables } = fields
  return typeof variables === 'object' && variables !== null && !Array.isArray(variables) ? { ...fields, ...variables } : fields
}

/**
 * Runs a routine by its webhook. A request that repeats a signature, or a key, gets the run that the first one made.
 * @throws Refusal `unauthorized` for an unknown trigger and for a wrong proof alike, `too_many_guesses`; `conflict` when the trigger or its routine is
 *   off, or when nothing of it runs: its company, project or assignee is stopped; `unprocessable` for variables; `quota_exceeded`, `vault_locked`
 */
export async function fireWebhook(ctx: Ctx, publicId: string, payload: unknown, request: SignedRequest): Promise<RoutineRun> {
  const proof = await prove(ctx, publicId, request)
  const { id: triggerId, companyId, routineId } = proof.trigger
  const { replayKey } = proof
  const asTrigger: Ctx = { ...ctx, actor: { kind: 'system', task: 'routine webhook' }, companyId, idempotency: null }
  return await mutate(asTrigger, async (tx) => {
    const locked = await lockRoutine(tx, companyId, routineId)
    const trigger = await triggerById(tx, companyId, triggerId)
    // Its secret was replaced meanwhile, so the proof is none any more.
    if (!isSameSecret(trigger, proof.trigger)) return request.refuse()
    const key = request.idempotencyKey
    const before = await repeated(tx, trigger, { replayKey, key })
    if (before !== null) return unchanged(before)
    if (!trigger.enabled) refuse('conflict', { message: 'The trigger is turned off' })
    if (locked.routine.status !== 'active') refuse('conflict', { message: `The routine is ${locked.routine.status}` })
    await requireCallsLeft(tx, locked.routine, trigger)
    const cause = {
      ...noCause,
      source: 'webhook',
      triggerId,
      payload: payload ?? null,
      variables: variablesIn(payload),
      idempotencyKey: key,
      replayKey,
    } as const
    const { run, events } = await fire(tx, asTrigger, locked, cause)
    return changedIfAny(run, events)
  })
}
