import type { IncomingMessage } from 'node:http'

/** Headers that a proxy, a load balancer, a content network or a tunnel adds, by name and by the beginning of a name. */
const families = new RegExp(
  `^(?:${[
    'forwarded',
    'via',
    'cdn-loop',
    'client-ip',
    'true-client-ip',
    'remote-user',
    'front-end-https',
    // This server itself, or another one of this machine: it goes where a configuration sends it (`adapters/httpRequest.ts`).
    'x-paperclip-adapter',
    'do-connecting-ip',
    'x-real-(?:ip|port|proto)',
    'x-client-(?:ip|cert.*|verify)',
    'x-cluster-client-ip',
    'x-proxyuser-ip',
    'x-remote-(?:ip|addr|user)',
    'x-scheme',
    'x-url-scheme',
    'x-varnish',
    'x-appengine-.*',
    'x-auth-request-.*',
    'x-cloud-trace-context',
    'x-request-start',
    'x-(?:forward(?:ed)?|original|rewrite|proxy|envoy|amzn?|azure|arr|akamai|sucuri|vercel|nf|ssl|sendfile|goog|ms|tailscale)-.*',
    'x-(?:forwarded|host|accel-.*)',
    '(?:akamai|ali|cf|fastly|fly|incap|proxy|ssl|tailscale|wl-proxy)-.*',
  ].join('|')})$`,
)

/** Servers that hand headers on as variables make no difference between `X_Forwarded_For` and `X-Forwarded-For`, and some not for a point. */
const otherSpelling = /[^a-z0-9]/g

/**
 * Whether a request shows that it came through a proxy. A proxy on this machine makes every caller look local, so one header of
 * these families ends the trust that a local request without a credential has. Only such requests are looked at.
 */
export function cameThroughProxy(request: IncomingMessage): boolean {
  for (const name in request.headers) if (families.test(name.replace(otherSpelling, '-'))) return true
  return false
}
