import type { IncomingMessage } from 'node:http'
import { refuse } from '../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The host of `Host` without its port, lower-case; null when it is missing or no host at all. */
function hostname(host: string | undefined): string | null {
  if (host === undefined) return null
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host)
  return match?.[1]?.toLowerCase().replace(/\.$/, '') ?? null
}

/** True when the request was sent to this machine's loopback by name. */
export const isLoopbackHost = (request: IncomingMessage): boolean => loopbackNames.has(hostname(request.headers.host) ?? '')

/**
 * Keeps web pages out. A page that makes its own name resolve to this machine shows in `Host`, one that posts across
 * origins shows in `Origin`; command lines and agents send no Origin at all.
 *
 * @param allowedHosts further host names an operator serves this host under, lower-case
 * @throws Refusal `host_not_allowed`, `origin_not_allowed`, `bad_request` for two Hosts
 */
export function requireTrustedOrigin(request: IncomingMessage, allowedHosts: ReadonlySet<string>): void {
  const host = hostname(request.headers.host)
  if (host === null || !(loopbackNames.has(host) || allowedHosts.has(host))) {
    refuse('host_not_allowed', { message: 'Host is not allowed; an operator can add it to PAPERCLIP_ALLOWED_HOSTNAMES' })
  }
  // Node keeps the first of two; somebody in front of us may have kept the other (RFC 9112 §3.2).
  if (hasDuplicateHeader(request, 'host')) refuse('bad_request', { message: 'Host is given twice' })
  const origin = request.headers.origin
  if (origin === undefined) return
  const own = request.headers.host?.toLowerCase()
  if (origin.toLowerCase() !== `http://${own}` && origin.toLowerCase() !== `https://${own}`) refuse('origin_not_allowed')
}
