import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** One request, ready for the wire. */
export interface PreparedRequest {
  readonly bytes: Buffer
  readonly expectedStatus: number
}

/** The requests that one connection repeats. */
export type Script = readonly PreparedRequest[]

export interface LoadStats {
  /** Requests answered per second. */
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** A request as its caller describes it. */
interface RequestDescription {
  /** Left out: `GET`. */
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Left out: 200. */
  readonly expectedStatus?: number
}

/** Renders a request once, so that the generator costs as little as it can: it shares two cores with the server it measures. */
export function prepareRequest({ method = 'GET', path, headers = {}, body, expectedStatus = 200 }: RequestDescription): PreparedRequest {
  const text = body === undefined ? '' : JSON.stringify(body)
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`)
  return { bytes: Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`), expectedStatus }
}

interface Connection {
  send(next: PreparedRequest): Promise<void>
  close(): void
}

const LENGTH = /content-length: (\d+)/i

/** A keep-alive connection that reads exactly one answer per request. */
async function openConnection(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  let pending: { resolve: () => void; reject: (error: Error) => void; expectedStatus: number } | undefined
  let received = ''
  let remainingBytes = -1
  socket.on('error', (error) => pending?.reject(error))
  socket.on('close', () => pending?.reject(new Error('connection closed')))
  socket.on('data', (chunk: Buffer) => {
    if (remainingBytes < 0) {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(LENGTH.exec(received.slice(0, end))?.[1] ?? 0)
      remainingBytes = length - (received.length - end - 4)
    } else remainingBytes -= chunk.length
    if (remainingBytes > 0) return
    const status = Number(received.slice(9, 12))
    const answer = received
    received = ''
    remainingBytes = -1
    const waiting = pending
    pending = undefined
    if (waiting === undefined) return
    if (status === waiting.expectedStatus) waiting.resolve()
    else waiting.reject(new Error(`expected ${waiting.expectedStatus}: ${answer.slice(0, 2000)}`))
  })
  return {
    send: (next) =>
      new Promise<void>((resolve, reject) => {
        pending = { resolve, reject, expectedStatus: next.expectedStatus }
        socket.write(next.bytes)
      }),
    close: () => void socket.destroy(),
  }
}

/** The value below which a share `q` of sorted numbers lies. */
export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0

/**
 * Plays one script per connection, round and round, for a while; a script is always played to its end.
 * @param durationMs how long new rounds begin
 */
export async function runScripts(
  port: number,
  scripts: readonly Script[],
  durationMs: number,
): Promise<{ times: number[]; elapsedMs: number }> {
  const connections = await Promise.all(scripts.map(() => openConnection(port)))
  const times: number[] = []
  const started = performance.now()
  await Promise.all(
    connections.map(async (connection, index) => {
      const script = scripts[index] ?? []
      while (performance.now() - started < durationMs) {
        for (const next of script) {
          const sentAt = performance.now()
          await connection.send(next)
          times.push(performance.now() - sentAt)
        }
      }
    }),
  )
  const elapsedMs = performance.now() - started
  for (const connection of connections) connection.close()
  return { times, elapsedMs }
}

/** Sums up what several turns have measured. */
export function summarize(turns: readonly { times: readonly number[]; elapsedMs: number }[]): LoadStats {
  const times = turns.flatMap((turn) => turn.times).toSorted((a, b) => a - b)
  const seconds = turns.reduce((sum, turn) => sum + turn.elapsedMs, 0) / 1000
  return { rate: times.length / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) }
}
