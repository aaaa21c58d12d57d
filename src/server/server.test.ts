import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { readConfig } from './config.ts'
import { createLog } from '../platform/kernel/log.ts'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'
import { temporaryHome, pollFor } from '../dev/testing/serverProcess.ts'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

async function serve(env: Record<string, string> = {}): Promise<RunningServer> {
  // Without adapters: a server that is root and not isolated would need the token of the board.
  const read = readConfig({ PORT: '0', PAPERCLIP_HOME: temporaryHome(), PAPERCLIP_ADAPTERS: '', ...env })
  if (!('config' in read)) throw new Error(read.problems.join())
  const server = await startServer(read.config, database.connection, createLog('silent', false))
  onTestFinished(() => server.stop())
  return server
}

interface RawReply {
  readonly status: number | undefined
  readonly connection: string | undefined
}

const ask = (url: string, agent: Agent): Promise<RawReply> =>
  new Promise((resolve, reject) => {
    request(`${url}/api/health`, { agent }, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
    })
      .on('error', reject)
      .end()
  })

test('A stop does not wait for idle connections', async () => {
  const server = await serve()
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  expect((await ask(server.url, agent)).connection).toBe('keep-alive')
  const startedAt = performance.now()
  await server.stop()
  expect(performance.now() - startedAt).toBeLessThan(onThisMachine(1000))
})

test('A request that arrives during a stop, behind one in progress, is answered and its connection is closed', async () => {
  const server = await serve()
  const company = await fetch(`${server.url}/api/companies`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"Late Works"}',
  })
  const { id } = (await company.json()) as { id: string }
  const locker = await database.sql.connect()
  onTestFinished(() => locker.release(true))
  await locker.query('begin')
  await locker.query('select from companies where id = $1 for update', [id])

  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  const ended = once(socket, 'close')
  const change = '{"description":"slow"}'
  const head = `Host: ${hostname}:${port}\r\n`
  socket.write(
    `PATCH /api/companies/${id} HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: ${change.length}\r\n\r\n${change}`,
  )
  await pollFor('the request waits for the lock', async () => {
    const { rows } = await database.sql.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    return rows.length > 0
  })
  const stopped = server.stop()
  socket.write(`GET /api/health HTTP/1.1\r\n${head}\r\n`)
  await locker.query('rollback')
  await Promise.all([stopped, ended])
  const [first, second] = received.split(/(?=HTTP\/1\.1 )/)
  expect(first).toMatch(/^HTTP\/1\.1 200 /)
  expect(second).toMatch(/^HTTP\/1\.1 200 /)
  expect(second).toMatch(/^connection: close\r$/im)
})

test('A client that sends half a request does not delay the answers to other clients', async () => {
  const server = await serve()
  const { hostname, port } = new URL(server.url)
  const halfOpen = connect(Number(port), hostname)
  onTestFinished(() => void halfOpen.destroy())
  halfOpen.write('GET /api/health HTTP/1.1\r\nHost: loc')
  const agent = new Agent()
  expect((await ask(server.url, agent)).status).toBe(200)
})

test('A second stop changes nothing and resolves too', async () => {
  const server = await serve()
  await Promise.all([server.stop(), server.stop()])
  await server.stop()
})

test('A start on a port in use fails with EADDRINUSE', async () => {
  const secret = { PAPERCLIP_AGENT_JWT_SECRET: 'kZ3v9Qw2xR7tB5nM8cL4jH6gF1dS0aPe' }
  const { port } = new URL((await serve(secret)).url)
  await expect(serve({ ...secret, PORT: port })).rejects.toThrow(/^PORT: another process listens on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/)
})

test('A server that listens on every address returns a URL that works', async () => {
  const { url } = await serve({ HOST: '0.0.0.0' })
  expect(url).toMatch(/^http:\/\/localhost:\d+$/)
})
