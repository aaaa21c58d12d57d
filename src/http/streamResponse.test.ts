import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { sendStream } from './streamResponse.ts'

test('A stream is sent at the speed of its client and ends when the client disconnects', async () => {
  const line = `${'x'.repeat(1023)}\n`
  let producedChars = 0
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        producedChars += line.length
        yield line
      }
    } finally {
      finish()
    }
  }
  const server = createServer((_request, response) => {
    sendStream(response, 200, {}, { contentType: 'application/x-ndjson', chunks: endless() }).catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.headers['content-type']).toBe('application/x-ndjson')
    await once(response, 'readable')
    request.destroy()
    // Without the wait for the client this never resolves, because the stream would block the event loop.
    await finished
    expect(producedChars).toBeLessThan(32 * 1024 * 1024)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('A failure before the first line is thrown, so that it can be answered; a failure after it closes the connection', async () => {
  const outcomes: unknown[] = []
  async function* failing(after: number): AsyncGenerator<string> {
    for (let n = 0; n < after; n += 1) yield `${n}\n`
    throw new Error('no more')
  }
  const server = createServer((request, response) => {
    sendStream(response, 200, {}, { contentType: 'text/plain', chunks: failing(request.url === '/first' ? 0 : 100_000) }).catch(
      (error: unknown) => {
        outcomes.push(error)
        if (response.headersSent) response.destroy()
        else response.writeHead(503).end()
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    expect((await fetch(`${url}/first`)).status).toBe(503)
    await expect((await fetch(`${url}/later`)).text()).rejects.toThrow(/terminated/)
    expect(outcomes).toHaveLength(2)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
