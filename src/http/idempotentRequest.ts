// A change under an Idempotency-Key: its identity, its request hash, and the answer stored under it.

import { createHash, createHmac } from 'node:crypto'
import { canonicalJson } from '../platform/kernel/canonicalJson.ts'
import { z } from 'zod'
import { findStoredResponse } from '../platform/db/idempotency.ts'
import type { IdempotentRequest, RenderedResponse, StoredAnswer } from '../platform/db/types.ts'
import { actorKeyOf } from '../platform/kernel/actor.ts'
import { invariant, refuse } from '../platform/kernel/errors.ts'
import { partyOf } from '../auth/guessLimit.ts'
import { isKeyIdUsable } from '../auth/credentialStatus.ts'
import { bearerOf } from '../auth/identify.ts'
import { hashToken } from '../auth/tokens.ts'
import { storeFor } from './exchange.ts'
import type { IdentifiedExchange } from './exchange.ts'
import { idempotencyKeyOf } from './headers.ts'
import { withoutBytes } from './multipart.ts'
import { problemResponse } from './problem.ts'
import { renderResponse } from './renderResponse.ts'
import type { Route } from './route.ts'

/** A request under an Idempotency-Key, and the answer that its mutation has stored under the key. */
export interface CapturedRequest extends IdempotentRequest {
  readonly stored: () => { readonly value: unknown; readonly rendered: RenderedResponse } | undefined
}

/** The SHA-256 by which a repeat of a request is recognised. It is stored for 24 hours, so it must not change between versions. */
export const requestHashOf = (query: unknown, body: unknown): string =>
  createHash('sha256')
    .update(canonicalJson([query, body ?? null]))
    .digest('base64url')

/** Routes whose bodies have a password or a secret: a plain hash of it could be searched by guessing, and its sealed form cannot. */
const hasPassword = ({ permission }: Route): boolean => permission.startsWith('session.') || permission === 'secret.write'

const sealedHash = (key: Buffer, requestHash: string): string =>
  createHmac('sha256', key).update(`request ${requestHash}`).digest('base64url')

/** Anonymous callers of different addresses do not share keys: the answer that one got may have its credential. */
function ownerOf({ deps, request, actor }: IdentifiedExchange): string {
  return actor.kind === 'anonymous' ? `${actorKeyOf(actor)}@${partyOf(deps.addressOf(request))}` : actorKeyOf(actor)
}

const bodyWithKey = z.object({ idempotencyKey: z.string().min(1).max(255) })

const withId = z.object({ id: z.string() })

/** The id of the key that the answer of a route with `showsKey` shows. */
const keyIdIn = (value: unknown): string | null => withId.safeParse(value).data?.id ?? null

/**
 * Refuses to show the secret of a key again that can no longer be used.
 * @throws Refusal `key_not_shown_again`
 */
export async function requireShowable(exchange: IdentifiedExchange, { shownKeyId, body }: StoredAnswer): Promise<void> {
  if (!exchange.route.showsKey) return
  // Answers that were stored before their key was noted name it in their body.
  const keyId = shownKeyId ?? keyIdIn(JSON.parse(body))
  if (keyId === null || !(await isKeyIdUsable(storeFor(exchange).read, keyId))) refuse('key_not_shown_again', { details: { keyId } })
}

/** The `idempotencyKey` of a body, or null. The route's own schema refuses a key of the wrong form. */
const idempotencyKeyIn = (body: unknown): string | null => bodyWithKey.safeParse(body).data?.idempotencyKey ?? null

/**
 * The request as one that has an effect only once, or null when it carries no key (I9).
 * @throws Refusal `malformed_header`
 */
export function idempotentRequestOf(exchange: IdentifiedExchange, body: unknown): CapturedRequest | null {
  const { deps, route, request, actor } = exchange
  if (route.method === 'get' || route.signed) return null
  const key = idempotencyKeyOf(request.headers) ?? (route.keyInBody ? idempotencyKeyIn(body) : null)
  if (key === null) return null
  const requestHash = requestHashOf(request.query, route.bodyKind === 'file' ? withoutBytes(body as Record<string, unknown>) : body)
  let stored: ReturnType<CapturedRequest['stored']>
  return {
    actor: ownerOf(exchange),
    // The declared path, not the URL: a slash at the end or another spelling of an escape is the same request.
    route:
      `${route.method} ${route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(request.params[name])))}`.toLowerCase(),
    key,
    requestHash: hasPassword(route) ? sealedHash(deps.encryptionKey, requestHash) : requestHash,
    madeWith: actor.kind === 'agent' && actor.via === 'token' ? hashToken(bearerOf(request) ?? '') : null,
    shownKeyIdOf: (value) => (route.showsKey ? keyIdIn(value) : null),
    encryptionKey: deps.encryptionKey,
    previousEncryptionKey: deps.previousEncryptionKey,
    render(value) {
      stored = { value, rendered: renderResponse(exchange, value) }
      return stored.rendered
    },
    renderRefusal: (refusal) => problemResponse(refusal, request, exchange.trace.requestId),
    stored: () => stored,
  }
}

/**
 * The answer that the request got before, without doing its work; null when there is none. A route whose body is the proof of its caller looks only
 * after the proof, in its transaction: otherwise a known key would answer guesses of a password, past every limit.
 * @throws Refusal `idempotency_mismatch`
 */
export async function earlierAnswerOf(exchange: IdentifiedExchange, idempotency: CapturedRequest | null): Promise<StoredAnswer | null> {
  if (idempotency === null || exchange.route.permission === 'session.begin') return null
  return await findStoredResponse(storeFor(exchange).read, idempotency)
}

/**
 * The answer for the value that a handler returned. Under a key it is the stored answer itself, so that a replay equals
 * the first answer byte for byte (I9).
 */
export function responseOf(exchange: IdentifiedExchange, idempotency: CapturedRequest | null, value: unknown): RenderedResponse {
  const stored = idempotency?.stored()
  if (stored === undefined) return renderResponse(exchange, value)
  invariant(stored.value === value, `${exchange.route.operationId} must return the value that its mutation returned`)
  return stored.rendered
}
