// A wire between a browser and a server that a test cuts, and on which it can be the event stream itself.

import { once } from 'node:events'
import { createServer, request as ask } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Wire {
  /** The address by which the browser reaches the server. */
  readonly url: string
  /** Ends all connections and lets no new one in. */
  cut(): void
  /** Lets connections in again. */
  mend(): void
  /** Whether connections stay open and nothing passes, as after the sleep of a machine: no error says that they are dead. */
  isFrozen: boolean
  /** The status with which the event stream is refused; null lets it through. */
  refusedWith: number | null
  /** How many connections of the event stream have been asked for. */
  streams: number
  /** Sends a text to every event stream, beside the events of the server. */
  send(text: string): void
}

const isStream = ({ url = '' }: IncomingMessage): boolean => url.includes('/events/stream')

/** Passes a request on, and its answer back. */
function pass(target: string, wire: Wire, [request, response]: readonly [IncomingMessage, ServerResponse]): void {
  const passed = ask(new URL(request.url ?? '/', target), { method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.on('data', (chunk: Buffer) => {
      if (!wire.isFrozen) response.write(chunk)
    })
    answer.on('end', () => response.end())
    answer.on('error', () => response.destroy())
  })
  passed.on('error', () => response.destroy())
  response.on('close', () => passed.destroy())
  request.pipe(passed)
}

/** Lays a wire to a server, until the test is over. */
export async function layWire(target: string): Promise<Wire> {
  const open = new Set<ServerResponse>()
  let isCut = false
  const server = createServer((request, response) => {
    if (isCut) return void response.destroy()
    if (isStream(request)) {
      wire.streams += 1
      if (wire.refusedWith !== null) return void response.writeHead(wire.refusedWith, { 'content-type': 'application/json' }).end('{}')
      open.add(response)
      response.on('close', () => open.delete(response))
    }
    if (!wire.isFrozen) pass(target, wire, [request, response])
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wire: Wire = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true
      server.closeAllConnections()
    },
    mend: () => void (isCut = false),
    isFrozen: false,
    refusedWith: null,
    streams: 0,
    send: (text) => open.forEach((response) => response.write(text)),
  }
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return wire
}
