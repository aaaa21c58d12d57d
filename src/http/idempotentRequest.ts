// A change under an Idempotency-Key: its identity, its request hash, and the answer stored under it.

import { createHash } from 'node:crypto'
import { canonicalJson } from '../platform/kernel/canonicalJson.ts'
import { z } from 'zod'
import type { IdempotentRequest, RenderedResponse, StoredAnswer } from '../platform/db/types.ts'
import { actorKeyOf } from '../platform/kernel/actor.ts'
import { invariant, refuse } from '../platform/kernel/errors.ts'
import { isKeyIdUsable } from '../auth/credentialStatus.ts'
import { bearerOf } from '../auth/identify.ts'
import { hashToken } from '../auth/tokens.ts'
import { storeFor } from './exchange.ts'
import type { IdentifiedExchange } from './exchange.ts'
import { idempotencyKeyOf } from './headers.ts'
import { withoutBytes } from './multipart.ts'
import { renderResponse } from './renderResponse.ts'

/** A request under an Idempotency-Key, and the answer that its mutation has stored under the key. */
export interface CapturedRequest extends IdempotentRequest {
  readonly stored: () => { readonly value: unknown; readonly rendered: RenderedResponse } | undefined
}

/** The SHA-256 by which a repeat of a request is recognised. It is stored for 24 hours, so it must not change between versions. */
export const requestHashOf = (query: unknown, body: unknown): string =>
  createHash('sha256')
    .update(canonicalJson([query, body ?? null]))
    .digest('base64url')

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
  if (route.method === 'get') return null
  const key = idempotencyKeyOf(request.headers) ?? (route.keyInBody ? idempotencyKeyIn(body) : null)
  if (key === null) return null
  let stored: ReturnType<CapturedRequest['stored']>
  return {
    actor: actorKeyOf(actor),
    // The declared path, not the URL: a slash at the end or another spelling of an escape is the same request.
    route:
      `${route.method} ${route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(request.params[name])))}`.toLowerCase(),
    key,
    requestHash: requestHashOf(request.query, route.bodyKind === 'file' ? withoutBytes(body as Record<string, unknown>) : body),
    madeWith: actor.kind === 'agent' && actor.via === 'token' ? hashToken(bearerOf(request) ?? '') : null,
    shownKeyIdOf: (value) => (route.showsKey ? keyIdIn(value) : null),
    encryptionKey: deps.encryptionKey,
    previousEncryptionKey: deps.previousEncryptionKey,
    render(value) {
      stored = { value, rendered: renderResponse(exchange, value) }
      return stored.rendered
    },
    stored: () => stored,
  }
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
