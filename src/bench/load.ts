import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** One request, ready for the wire. */
export interface Shot {
  readonly bytes: Buffer
  readonly expect: number
}

/** What a client does over and over on its own connection. */
export type Script = readonly Shot[]

export interface Measured {
  /** Requests answered per second. */
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Renders a request once, so that the generator costs as little as it can: it shares two cores with what it measures. */
export function shot(method: string, path: string, headers: Readonly<Record<string, string>>, body: unknown, expect: number): Shot {
  const text = body === undefined ? '' : JSON.stringify(body)
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`)
  return { bytes: Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`), expect }
}

interface Connection {
  send(next: Shot): Promise<void>
  close(): void
}

const LENGTH = /content-length: (\d+)/i

/** A keep-alive connection that reads exactly one answer per request. */
async function open(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  let pending: { resolve: () => void; reject: (error: Error) => void; expect: number } | undefined
  let head = ''
  let missing = -1
  socket.on('error', (error) => pending?.reject(error))
  socket.on('close', () => pending?.reject(new Error('connection closed')))
  socket.on('data', (chunk: Buffer) => {
    if (missing < 0) {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(LENGTH.exec(head.slice(0, end))?.[1] ?? 0)
      missing = length - (head.length - end - 4)
    } else missing -= chunk.length
    if (missing > 0) return
    const status = Number(head.slice(9, 12))
    const answer = head
    head = ''
    missing = -1
    const waiting = pending
    pending = undefined
    if (waiting === undefined) return
    if (status === waiting.expect) waiting.resolve()
    else waiting.reject(new Error(`expected ${waiting.expect}: ${answer.slice(0, 2000)}`))
  })
  return {
    send: (next) =>
      new Promise<void>((resolve, reject) => {
        pending = { resolve, reject, expect: next.expect }
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
 * @param forMs how long new rounds begin
 */
export async function play(port: number, scripts: readonly Script[], forMs: number): Promise<{ times: number[]; elapsedMs: number }> {
  const connections = await Promise.all(scripts.map(() => open(port)))
  const times: number[] = []
  const started = performance.now()
  await Promise.all(
    connections.map(async (connection, index) => {
      const script = scripts[index] ?? []
      while (performance.now() - started < forMs) {
        for (const next of script) {
          const from = performance.now()
          await connection.send(next)
          times.push(performance.now() - from)
        }
      }
    }),
  )
  const elapsedMs = performance.now() - started
  for (const connection of connections) connection.close()
  return { times, elapsedMs }
}

/** Sums up what several turns have measured. */
export function summarize(turns: readonly { times: readonly number[]; elapsedMs: number }[]): Measured {
  const times = turns.flatMap((turn) => turn.times).toSorted((a, b) => a - b)
  const seconds = turns.reduce((sum, turn) => sum + turn.elapsedMs, 0) / 1000
  return { rate: times.length / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) }
}
