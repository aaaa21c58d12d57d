import type { RequestListener } from 'node:http'
import type { RunTokens } from '../../auth/runTokens.ts'
import { apiHeaders } from '../../http/headers.ts'

/** Where services look for the public keys of run tokens. */
export const PUBLIC_KEYS_PATH = '/.well-known/jwks.json'

/** A new key is published for ten minutes before it signs (`rotate-run-keys`), so a copy of half that age never misses the signing one. */
const MAX_AGE_SECONDS = 300

/**
 * Answers `GET /.well-known/jwks.json`: the public keys with which others verify run tokens, as a JSON Web Key Set (RFC 7517). It is the same
 * for everybody, so any cache may keep it. Without such keys the set is empty.
 */
export function publicKeysPage(tokens: Pick<RunTokens, 'publicKeys'>): RequestListener {
  return (request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const text = JSON.stringify(isRead ? { keys: tokens.publicKeys() } : { error: 'Method not allowed', code: 'method_not_allowed' })
    response.writeHead(isRead ? 200 : 405, {
      ...apiHeaders,
      'Content-Type': isRead ? 'application/jwk-set+json' : 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...(isRead ? { 'Cache-Control': `public, max-age=${MAX_AGE_SECONDS}` } : { Allow: 'GET, HEAD' }),
    })
    response.end(text)
  }
}
