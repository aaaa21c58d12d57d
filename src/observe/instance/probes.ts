// The probes of an orchestrator. They are outside of the check of hosts, because a probe names an address and not a host of
// this server, and they say nothing that a stranger could use.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { apiHeaders } from '../../http/headers.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { createSharedRead } from '../../platform/kernel/sharedRead.ts'
import { isDatabaseReachable } from './health.ts'

export const LIVE_PATH = '/livez'
export const READY_PATH = '/readyz'

/** A reason why this server should get no requests now. */
type Missing = 'database' | 'draining'

function answer(request: IncomingMessage, response: ServerResponse, status: 200 | 503, body: object): void {
  const isAllowed = request.method === 'GET' || request.method === 'HEAD'
  const text = JSON.stringify(isAllowed ? body : { error: 'Method not allowed', code: 'method_not_allowed' })
  response.writeHead(isAllowed ? status : 405, {
    ...apiHeaders,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    ...(isAllowed ? {} : { Allow: 'GET, HEAD' }),
    ...(isAllowed && status === 503 ? { 'Retry-After': '1' } : {}),
  })
  response.end(text)
}

/** Answers `GET /livez`: 200 while the event loop of this process turns, also without a database. */
export const livePage: RequestListener = (request, response) => answer(request, response, 200, { status: 'alive' })

/**
 * Answers `GET /readyz`: 200 while requests can be served, otherwise 503 with the reasons. Probes that come at the same time
 * share one question to the database, so strangers cannot multiply it.
 * @param isDraining whether this server has been asked to stop
 */
export function readyPage(db: Pick<ReadDb, 'run'>, isDraining: () => boolean): (...request: Parameters<RequestListener>) => Promise<void> {
  const isReachable = createSharedRead(() => isDatabaseReachable(db))
  return async (request, response) => {
    const missing: Missing[] = []
    if (!(await isReachable())) missing.push('database')
    if (isDraining()) missing.push('draining')
    if (missing.length === 0) answer(request, response, 200, { status: 'ready' })
    else answer(request, response, 503, { status: 'not_ready', missing })
  }
}
