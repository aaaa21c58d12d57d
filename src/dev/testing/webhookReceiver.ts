import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { waitUntil } from './holds.ts'

/** A message as it came. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  // Bodies are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** The answer to a message: a status, or what the test does with the response. It may look at the message first. */
export type Answering = (message: Received, response: ServerResponse) => number | undefined | Promise<number | undefined>

/** A receiver of webhooks on this machine. */
export interface TestReceiver {
  readonly url: string
  readonly messages: readonly Received[]
  /** Messages that differ in their id, in the order of their first arrival: what a receiver does that handles each id once. */
  readonly inEffect: () => readonly Received[]
  /** Sets how it answers from now on. */
  answer(how: Answering): void
  /** Resolves when it has so many messages. */
  waitForCount(count: number): Promise<void>
  /** Resolves when a message satisfies this, also one that has come before. */
  waitFor(matches: (message: Received) => boolean): Promise<void>
}

/** The id of the message. */
export const idOf = ({ headers }: Received): string => String(headers['webhook-id'])

/** Starts a receiver that answers 204, until the test says otherwise. It ends with the test. */
export async function startReceiver(): Promise<TestReceiver> {
  const messages: Received[] = []
  let answering: Answering = () => 204
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const message = { path: request.url ?? '', headers: request.headers, text, body: JSON.parse(text) as unknown }
      messages.push(message)
      Promise.resolve(answering(message, response)).then(
        (status) => status !== undefined && response.writeHead(status).end(),
        () => response.writeHead(500).end(),
      )
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    messages,
    inEffect: () => messages.filter((message, at) => messages.findIndex((other) => idOf(other) === idOf(message)) === at),
    answer: (how) => void (answering = how),
    waitForCount: (count) => waitUntil(`the receiver has ${count} messages`, async () => messages.length >= count),
    waitFor: (matches) => waitUntil('the awaited message arrives', async () => messages.some(matches)),
  }
}
