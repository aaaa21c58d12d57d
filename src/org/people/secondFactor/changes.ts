// Turning the second factor on and off, and new recovery codes, by the person itself in a session.

import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Client } from '../../../http/client.ts'
import { recoveryCodes, secondFactors } from '../../../model/secondFactors.ts'
import { changed, mutate } from '../../../platform/db/mutate.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../../platform/db/types.ts'
import { Refusal, refuse } from '../../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../../platform/kernel/event.ts'
import { lockPerson } from '../administrators.ts'
import { ofInstance, sessionsEnded } from '../events.ts'
import { countAttempt, passwordLimits, takeBackAttempt } from '../limits.ts'
import { isPassword } from '../passwords.ts'
import { personById, sessionIdOf } from '../queries.ts'
import { recordAlone } from '../recordAlone.ts'
import { endSessionsIn } from '../sessions.ts'
import type { signedInView } from '../views.ts'
import { newRecoveryCodes, newSecret, recoveryHashOf, uriOf } from './codes.ts'
import { recoveryCodesRenewed, secondFactorBegun, secondFactorDisabled, secondFactorEnabled, secondFactorFailed } from './events.ts'
import type { FactorAct } from './events.ts'
import { countCode, factorChangeLimits } from './limits.ts'
import type { Seal } from './seal.ts'
import { confirmWith, deleteFactor, factorOf, proofOf, useUp } from './store.ts'
import type { Factor, Proof } from './store.ts'
import type { begunFactorView, codeBody, factorRemovedView, newCodesView, passwordAndCodeBody, passwordBody } from './views.ts'

export interface ChangeDeps {
  readonly seal: Seal
  /** The stored hash of a person's password; null for a person who has none. */
  readonly hashOf: (ctx: Ctx, userId: string) => Promise<string | null>
}

interface Attempt<T> {
  readonly client: Client
  readonly act: FactorAct
  readonly work: () => Promise<T>
}

const wrongParts: Readonly<Partial<Record<string, 'password' | 'code'>>> = { password_wrong: 'password', code_wrong: 'code' }

/** Counts an attempt before it is made, records what was wrong, and takes the attempt back when nothing was. */
async function attempted<T>(ctx: Ctx, userId: string, { client, act, work }: Attempt<T>): Promise<T> {
  const limits = factorChangeLimits(userId)
  await countCode(ctx.store, limits)
  try {
    const answer = await work()
    await takeBackAttempt(ctx.store, limits)
    return answer
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const wrong = wrongParts[error.code]
    if (wrong === undefined) await takeBackAttempt(ctx.store, limits)
    else await recordAlone(ctx, secondFactorFailed(userId, { address: client.address, act, wrong }, ofInstance))
    throw error
  }
}

/**
 * Attempts count also when the password is right: each costs a hash.
 * @throws Refusal `password_missing`, `password_wrong`, `too_many_attempts`, `busy`
 */
async function requirePassword(ctx: Ctx, { hashOf }: ChangeDeps, userId: string, password: string): Promise<void> {
  const hash = await hashOf(ctx, userId)
  if (hash === null) refuse('password_missing')
  await countAttempt(ctx.store, passwordLimits(userId))
  if (!(await isPassword(hash, password, 'known'))) refuse('password_wrong')
}

/** The proof of a code for a second factor that counts. @throws Refusal `code_wrong`, `second_factor_unreadable` */
const requireProof = async (seal: Seal, factor: Factor, code: string): Promise<Proof> =>
  (await proofOf(seal, factor, code, ['app', 'recovery'])) ?? refuse('code_wrong')

/** The second factor of the caller that counts. @throws Refusal `session_required`, `second_factor_missing` */
async function requireFactor(ctx: Ctx): Promise<Factor> {
  const { userId } = sessionIdOf(ctx)
  const factor = await factorOf(ctx.store.read, userId)
  return factor === null || factor.confirmedAt === null ? refuse('second_factor_missing') : factor
}

/** (tx) Ends the other sessions of the caller: one of them may be that of a thief. */
async function endOthers(ctx: Ctx, tx: Tx): Promise<DomainEvent[]> {
  const { userId, sessionId } = sessionIdOf(ctx)
  const sessionIds = await endSessionsIn(tx, { userId, onlyId: null, keepId: sessionId })
  return sessionIds.length === 0 ? [] : [sessionsEnded(userId, { sessionIds, reason: 'second_factor_changed' }, ofInstance)]
}

const putFactor = statement<{ userId: string; sealed: string; sealedWith: string }, { userId: string }>('second_factor_put').write(sql`
  insert into ${secondFactors} as f (person_id, secret, sealed_with)
  values (${param('userId')}, ${param('sealed')}, ${param('sealedWith')})
  on conflict (person_id) do update set secret = excluded.secret, sealed_with = excluded.sealed_with, last_step = 0, created_at = now(),
    updated_at = now() where f.confirmed_at is null returning f.person_id as "userId"`)

const putCodes = statement<{ userId: string; hashes: readonly string[] }, { hash: string }>('recovery_codes_put').write(sql`
  with gone as (delete from ${recoveryCodes} where person_id = ${param('userId')})
  insert into ${recoveryCodes} (hash, person_id) select hash, ${param('userId')} from unnest(${param('hashes', 'text[]')}) as t (hash)
  returning hash`)

const hashesOf = (codes: readonly string[]): string[] => codes.map((code) => recoveryHashOf(code) ?? '')

/**
 * Makes a secret for an app, and recovery codes. They count after the first code of the app. A secret of before that still waits ends.
 * @throws Refusal `session_required`, `second_factor_enabled`, `password_missing`, `password_wrong`, `too_many_attempts`, `busy`
 */
export async function beginFactor(
  ctx: Ctx,
  client: Client,
  deps: ChangeDeps,
  { password }: z.output<typeof passwordBody>,
): Promise<z.output<typeof begunFactorView>> {
  const { userId } = sessionIdOf(ctx)
  const work = async (): Promise<z.output<typeof begunFactorView>> => {
    await requirePassword(ctx, deps, userId, password)
    const secret = newSecret()
    const backupCodes = newRecoveryCodes()
    return await mutate(ctx, async (tx) => {
      await lockPerson(tx, userId)
      const { email } = await personById(tx, userId)
      if ((await tx.run(putFactor, { userId, ...deps.seal.close(secret) })).length === 0) refuse('second_factor_enabled')
      await tx.run(putCodes, { userId, hashes: hashesOf(backupCodes) })
      return changed({ method: 'totp' as const, totpURI: uriOf(secret, email), backupCodes }, secondFactorBegun(userId, {}, ofInstance))
    })
  }
  return await attempted(ctx, userId, { client, act: 'enable', work })
}

/**
 * Turns the second factor on with the first code of the app, and ends the other sessions.
 * @throws Refusal `session_required`, `second_factor_not_begun`, `code_wrong`, `too_many_attempts`
 */
export async function confirmFactor(
  ctx: Ctx,
  client: Client,
  { seal }: ChangeDeps,
  { code }: z.output<typeof codeBody>,
): Promise<z.output<typeof signedInView>> {
  const { userId } = sessionIdOf(ctx)
  const factor = await factorOf(ctx.store.read, userId)
  if (factor === null || factor.confirmedAt !== null || !factor.isFresh) return refuse('second_factor_not_begun')
  const work = async (): Promise<z.output<typeof signedInView>> => {
    const proof = await proofOf(seal, factor, code, ['app'])
    if (proof?.kind !== 'app') return refuse('code_wrong')
    return await mutate({ ...ctx, idempotency: null }, async (tx) => {
      await lockPerson(tx, userId)
      await confirmWith(tx, userId, proof)
      const ended = await endOthers(ctx, tx)
      const answer = { redirect: false as const, token: null, user: await personById(tx, userId) }
      return changed(answer, secondFactorEnabled(userId, {}, ofInstance), ...ended)
    })
  }
  return await attempted(ctx, userId, { client, act: 'confirm', work })
}

/**
 * Takes the second factor off, and ends the other sessions.
 * @throws Refusal `session_required`, `second_factor_missing`, `password_wrong`, `code_wrong`, `second_factor_unreadable`,
 * `too_many_attempts`, `busy`
 */
export async function disableFactor(
  ctx: Ctx,
  client: Client,
  deps: ChangeDeps,
  { password, code }: z.output<typeof passwordAndCodeBody>,
): Promise<z.output<typeof factorRemovedView>> {
  const factor = await requireFactor(ctx)
  const { userId } = factor
  const work = async (): Promise<z.output<typeof factorRemovedView>> => {
    await requirePassword(ctx, deps, userId, password)
    const proof = await requireProof(deps.seal, factor, code)
    return await mutate(ctx, async (tx) => {
      await lockPerson(tx, userId)
      const used = await useUp(tx, userId, proof, 'code_wrong')
      await deleteFactor(tx, userId)
      const ended = await endOthers(ctx, tx)
      return changed({ status: true as const }, secondFactorDisabled(userId, {}, ofInstance), ...used, ...ended)
    })
  }
  return await attempted(ctx, userId, { client, act: 'disable', work })
}

/**
 * Makes new recovery codes; those of before end.
 * @throws Refusal `session_required`, `second_factor_missing`, `password_wrong`, `code_wrong`, `second_factor_unreadable`,
 * `too_many_attempts`, `busy`
 */
export async function renewRecoveryCodes(
  ctx: Ctx,
  client: Client,
  deps: ChangeDeps,
  { password, code }: z.output<typeof passwordAndCodeBody>,
): Promise<z.output<typeof newCodesView>> {
  const factor = await requireFactor(ctx)
  const { userId } = factor
  const work = async (): Promise<z.output<typeof newCodesView>> => {
    await requirePassword(ctx, deps, userId, password)
    const proof = await requireProof(deps.seal, factor, code)
    const backupCodes = newRecoveryCodes()
    return await mutate(ctx, async (tx) => {
      await lockPerson(tx, userId)
      const used = await useUp(tx, userId, proof, 'code_wrong')
      await tx.run(putCodes, { userId, hashes: hashesOf(backupCodes) })
      return changed({ status: true as const, backupCodes }, recoveryCodesRenewed(userId, {}, ofInstance), ...used)
    })
  }
  return await attempted(ctx, userId, { client, act: 'recovery_codes', work })
}
