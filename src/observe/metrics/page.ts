import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import { isFromThisMachine } from '../../auth/identify.ts'
import { isLoopbackHost } from '../../http/trustedOrigin.ts'
import { apiHeaders } from '../../http/headers.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../../platform/kernel/duplicateHeader.ts'
import type { Metrics } from './metrics.ts'

const bearer = /^bearer +(\S+) *$/i
const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Lets in who may read the page: from this machine anybody, from elsewhere whoever has the token. A credential that is
 * sent and not the token is never overlooked (I16). Without a token there is nothing to be found from elsewhere.
 *
 * @throws Refusal `unauthorized`, `route_not_found`
 */
function authorizeScrape(request: IncomingMessage, token: string | null): void {
  const header = request.headers.authorization
  if (header === undefined) {
    if (isLoopbackHost(request) && isFromThisMachine(request)) return
    refuse(token === null ? 'route_not_found' : 'unauthorized')
  }
  const sentToken = bearer.exec(header)?.[1]
  if (token === null || sentToken === undefined || hasDuplicateHeader(request, 'authorization')) return refuse('unauthorized')
  // Hashes have one length, and comparing them tells nothing of the token by the time it takes.
  if (!timingSafeEqual(hashOf(sentToken), hashOf(token))) refuse('unauthorized')
}

/**
 * Answers `GET /metrics`.
 * @param token what a scraper elsewhere sends as its bearer; null lets nobody in from elsewhere
 * @throws Refusal as `admit`, and `method_not_allowed`
 */
export function metricsPage(metrics: Metrics, token: string | null): (...request: Parameters<RequestListener>) => Promise<void> {
  return async (request, response) => {
    authorizeScrape(request, token)
    if (request.method !== 'GET' && request.method !== 'HEAD') refuse('method_not_allowed')
    const { contentType, text } = await metrics.page()
    response.writeHead(200, { ...apiHeaders, 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) })
    response.end(text)
  }
}
