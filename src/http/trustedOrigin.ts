import type { IncomingMessage } from 'node:http'
import { isFromForeignPage } from '../auth/fetchSite.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'
import { isPreflight } from './cors.ts'

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The host name of the `Host` header in lower case, without port; null when the header is missing or malformed. */
function hostname(host: string | undefined): string | null {
  if (host === undefined) return null
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host)
  return match?.[1]?.toLowerCase().replace(/\.$/, '') ?? null
}

/**
 * The names to which a request is addressed, null for one that is malformed: the `Host` header, and the authority of an absolute
 * target. The authority would replace the header (RFC 9112 §3.2.2), and what stands in front of this server may have gone by either.
 */
function addressedTo({ headers, url = '' }: IncomingMessage): (string | null)[] {
  const host = hostname(headers.host)
  if (url.startsWith('/') || url === '*') return [host]
  return [host, hostname(/^https?:\/\/([^/?#]*)/i.exec(url)?.[1])]
}

/** True when the Host header, and an absolute target too, names this machine's loopback interface. */
export const isLoopbackHost = (request: IncomingMessage): boolean => addressedTo(request).every((name) => loopbackNames.has(name ?? ''))

/** The origins and hosts that the operator trusts, in lower case. */
export interface TrustedOrigins {
  /** Further host names of this server. */
  readonly hosts: ReadonlySet<string>
  /** Origins of other servers whose pages may send requests with a bearer. */
  readonly origins: ReadonlySet<string>
  /** The origin by which people reach this server, where a proxy sends another Host; null for none. */
  readonly own: string | null
}

/**
 * Refuses requests of foreign web pages. A page that makes its own name resolve to this machine (DNS rebinding) sends
 * that name in `Host`. A page that posts across origins sends its origin in `Origin`, and browsers say with every request
 * from where it came (`Sec-Fetch-Site`), also with those without an `Origin`: images, scripts, frames. Command lines and agents
 * send neither. A browser may still follow a link to this server; `identify` gives such a request no identity of this machine.
 *
 * @returns the listed origin that sent the request with a bearer, or asks for permission to; null for every other request
 * @throws Refusal `host_not_allowed`, `origin_not_allowed`, `bad_request` for two Hosts
 */
export function requireTrustedOrigin(request: IncomingMessage, trusted: TrustedOrigins): string | null {
  if (!addressedTo(request).every((host) => host !== null && (loopbackNames.has(host) || trusted.hosts.has(host)))) {
    refuse('host_not_allowed', { message: 'Host is not allowed; an operator can add it to PAPERCLIP_ALLOWED_HOSTNAMES' })
  }
  // Node keeps the first of two Host headers; a proxy in front of this server may have used the other (RFC 9112 §3.2).
  if (hasDuplicateHeader(request, 'host')) refuse('bad_request', { message: 'The Host header is given twice' })
  const origin = request.headers.origin?.toLowerCase()
  if (origin !== undefined && !isOwnOrigin(origin, request, trusted)) {
    const mayAsk = request.headers.authorization !== undefined || isPreflight(request)
    return trusted.origins.has(origin) && mayAsk ? origin : refuseOrigin(request, trusted.origins.has(origin))
  }
  if (isFromForeignPage(request) && !isNavigation(request)) refuseOrigin(request)
  return null
}

function isOwnOrigin(origin: string, { headers }: IncomingMessage, trusted: TrustedOrigins): boolean {
  const own = headers.host?.toLowerCase()
  if (origin === trusted.own || origin === `https://${own}`) return true
  // Where people come over TLS, a page without it was put in on the way.
  return origin === `http://${own}` && trusted.own !== `https://${own}`
}

/** Whether a browser opens the address as a page of its own, and not in a frame (Fetch Metadata, "Sec-Fetch-Dest"). */
const isNavigation = ({ method, headers }: IncomingMessage): boolean =>
  (method === 'GET' || method === 'HEAD') && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'

/** Refuses with the words that fit the request (`cases.md` K44): what it asks for, and what would make it possible. */
function refuseOrigin(request: IncomingMessage, isListed = false): never {
  const { method, headers } = request
  if (isListed) refuse('origin_not_allowed', { message: 'Pages of this origin need a bearer: send Authorization with the request' })
  // A browser asks before it sends, so the words are about what it asks for.
  const wanted = isPreflight(request) ? headers['access-control-request-method'] : method
  const isRead = wanted === 'GET' || wanted === 'HEAD' || wanted === 'OPTIONS'
  if (!isRead && method === wanted && headers.authorization === undefined) refuse('origin_not_allowed')
  const act = isRead ? 'read' : 'change'
  refuse('origin_not_allowed', {
    message: `Pages of other sites cannot ${act} this server; an operator can list their origin in PAPERCLIP_ALLOWED_ORIGINS`,
  })
}
