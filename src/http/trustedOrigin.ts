import type { IncomingMessage } from 'node:http'
import { refuse } from '../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The host name of the `Host` header in lower case, without port; null when the header is missing or malformed. */
function hostname(host: string | undefined): string | null {
  if (host === undefined) return null
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host)
  return match?.[1]?.toLowerCase().replace(/\.$/, '') ?? null
}

/** True when the Host header names this machine's loopback interface. */
export const isLoopbackHost = (request: IncomingMessage): boolean => loopbackNames.has(hostname(request.headers.host) ?? '')

/**
 * Refuses requests of foreign web pages. A page that makes its own name resolve to this machine (DNS rebinding) sends
 * that name in `Host`. A page that posts across origins sends its origin in `Origin`. Command lines and agents send no
 * `Origin`.
 *
 * @param allowedHosts further host names of this server, lower-case, set by the operator
 * @throws Refusal `host_not_allowed`, `origin_not_allowed`, `bad_request` for two Hosts
 */
export function requireTrustedOrigin(request: IncomingMessage, allowedHosts: ReadonlySet<string>): void {
  const host = hostname(request.headers.host)
  if (host === null || !(loopbackNames.has(host) || allowedHosts.has(host))) {
    refuse('host_not_allowed', { message: 'Host is not allowed; an operator can add it to PAPERCLIP_ALLOWED_HOSTNAMES' })
  }
  // Node keeps the first of two Host headers; a proxy in front of this server may have used the other (RFC 9112 §3.2).
  if (hasDuplicateHeader(request, 'host')) refuse('bad_request', { message: 'The Host header is given twice' })
  const origin = request.headers.origin
  if (origin === undefined) return
  const own = request.headers.host?.toLowerCase()
  if (origin.toLowerCase() !== `http://${own}` && origin.toLowerCase() !== `https://${own}`) refuse('origin_not_allowed')
}
