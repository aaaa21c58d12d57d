import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Refusal } from '../platform/kernel/errors.ts'
import { problemBody } from './problem.ts'

/** A header that is not complete after this belongs to nobody who wants an answer. */
const HEADERS_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 60_000
const KEEP_ALIVE_MS = 65_000

/** Answers what is no HTTP at all, in the form of every other refusal. */
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

/** Answers a request to go on as a WebSocket. */
export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What a client says to be switched to another protocol, and nothing else. */
const upgradeHeaders = new Set(['upgrade', 'http2-settings'])

/**
 * Node takes every request that may be upgraded out of HTTP as soon as anybody listens for WebSockets, also the first one
 * of a client that would rather speak HTTP/2. Such a wish may be ignored (RFC 9110 §7.8), so the request goes in again
 * without it.
 */
function dropUpgradeHeader(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
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

/** An HTTP server that answers whatever reaches its port with a status and a JSON body. Nothing is listened to yet. */
export function createHttpServer(app: RequestListener, onUpgrade: OnUpgrade): Server {
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node would answer a missing Host with an empty body; the guard refuses it in words.
      requireHostHeader: false,
    },
    app,
  )
  server.on('clientError', answerMalformedRequest)
  // An expectation that cannot be met may be ignored (RFC 9110 §10.1.1); Node's own answer has no body.
  server.on('checkExpectation', app)
  server.on('upgrade', (request, socket, head) => {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') onUpgrade(request, socket, head)
    else dropUpgradeHeader(server, request, socket, head)
  })
  return server
}
