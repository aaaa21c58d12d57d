// The Node HTTP server: its timeouts, and its answers to malformed requests and upgrades.

import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Express } from 'express'
import type { Connections } from './connections.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import { expressObjectsOf } from './expressObjects.ts'
import { problemBody } from './problem.ts'

/** The time a client has to send all headers of a request; after it the connection is closed. */
const HEADERS_TIMEOUT_MS = 15_000
/** How often the timeouts are checked. Node's own 30 s would let half a header live for three times its timeout. */
const TIMEOUT_CHECK_MS = 1000
const REQUEST_TIMEOUT_MS = 60_000
const KEEP_ALIVE_MS = 65_000

/** Answers bytes that are not HTTP, in the form of every other refusal. */
function answerMalformedRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const refusal = new Refusal(tooLarge ? 'headers_too_large' : 'bad_request', { message: 'Malformed HTTP request' })
  const body = problemBody(refusal, 'none', false)
  const line = tooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${line}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** Answers a request to upgrade the connection to a WebSocket. */
export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Headers that only serve to switch the connection to another protocol. */
const upgradeHeaders = new Set(['upgrade', 'http2-settings'])

/**
 * Handles a request to upgrade to another protocol as a plain request. As soon as a server listens for `upgrade`, Node
 * takes every request with an `Upgrade` header out of HTTP, also the first request of a client that offers HTTP/2. A
 * server may ignore such an offer (RFC 9110 §7.8), so the request is fed into the server again without these headers.
 */
function dropUpgradeHeader(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (socket.destroyed) return
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = String(request.rawHeaders[at])
    const value = String(request.rawHeaders[at + 1])
    if (upgradeHeaders.has(name.toLowerCase())) continue
    if (name.toLowerCase() !== 'connection') lines.push(`${name}: ${value}`)
    else {
      const options = value.split(',').filter((option) => !upgradeHeaders.has(option.trim().toLowerCase()))
      if (options.length > 0) lines.push(`${name}: ${options.join(',')}`)
    }
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}

/**
 * Creates the HTTP server. It answers everything that reaches its port, also malformed requests, with a status and a JSON
 * body. The caller starts to listen.
 */
export function createHttpServer(app: Express, onUpgrade: OnUpgrade, connections: Connections): Server {
  const handle: RequestListener = (request, response) => {
    connections.begin(request, response)
    app(request, response)
  }
  const server = createServer(
    {
      ...expressObjectsOf(app),
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node would answer a missing Host with an empty body; `requireTrustedOrigin` refuses it with a JSON body.
      requireHostHeader: false,
    },
    handle,
  )
  connections.watch(server)
  server.on('clientError', answerMalformedRequest)
  // A server may ignore an expectation that it does not know (RFC 9110 §10.1.1). Node's own answer would have no body.
  server.on('checkExpectation', handle)
  server.on('upgrade', (request, socket, head) => {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      connections.keep(request.socket)
      return onUpgrade(request, socket, head)
    }
    // Earlier requests of the connection may not be answered yet. Node has given up their queue, so a new request would
    // wait for its turn without end.
    const ignoreError = (): void => void socket.destroy()
    socket.on('error', ignoreError)
    connections.whenAnswered(request.socket, () => {
      socket.off('error', ignoreError)
      dropUpgradeHeader(server, request, socket, head)
    })
  })
  return server
}
