import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Pool } from '../../platform/db/driver/client.ts'

/** A message of an event stream. */
export interface StreamMessage {
  /** The cursor behind it. */
  readonly id: string
  // Messages are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
}

/** A client that reads an event stream as a browser does. */
export interface EventStreamReader {
  readonly status: number
  readonly messages: readonly StreamMessage[]
  /** The `Last-Event-ID` that a reader sends when it reconnects. */
  readonly lastEventId: () => string
  /** Every line that was received, comments too. */
  readonly lines: readonly string[]
  /** Resolves once a message satisfies this, also one that has come before. @throws Error after five seconds */
  waitFor(matches: (message: StreamMessage) => boolean): Promise<StreamMessage>
  /** Resolves when the server has ended the answer, or cut it. */
  readonly ended: Promise<void>
  /** Stops taking what is sent, as a reader that hangs. */
  pause(): void
  /** Hangs up. */
  disconnect(): void
}

const TIMEOUT_MS = 45_000

/** Collects the messages of a stream and wakes those that wait for one. */
function createMessageLog() {
  const messages: StreamMessage[] = []
  const lines: string[] = []
  const waiters = new Set<() => void>()
  let id = ''
  let data: string[] = []
  const dispatch = (): void => {
    if (data.length > 0) messages.push({ id, data: JSON.parse(data.join('\n')) })
    data = []
    for (const check of waiters) check()
  }
  const readLine = (line: string): void => {
    lines.push(line)
    if (line === '') return dispatch()
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
    if (field === 'id') id = value
    if (field === 'data') data.push(value)
  }
  const waitFor = (matches: (message: StreamMessage) => boolean): Promise<StreamMessage> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.delete(check)
        const last = JSON.stringify(messages.at(-1))?.slice(0, 500)
        reject(new Error(`the awaited message did not come; the last of ${messages.length}: ${last}`))
      }, TIMEOUT_MS)
      const check = (): void => {
        const found = messages.find(matches)
        if (found === undefined) return
        clearTimeout(timer)
        waiters.delete(check)
        resolve(found)
      }
      waiters.add(check)
      check()
    })
  return { messages, lines, lastEventId: () => id, readLine, waitFor }
}

/** Opens an event stream; resolves when its head is there. */
export async function openEventStream(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStreamReader> {
  const { readLine, ...log } = createMessageLog()
  let incompleteLine = ''
  const [clientRequest, incoming] = await new Promise<[ClientRequest, IncomingMessage]>((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { headers, agent: false }, (response) => resolve([outgoing, response]))
    outgoing.on('error', reject)
    outgoing.end()
  })
  clientRequest.on('error', () => {})
  incoming.setEncoding('utf8')
  incoming.on('data', (chunk: string) => {
    const parts = (incompleteLine + chunk).split('\n')
    incompleteLine = parts.pop() ?? ''
    for (const line of parts) readLine(line)
  })
  const ended = new Promise<void>((resolve) => {
    incoming.on('error', () => resolve())
    incoming.on('close', () => resolve())
  })
  return {
    ...log,
    status: incoming.statusCode ?? 0,
    ended,
    pause: () => void incoming.pause(),
    disconnect: () => void clientRequest.destroy(),
  }
}

/**
 * Resolves when every committed event can be delivered: transactions of other test files, on other databases of
 * the cluster, hold it up as well.
 */
export async function waitUntilReadable(sql: Pool): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS
  for (;;) {
    const { rows } = await sql.query<{ is: boolean }>(
      'select not exists (select 1 from activity_log where txid > (select horizon from event_horizon())) as is',
    )
    if (rows[0]?.is === true) return
    if (performance.now() > deadline) throw new Error('an older transaction is under way for too long')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
