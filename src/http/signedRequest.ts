import type { IncomingMessage } from 'node:http'
import type { Anonymous } from '../platform/kernel/actor.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'
import { rawBodyOf } from './body.ts'
import type { MountDeps } from './exchange.ts'
import { idempotencyKeyOf } from './headers.ts'
import type { SignedRequest } from './route.ts'

/** The caller of a `signed` route, until its verb has checked the proof. */
export const UNPROVED: Anonymous = { kind: 'anonymous', reason: 'elsewhere', uid: null }

/** A header that was sent once; null for none, and for one that was sent twice. */
function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value !== 'string' || hasDuplicateHeader(request, name) ? null : value
}

/** The proof of a request, as it was sent. Its body has been read. @throws Refusal `malformed_header` */
export const signedRequestOf = (
  request: IncomingMessage,
  { guesses, addressOf }: Pick<MountDeps, 'guesses' | 'addressOf'>,
): SignedRequest => ({
  authorization: headerOf(request, 'authorization'),
  timestamp: headerOf(request, 'x-paperclip-timestamp'),
  signature: headerOf(request, 'x-paperclip-signature'),
  idempotencyKey: idempotencyKeyOf(request.headers),
  rawBody: rawBodyOf(request),
  refuse: () => guesses.refuseGuess(addressOf(request)),
})
