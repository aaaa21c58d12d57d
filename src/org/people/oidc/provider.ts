// The OpenID provider, seen from this server: where it sends a browser, and what it answers to the code that the browser brings back.

import type { ClientAuth, Configuration, CustomFetch, IDToken } from 'openid-client'
import { z } from 'zod'
import type { OidcSettings } from '../peopleSettings.ts'
import { fail } from './failures.ts'

// Not a static import: the bundle would load it at every start (src/launch/bundle.js), and most servers have no provider.
const openid = await import('openid-client')

/** How long the provider has for one answer: a person waits for it. */
const TIMEOUT_SECONDS = 10
/** An answer of a provider is a few kilobytes. */
const MAX_ANSWER_BYTES = 1024 * 1024
/** How long the description of a provider is believed. Its keys are read anew when a token names another one. */
const DESCRIBED_FOR_MS = 3_600_000
/** OpenID Connect Core §2: a subject has at most 255 characters. */
const MAX_SUBJECT = 255
const MAX_NAME = 120

/** The facts that a provider has proved about a person. */
export interface Identity {
  readonly issuer: string
  readonly subject: string
  /** Null for a person of whom the provider gives none. */
  readonly email: string | null
  readonly isEmailVerified: boolean
  readonly name: string | null
}

/** The secrets of one sign-in. */
interface Proofs {
  readonly state: string
  readonly nonce: string
  /** Of PKCE (RFC 7636). */
  readonly verifier: string
}

export interface Provider {
  /** The address to which the browser is sent. @throws ProviderSignInFailed `provider_unavailable` */
  authorizationUrl(redirectUri: string, proofs: Proofs): Promise<string>
  /**
   * Checks the answer that a browser brings, exchanges its code, and verifies the ID token: signature, issuer, audience, times and nonce.
   * @throws ProviderSignInFailed `provider_refused`, `provider_unavailable`, `answer_invalid`
   */
  identityOf(answer: URL, proofs: Proofs): Promise<Identity>
}

/** New secrets for a sign-in. */
export const newProofs = (): Proofs => ({
  state: openid.randomState(),
  nonce: openid.randomNonce(),
  verifier: openid.randomPKCECodeVerifier(),
})

class AnswerTooLarge extends Error {
  readonly code = 'ANSWER_TOO_LARGE'
}

/** The statuses whose answers have no body. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304])

/** Reads the whole body at once, under the time limit of the request, and no more than a provider needs. */
const boundedFetch: CustomFetch = async (url, { body, method, headers, redirect, signal }) => {
  const answer = await fetch(url, {
    method,
    headers,
    redirect,
    ...(body == null ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new AnswerTooLarge('the answer of the provider is too large')
    chunks.push(chunk)
  }
  const { status, statusText } = answer
  return new Response(EMPTY.has(status) ? null : Buffer.concat(chunks), { status, statusText, headers: answer.headers })
}

/** The codes of an error and of its causes, the outermost first. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const { code } = error as { code?: unknown }
  return [...(typeof code === 'string' ? [code] : []), ...codesOf(error.cause)]
}

/** The codes of a provider that gives no answer, or none that is one. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
  'ANSWER_TOO_LARGE',
])

/** A code that came from outside, in the form in which it is recorded. */
const plainCode = (code: string): string => code.replaceAll(/[^\w.-]/g, '').slice(0, 64)

/** @throws ProviderSignInFailed always, with the reason that the error means */
function failFor(error: unknown): never {
  if (error instanceof openid.AuthorizationResponseError) return fail('provider_refused', plainCode(error.error))
  if (error instanceof openid.ResponseBodyError) return fail('answer_invalid', plainCode(error.error))
  const codes = codesOf(error)
  const cause = codes.at(-1) ?? null
  // `fetch` reports a connection that fails as a TypeError.
  const isUnavailable =
    codes.some((code) => UNAVAILABLE.has(code)) || (error instanceof TypeError && !codes.some((code) => code.startsWith('ERR_')))
  return fail(isUnavailable ? 'provider_unavailable' : 'answer_invalid', cause)
}

/** The claims that count. Anything but `true` is not verified: some providers send texts, and "false" is one as well. */
const claimsOfPerson = z.object({
  iss: z.string(),
  sub: z.string().min(1).max(MAX_SUBJECT),
  email: z.email().max(254).nullish().catch(null),
  email_verified: z.unknown().optional(),
  name: z.string().nullish().catch(null),
  preferred_username: z.string().nullish().catch(null),
})

function identityIn(claims: unknown): Identity {
  const parsed = claimsOfPerson.safeParse(claims)
  if (!parsed.success) return fail('answer_invalid')
  const { iss, sub, email = null, email_verified: verified, name, preferred_username: username } = parsed.data
  const shown = [name, username].map((text) => text?.trim().slice(0, MAX_NAME)).find((text) => text !== undefined && text !== '')
  return { issuer: iss, subject: sub, email, isEmailVerified: verified === true, name: shown ?? null }
}

/** Sends the secret of this client in a header, as every provider takes it unless it says otherwise, or else in the form. */
function bySecret(clientSecret: string): ClientAuth {
  const [inHeader, inForm] = [openid.ClientSecretBasic(clientSecret), openid.ClientSecretPost(clientSecret)]
  return (server, ...rest) => {
    const takesHeader = server.token_endpoint_auth_methods_supported?.includes('client_secret_basic') ?? true
    return (takesHeader ? inHeader : inForm)(server, ...rest)
  }
}

/** The description of the provider, which is fetched when it is needed. One that could not be had is asked for again by the next request. */
function createDescription({
  issuer,
  clientId,
  clientSecret,
  timeoutSeconds = TIMEOUT_SECONDS,
}: OidcSettings): () => Promise<Configuration> {
  const execute = [openid.enableNonRepudiationChecks]
  // The configuration allows http for a loopback address only.
  if (issuer.startsWith('http:')) execute.push(openid.allowInsecureRequests)
  const authentication = clientSecret === null ? openid.None() : bySecret(clientSecret)
  const options = { execute, timeout: timeoutSeconds, [openid.customFetch]: boundedFetch }
  let known: { readonly description: Promise<Configuration>; readonly since: number } | null = null
  return async () => {
    if (known === null || performance.now() - known.since > DESCRIBED_FOR_MS) {
      const asked = {
        description: openid.discovery(new URL(issuer), clientId, undefined, authentication, options),
        since: performance.now(),
      }
      known = asked
      asked.description.catch(() => {
        if (known === asked) known = null
      })
    }
    return await known.description
  }
}

/** Asks the provider for what it left out of the ID token: many give the address here only. */
async function withUserInfo(description: Configuration, accessToken: string, claims: IDToken): Promise<object> {
  const isComplete = 'email' in claims && 'email_verified' in claims
  if (isComplete || description.serverMetadata().userinfo_endpoint === undefined) return claims
  // The library has compared the subjects. The address and its mark are taken from one place.
  const { iss, sub } = claims
  return { ...claims, ...(await openid.fetchUserInfo(description, accessToken, sub)), iss, sub }
}

/** The provider of these settings. Nothing is asked of it before a person signs in. */
export function createProvider(settings: OidcSettings): Provider {
  const describe = createDescription(settings)
  return {
    async authorizationUrl(redirectUri, { state, nonce, verifier }) {
      // An error in the description is a fault of the provider, or of the settings, and none of the person.
      const description = await describe().catch((error: unknown) => fail('provider_unavailable', codesOf(error).at(-1) ?? null))
      const challenge = await openid.calculatePKCECodeChallenge(verifier)
      const url = openid.buildAuthorizationUrl(description, {
        redirect_uri: redirectUri,
        scope: 'openid email profile',
        state,
        nonce,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      })
      return url.href
    },
    async identityOf(answer, { state, nonce, verifier }) {
      try {
        const description = await describe()
        const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true }
        const tokens = await openid.authorizationCodeGrant(description, answer, checks)
        const claims = tokens.claims()
        if (claims === undefined) return fail('answer_invalid')
        return identityIn(await withUserInfo(description, tokens.access_token, claims))
      } catch (error) {
        return failFor(error)
      }
    },
  }
}
