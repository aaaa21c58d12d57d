// Signing in at an OpenID provider: the browser is sent there with a state that it keeps, and comes back with a code.

import type { Client } from '../../../http/client.ts'
import type { Ctx } from '../../../platform/db/types.ts'
import type { Engine } from '../engine.ts'
import { ofInstance, providerSignInFailed } from '../events.ts'
import { countAttempt, providerLimits, takeBackAttempt } from '../limits.ts'
import type { OidcSettings } from '../peopleSettings.ts'
import { sessionIdOf } from '../queries.ts'
import { recordAlone } from '../recordAlone.ts'
import { fail, ProviderSignInFailed } from './failures.ts'
import { unlinkIdentity, waysIn } from './linked.ts'
import type { WaysIn } from './linked.ts'
import { CALLBACK_PATH } from './paths.ts'
import { createProvider, newProofs } from './provider.ts'
import type { Identity, Provider } from './provider.ts'
import { linkIdentity, signInByIdentity } from './signIn.ts'
import type { Caller, ProvedIdentity } from './signIn.ts'
import { createStates, endOfState, useState } from './states.ts'
import type { SignInState, States } from './states.ts'

/** Where to send the browser, and the cookie with its state. */
interface Begun {
  readonly url: string
  readonly cookie: string
}

/** A sign-in or a link that succeeded. */
interface Finished {
  /** The path to show. */
  readonly next: string
  readonly cookies: readonly string[]
}

export interface Oidc {
  /** The host of the provider, for people. */
  readonly host: string
  /**
   * Begins a sign-in. @param next a path of this server
   * @throws ProviderSignInFailed `provider_unavailable`
   */
  begin(ctx: Ctx, client: Client, next: string): Promise<Begun>
  /** Begins to link an identity to the account of the caller. @throws Refusal `session_required`; ProviderSignInFailed as above */
  beginLink(ctx: Ctx, client: Client, next: string): Promise<Begun>
  /**
   * Ends what was begun, with what the provider sent. Each failure is recorded in the chain of the instance.
   * @throws Refusal `too_many_attempts`; ProviderSignInFailed
   */
  finish(ctx: Ctx, client: Client, answer: Readonly<Record<string, string>>): Promise<Finished>
  /** How the caller can sign in, and whether an identity of the provider is among it. @throws Refusal `session_required` */
  waysIn(ctx: Ctx): Promise<WaysIn & { readonly isLinked: boolean }>
  /** @throws Refusal `session_required`, `not_found`, `conflict` for the last way to sign in */
  unlink(ctx: Ctx, id: string): Promise<void>
}

interface OidcParts {
  readonly secrets: readonly [string, ...string[]]
  readonly isSecure: boolean
  readonly allowsSignUp: boolean
  readonly engine: Engine
}

interface OidcDeps extends OidcParts {
  readonly settings: OidcSettings
  readonly provider: Provider
  readonly states: States
}

/** The parameters of an answer that count (OpenID Connect Core §3.1.2.5, RFC 9207). */
const ANSWER_PARAMETERS = ['code', 'state', 'iss', 'error', 'error_description'] as const

const begin =
  ({ provider, states }: OidcDeps) =>
  async (ctx: Ctx, { origin }: Client, next: string, link: SignInState['link'] = null): Promise<Begun> => {
    const proofs = newProofs()
    const redirectUri = origin + CALLBACK_PATH
    const url = await provider.authorizationUrl(redirectUri, proofs)
    const state = { ...proofs, redirectUri, next, endsAtMs: await endOfState(ctx.store.read), link }
    return { url, cookie: await states.cookieFor(state) }
  }

/** The state that the browser kept, if the answer belongs to it. It is used up. @throws ProviderSignInFailed */
async function stateOf({ states }: OidcDeps, { ctx, client }: Caller, given: string | undefined): Promise<SignInState> {
  const state = await states.open(client.cookie(states.cookieName))
  if (state === null || state.state !== given) return fail('state_invalid')
  await useState(ctx.store, state)
  return state
}

/** The domain of an address: all that follows its last `@`. */
const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1)

/** @throws ProviderSignInFailed `address_unverified`, `domain_not_allowed` */
function proved(identity: Identity, { allowedDomains }: OidcSettings): ProvedIdentity {
  if (identity.email === null || !identity.isEmailVerified) return fail('address_unverified')
  const email = identity.email.toLowerCase()
  if (allowedDomains !== null && !allowedDomains.includes(domainOf(email))) return fail('domain_not_allowed')
  return { ...identity, email }
}

/** The address to which the provider has sent the browser, without parameters that are none of its answer. */
function answerUrl(redirectUri: string, answer: Readonly<Record<string, string>>): URL {
  const url = new URL(redirectUri)
  for (const name of ANSWER_PARAMETERS) {
    const value = answer[name]
    if (value !== undefined) url.searchParams.set(name, value)
  }
  return url
}

/** Asks the provider who the person is, and then, with its answer at hand, signs in or links in one transaction. */
async function end(deps: OidcDeps, caller: Caller, state: SignInState, answer: URL): Promise<Finished> {
  const { settings, provider, states } = deps
  const { link, next } = state
  const identity = proved(await provider.identityOf(answer, state), settings)
  if (link === null) return { next, cookies: [...(await signInByIdentity(deps, caller, identity, next)), states.cleared] }
  await linkIdentity(caller.ctx, identity, link)
  return { next, cookies: [states.cleared] }
}

/** Records a failure on its own: the request itself is refused. */
async function record(
  { settings }: OidcDeps,
  { ctx, client }: Caller,
  userId: string | undefined,
  failure: ProviderSignInFailed,
): Promise<void> {
  const details = { issuer: settings.issuer, reason: failure.reason, cause: failure.causeCode, address: client.address }
  await recordAlone(ctx, providerSignInFailed(userId ?? 'unknown', details, ofInstance))
}

const finish =
  (deps: OidcDeps): Oidc['finish'] =>
  async (ctx, client, answer) => {
    const caller = { ctx, client }
    const limits = providerLimits(client.address)
    await countAttempt(ctx.store, limits)
    let state: SignInState | undefined
    try {
      state = await stateOf(deps, caller, answer['state'])
      const finished = await end(deps, caller, state, answerUrl(state.redirectUri, answer))
      await takeBackAttempt(ctx.store, limits)
      return finished
    } catch (error) {
      if (error instanceof ProviderSignInFailed) await record(deps, caller, state?.link?.userId, error)
      throw error
    }
  }

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')

/** The sign-in at a provider. Nothing is asked of it before a person signs in, so it may be down at the start. */
export function createOidc(settings: OidcSettings, parts: OidcParts): Oidc {
  const deps: OidcDeps = { ...parts, settings, provider: createProvider(settings), states: createStates(parts.secrets, parts.isSecure) }
  const isUsable = (provider: string): boolean => withoutSlash(provider) === withoutSlash(settings.issuer)
  const beginWith = begin(deps)
  return {
    host: new URL(settings.issuer).host,
    begin: (ctx, client, next) => beginWith(ctx, client, next),
    beginLink: async (ctx, client, next) => await beginWith(ctx, client, next, sessionIdOf(ctx)),
    finish: finish(deps),
    async waysIn(ctx) {
      const ways = await waysIn(ctx)
      return { ...ways, isLinked: ways.linked.some(({ provider }) => isUsable(provider)) }
    },
    unlink: (ctx, id) => unlinkIdentity(ctx, id, isUsable),
  }
}
