import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { authorize } from '../../auth/authorize.ts'
import { actorIn } from '../../auth/roles.ts'
import { inCompany } from '../../auth/scopes.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'

const pathPattern = /^\/api\/companies\/([^/?]+)\/events\/ws$/
const uuid = z.uuid()
const FORBIDDEN = 'forbidden'

/** A request to open the WebSocket of a company, before any check. */
export interface Handshake {
  readonly request: IncomingMessage
  readonly url: URL
  /** As the path has it; it may be no UUID. */
  readonly companyId: string
}

export interface HandshakeDeps {
  readonly db: ReadDb
  /** Refuses requests from web pages: throws for a foreign Host or Origin. */
  readonly guard: (request: IncomingMessage) => unknown
  /** Identifies the client; throws for an invalid credential. */
  readonly identify: (request: IncomingMessage) => Promise<Actor>
}

/** @returns undefined for a path that is not the WebSocket's */
export function parseHandshake(request: IncomingMessage): Handshake | undefined {
  const text = request.url ?? ''
  if (!URL.canParse(text, 'http://localhost')) return undefined
  const url = new URL(text, 'http://localhost')
  const companyId = pathPattern.exec(url.pathname)?.[1]?.toLowerCase()
  return companyId === undefined ? undefined : { request, url, companyId }
}

/**
 * Checks a handshake in the order of every route: origin, credential, permission, company.
 * @returns the actor that connects
 * @throws Refusal
 */
export async function authorizeHandshake(deps: HandshakeDeps, { request, url, companyId }: Handshake): Promise<Actor> {
  // First, because a page of a listed origin is accepted with a bearer only.
  moveTokenToHeader(request, url)
  deps.guard(request)
  const actor = await deps.identify(request)
  authorize('event.follow', actor)
  if (!uuid.safeParse(companyId).success) refuse('malformed_id')
  await inCompany()({ actor, params: { companyId }, query: {}, db: deps.db })
  return actorIn(actor, 'event.follow', companyId)
}

/** Treats `?token=` as the Authorization header: browsers cannot send one with a WebSocket. */
function moveTokenToHeader(request: IncomingMessage, url: URL): void {
  const tokens = url.searchParams.getAll('token')
  if (tokens.length === 0) return
  const [token = ''] = tokens
  // Two credentials are refused, even when both are valid.
  if (tokens.length > 1 || request.headers.authorization !== undefined) refuse('unauthorized')
  request.headers.authorization = `Bearer ${token}`
}

/** Answers a refused handshake as Paperclip does: 403 and one word, for every reason. */
export function forbid(socket: Duplex): void {
  if (!socket.writable) return void socket.destroy()
  socket.end(
    `HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${FORBIDDEN.length}\r\nConnection: close\r\n\r\n${FORBIDDEN}`,
  )
}
