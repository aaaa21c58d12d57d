// The second factor of people who sign in with a password: what the routes, the pages and the sign-in need of it.

import type { z } from 'zod'
import type { Client } from '../../../http/client.ts'
import type { Outcome } from '../../../platform/db/mutate.ts'
import type { Ctx, Store, Tx } from '../../../platform/db/types.ts'
import { sessionIdOf } from '../queries.ts'
import type { signedInView } from '../views.ts'
import { askForCode, createChallengeCookies } from './challenges.ts'
import type { RightPassword } from './challenges.ts'
import { beginFactor, confirmFactor, disableFactor, renewRecoveryCodes } from './changes.ts'
import type { ChangeDeps } from './changes.ts'
import { resealFactors } from './reseal.ts'
import { createSeal } from './seal.ts'
import { answerChallenge } from './signIn.ts'
import type { SignInDeps } from './signIn.ts'
import { factorOf } from './store.ts'
import type { ProofKind } from './store.ts'
import type {
  begunFactorView,
  codeBody,
  factorAskedView,
  factorRemovedView,
  factorStateView,
  newCodesView,
  passwordAndCodeBody,
  passwordBody,
} from './views.ts'

type SignedIn = z.output<typeof signedInView>
type Code = z.output<typeof codeBody>
type PasswordAndCode = z.output<typeof passwordAndCodeBody>

export interface SecondFactor {
  /** The cookie of a browser that waits for a code. */
  readonly cookieName: string
  /** Whether a sign-in of the person with its password needs a code. */
  isOn(ctx: Ctx, userId: string): Promise<boolean>
  /** (tx) Asks for the code of a person who has a second factor; null for a person who has none. The caller has locked the person. */
  ask(tx: Tx, password: RightPassword): Promise<Outcome<z.output<typeof factorAskedView>> | null>
  /** The second factor of the caller. @throws Refusal `session_required` */
  state(ctx: Ctx): Promise<z.output<typeof factorStateView>>
  begin(ctx: Ctx, client: Client, input: z.output<typeof passwordBody>): Promise<z.output<typeof begunFactorView>>
  confirm(ctx: Ctx, client: Client, input: Code): Promise<SignedIn>
  /** Signs in with a code of the app or a recovery code. */
  answer(ctx: Ctx, client: Client, input: Code, kinds?: readonly ProofKind[]): Promise<SignedIn>
  /** The first code of a new app, in a session; else the code of a sign-in. */
  verifyTotp(ctx: Ctx, client: Client, input: Code): Promise<SignedIn>
  disable(ctx: Ctx, client: Client, input: PasswordAndCode): Promise<z.output<typeof factorRemovedView>>
  renewCodes(ctx: Ctx, client: Client, input: PasswordAndCode): Promise<z.output<typeof newCodesView>>
  /** Encrypts again what an older secret of the server encrypted. */
  reseal(store: Store): Promise<void>
}

export interface SecondFactorSettings extends Pick<SignInDeps, 'devices' | 'openSession'>, Pick<ChangeDeps, 'hashOf'> {
  readonly secrets: readonly [string, ...string[]]
  readonly isSecure: boolean
}

async function stateOf(ctx: Ctx): Promise<z.output<typeof factorStateView>> {
  const factor = await factorOf(ctx.store.read, sessionIdOf(ctx).userId)
  if (factor === null || factor.confirmedAt === null) return { enabled: false, enabledAt: null, backupCodesLeft: 0 }
  return { enabled: true, enabledAt: factor.confirmedAt, backupCodesLeft: factor.codesLeft }
}

/** Whether the caller has a session and a new app that waits for its first code. */
async function waitsForFirstCode(ctx: Ctx): Promise<boolean> {
  const { actor } = ctx
  if (actor.kind !== 'board' || actor.via !== 'session') return false
  const factor = await factorOf(ctx.store.read, actor.userId)
  return factor !== null && factor.confirmedAt === null
}

export function createSecondFactor({ secrets, isSecure, devices, openSession, hashOf }: SecondFactorSettings): SecondFactor {
  const seal = createSeal(secrets)
  const cookies = createChallengeCookies(secrets, isSecure)
  const signIn: SignInDeps = { seal, cookies, devices, openSession }
  const changes: ChangeDeps = { seal, hashOf }
  const answer: SecondFactor['answer'] = (ctx, client, { code }, kinds = ['app', 'recovery']) =>
    answerChallenge(ctx, signIn, { client, code, kinds })
  const confirm: SecondFactor['confirm'] = (ctx, client, input) => confirmFactor(ctx, client, changes, input)
  return {
    cookieName: cookies.name,
    isOn: async (ctx, userId) => ((await factorOf(ctx.store.read, userId))?.confirmedAt ?? null) !== null,
    ask: (tx, password) => askForCode(tx, cookies, password),
    state: stateOf,
    begin: (ctx, client, input) => beginFactor(ctx, client, changes, input),
    confirm,
    answer,
    verifyTotp: async (ctx, client, input) =>
      (await waitsForFirstCode(ctx)) ? await confirm(ctx, client, input) : await answer(ctx, client, input, ['app']),
    disable: (ctx, client, input) => disableFactor(ctx, client, changes, input),
    renewCodes: (ctx, client, input) => renewRecoveryCodes(ctx, client, changes, input),
    reseal: (store) => resealFactors(store, seal),
  }
}
