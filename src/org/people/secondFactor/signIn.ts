// The second step of a sign-in: a code, after the password was right.

import type { z } from 'zod'
import { bySecret } from '../../../auth/bySecret.ts'
import type { Client } from '../../../http/client.ts'
import { cookiesIn, withCookies } from '../../../http/setCookies.ts'
import { changedIfAny, mutate } from '../../../platform/db/mutate.ts'
import type { Outcome } from '../../../platform/db/mutate.ts'
import type { Ctx, Tx } from '../../../platform/db/types.ts'
import { Refusal, refuse } from '../../../platform/kernel/errors.ts'
import type { Devices } from '../devices.ts'
import { ofInstance } from '../events.ts'
import { signInLimits, takeBackAttempt } from '../limits.ts'
import { recordAlone } from '../recordAlone.ts'
import type { signedInView } from '../views.ts'
import { challengeOf, endChallenge } from './challenges.ts'
import type { ChallengeCookies, OpenChallenge } from './challenges.ts'
import { secondFactorFailed } from './events.ts'
import { codeLimits, countCode } from './limits.ts'
import type { Seal } from './seal.ts'
import { lockForNewSession, proofOf, useUp } from './store.ts'
import type { ProofKind } from './store.ts'

type SignedIn = z.output<typeof signedInView>

/** A sign-in whose proofs were all right. */
export interface ProvenSignIn {
  readonly email: string
  /** The stored hash of the password that was right. */
  readonly hash: string
  readonly rememberMe: boolean | undefined
  readonly deviceId: string | null
  readonly client: Client
}

export interface SignInDeps {
  readonly seal: Seal
  readonly cookies: ChallengeCookies
  readonly devices: Devices
  /** (tx) Makes the session, with its cookies. @throws Refusal `credentials_wrong` when the password is another one meanwhile */
  readonly openSession: (tx: Tx, proven: ProvenSignIn) => Promise<Outcome<SignedIn>>
}

interface Attempt {
  readonly challenge: OpenChallenge
  readonly deviceId: string | null
  readonly client: Client
  readonly code: string
  readonly kinds: readonly ProofKind[]
}

/** Its answer is not kept for a repeat: such a repeat would try codes against it that no limit counts. */
async function signInWithCode(ctx: Ctx, deps: SignInDeps, { challenge, deviceId, client, code, kinds }: Attempt): Promise<SignedIn> {
  const { userId, email, hash, rememberMe } = challenge
  const proof = await proofOf(deps.seal, challenge, code, kinds)
  if (proof === null) return refuse('second_factor_wrong')
  return await mutate({ ...bySecret(ctx), idempotency: null }, async (tx) => {
    await lockForNewSession(tx, userId)
    await endChallenge(tx, challenge)
    const used = await useUp(tx, userId, proof, 'second_factor_wrong')
    const { value, events } = await deps.openSession(tx, { email, hash, rememberMe, deviceId, client })
    const session = await value
    return changedIfAny(withCookies({ ...session }, [...cookiesIn(session), deps.cookies.cleared]), [...used, ...events])
  })
}

/**
 * Signs in with a code, in the browser that sent the password. A code is used once, and of two requests with one code at once one signs in.
 * @throws Refusal `second_factor_not_asked`, `too_many_attempts`, `second_factor_wrong`, `second_factor_unreadable`, `credentials_wrong`
 */
export async function answerChallenge(
  ctx: Ctx,
  deps: SignInDeps,
  { client, code, kinds }: Pick<Attempt, 'client' | 'code' | 'kinds'>,
): Promise<SignedIn> {
  const { cookies, devices } = deps
  const challenge = await challengeOf(ctx.store.read, cookies, client.cookie(cookies.name))
  const { userId, email } = challenge
  const deviceId = devices.idOf(client.cookie(devices.cookieName), userId)
  const limits = codeLimits(userId, client.address, deviceId !== null)
  await countCode(ctx.store, limits)
  try {
    const answer = await signInWithCode(ctx, deps, { challenge, deviceId, client, code, kinds })
    // The attempt with the password, and that with the code: both counted for the address.
    await takeBackAttempt(ctx.store, signInLimits(email, client.address, deviceId))
    await takeBackAttempt(ctx.store, limits)
    return answer
  } catch (error) {
    if (error instanceof Refusal && error.code === 'second_factor_wrong')
      await recordAlone(ctx, secondFactorFailed(userId, { address: client.address, act: 'sign_in', wrong: 'code' }, ofInstance))
    throw error
  }
}
