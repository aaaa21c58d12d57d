import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Request, Response } from 'express'
import { isFromThisMachine } from '../../auth/identify.ts'
import { isLoopbackHost } from '../../http/trustedOrigin.ts'
import { compressed, varyOf } from '../../http/compress.ts'
import { apiHeaders } from '../../http/headers.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../../platform/kernel/duplicateHeader.ts'
import type { Metrics } from './metrics.ts'

const bearer = /^bearer +(\S+) *$/i
const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Checks that a client may read the page: every client on this machine, and clients elsewhere that send the token. A
 * credential that is not the token is always refused (I16). Without a configured token the page does not exist for other
 * machines.
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
  // The comparison takes constant time and reveals nothing about the token. Hashes have one length, as it requires.
  if (!timingSafeEqual(hashOf(sentToken), hashOf(token))) refuse('unauthorized')
}

/**
 * Answers `GET /metrics`.
 * @param token the bearer token for scrapers on other machines; null refuses all of them
 * @throws Refusal as `authorizeScrape`, and `method_not_allowed`
 */
export function metricsPage(metrics: Metrics, token: string | null): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    authorizeScrape(request, token)
    if (request.method !== 'GET' && request.method !== 'HEAD') refuse('method_not_allowed')
    const { contentType, text } = await metrics.page()
    const bytes = Buffer.byteLength(text)
    const short = await compressed(request, text, bytes)
    const coded = short === null ? {} : { 'Content-Encoding': short.coding }
    const length = short?.body.length ?? bytes
    response.writeHead(200, { ...apiHeaders, ...coded, Vary: varyOf(response), 'Content-Type': contentType, 'Content-Length': length })
    response.end(short?.body ?? text)
  }
}
