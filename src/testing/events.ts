import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Pool } from '../db/client.ts'

/** A message of an event stream. */
export interface Message {
  /** The cursor behind it. */
  readonly id: string
  // Messages are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
}

/** Somebody who reads an event stream as a browser does. */
export interface Reader {
  readonly status: number
  readonly messages: readonly Message[]
  /** What a reader sends as `Last-Event-ID` when it comes back. */
  readonly lastEventId: () => string
  /** Every line that was received, comments too. */
  readonly lines: readonly string[]
  /** Resolves once a message satisfies this, also one that has come before. @throws Error after five seconds */
  until(isIt: (message: Message) => boolean): Promise<Message>
  /** Resolves when the server has ended the answer, or cut it. */
  readonly ended: Promise<void>
  /** Stops taking what is sent, as a reader that hangs. */
  pause(): void
  /** Hangs up. */
  leave(): void
}

const PATIENCE_MS = 5000

/** Opens an event stream; resolves when its head is there. */
export async function follow(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Reader> {
  const messages: Message[] = []
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let id = ''
  let data: string[] = []
  let rest = ''

  const dispatch = (): void => {
    if (data.length > 0) messages.push({ id, data: JSON.parse(data.join('\n')) })
    data = []
    for (const look of waiting) look()
  }
  const readLine = (line: string): void => {
    lines.push(line)
    if (line === '') return dispatch()
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
    if (field === 'id') id = value
    if (field === 'data') data.push(value)
  }

  const [asked, answer] = await new Promise<[ClientRequest, IncomingMessage]>((resolve, reject) => {
    const sent = request(`${url}${path}`, { headers, agent: false }, (response) => resolve([sent, response]))
    sent.on('error', reject)
    sent.end()
  })
  asked.on('error', () => {})
  answer.setEncoding('utf8')
  answer.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) readLine(line)
  })
  const ended = new Promise<void>((resolve) => {
    answer.on('error', () => resolve())
    answer.on('close', () => resolve())
  })
  return {
    status: answer.statusCode ?? 0,
    messages,
    lines,
    lastEventId: () => id,
    until: (isIt) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(
            new Error(
              `the awaited message did not come; the last of ${messages.length}: ${JSON.stringify(messages.at(-1))?.slice(0, 500)}`,
            ),
          )
        }, PATIENCE_MS)
        const look = (): void => {
          const found = messages.find(isIt)
          if (found === undefined) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    ended,
    pause: () => void answer.pause(),
    leave: () => void asked.destroy(),
  }
}

/**
 * Resolves when everything that has been committed can be told: transactions of other test files, on other databases of
 * the cluster, hold it up as well.
 */
export async function allTellable(sql: Pool): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const { rows } = await sql.query<{ is: boolean }>(
      'select not exists (select 1 from activity_log where txid >= pg_snapshot_xmin(pg_current_snapshot())) as is',
    )
    if (rows[0]?.is === true) return
    if (performance.now() > deadline) throw new Error('an older transaction is under way for too long')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
