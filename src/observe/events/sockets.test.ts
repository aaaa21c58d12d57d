import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Actor } from '../../platform/kernel/actor.ts'
import { generateAgentKey } from '../../auth/tokens.ts'
import { waitUntilReadable } from '../../dev/testing/eventStream.ts'
import { captureLog } from '../../dev/testing/captureLog.ts'
import { waitUntil } from '../../dev/testing/holds.ts'
import { sendRawBytes } from '../../dev/testing/rawHttp.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import { createSockets } from './sockets.ts'
import { onThisMachine } from '../../dev/testing/slowness.ts'

const lines = captureLog()
// Their clients are not pinged within a test, so that no missed pong disconnects them on a busy machine.
const server = useServer({ log: lines.log })
const serverOfSmallBuffers = useServer({ eventOptions: { maxBufferedBytes: 64 * 1024 } })
const pingingServer = useServer({ eventOptions: { pingIntervalMs: 1000 } })

const pathOf = (companyId: string, query = ''): string => `/api/companies/${companyId}/events/ws${query}`
const WAIT_MS = 45_000

interface Frame {
  readonly id: number
  readonly companyId: string
  readonly type: string
  readonly createdAt: string
  // Payloads are read field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly payload: any
}

/** Opens a WebSocket. */
async function openSocket(path: string, headers: Readonly<Record<string, string>> = {}, options: { autoPong?: boolean; at?: string } = {}) {
  const { at = server().url, ...rest } = options
  const socket = new WebSocket(`${at.replace('http', 'ws')}${path}`, { headers, ...rest })
  const frames: Frame[] = []
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString('utf8')) as Frame))
  socket.on('error', () => {})
  onTestFinished(() => socket.terminate())
  const closed = once(socket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }))
  await once(socket, 'open')
  const until = async (isIt: (frame: Frame) => boolean): Promise<Frame> => {
    const deadline = performance.now() + WAIT_MS
    for (;;) {
      const found = frames.find(isIt)
      if (found !== undefined) return found
      if (performance.now() > deadline || socket.readyState === WebSocket.CLOSED)
        throw new Error(
          `the expected frame did not arrive; ${JSON.stringify(socket.readyState === WebSocket.CLOSED ? await closed : null)}, received: ${frames.map(({ type }) => type).join(' ')}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return { socket, frames, closed, until, close: () => socket.terminate() }
}

/** Sends a handshake by hand and returns the answer, byte for byte. */
const sendHandshake = (path: string, headers: readonly string[] = [], host = new URL(server().url).host) =>
  sendRawBytes(server().url, `${[...handshakeLines(path, host), ...headers].join('\r\n')}\r\n\r\n`)

const handshakeLines = (path: string, host = 'localhost'): string[] => [
  `GET ${path} HTTP/1.1`,
  `Host: ${host}`,
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

describe('the handshake', () => {
  test('The local board may connect, and agents by key or run token, in the header or in the URL', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const run = await here.run(agent)
    for (const [query, headers] of [
      ['', {}],
      ['', { authorization: `Bearer ${agent.key}` }],
      [`?token=${agent.key}`, {}],
      ['', { authorization: `Bearer ${run.token}` }],
      [`?token=${run.token}`, {}],
      ['', { origin: server().url }],
    ] as const) {
      const connection = await openSocket(pathOf(here.company.id, query), headers)
      connection.close()
      await connection.closed
    }
  })

  test('Every other client gets 403 and the word forbidden, in local mode too', async () => {
    const [here, otherCompany] = [await world(server()), await world(server())]
    const agent = await here.agent()
    const run = await here.run(agent)
    const outsider = await otherCompany.agent()
    const { id } = here.company
    const ended = await here.run(agent)
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    lines.clear()
    const refused: Record<string, ReturnType<typeof sendHandshake>> = {
      'an unknown key': sendHandshake(pathOf(id, `?token=${generateAgentKey()}`)),
      'an empty token': sendHandshake(pathOf(id, '?token=')),
      'no bearer': sendHandshake(pathOf(id), ['Authorization: Basic x']),
      'two credentials': sendHandshake(pathOf(id, `?token=${agent.key}`), [`Authorization: Bearer ${agent.key}`]),
      'two tokens': sendHandshake(pathOf(id, `?token=${agent.key}&token=${agent.key}`)),
      'the token of an ended run': sendHandshake(pathOf(id, `?token=${ended.token}`)),
      'a token beside another run': sendHandshake(pathOf(id, `?token=${run.token}`), [`X-Paperclip-Run-Id: ${ended.id}`]),
      'an agent of another company': sendHandshake(pathOf(id, `?token=${outsider.key}`)),
      'no such company': sendHandshake(pathOf(randomUUID())),
      'no id of a company': sendHandshake(pathOf('acme')),
      'a foreign host': sendHandshake(pathOf(id), [], 'evil.example'),
      'a foreign origin': sendHandshake(pathOf(id), ['Origin: https://evil.example']),
      'through a proxy': sendHandshake(pathOf(id), ['X-Forwarded-For: 203.0.113.7']),
    }
    for (const [why, answer] of Object.entries(refused)) {
      const { head, text } = await answer
      expect({ why, line: head.split('\r\n')[0], text }).toEqual({ why, line: 'HTTP/1.1 403 Forbidden', text: 'forbidden' })
    }
    // No log line contains a credential from a URL.
    expect(lines.text()).toContain('request denied')
    for (const secret of [agent.key, run.token, ended.token, outsider.key]) expect(lines.text()).not.toContain(secret)
  })

  test('Other paths get no answer, and a request to upgrade to another protocol is answered as a plain request', async () => {
    const here = await world(server())
    for (const path of ['/', '/api/health', `/api/companies/${here.company.id}/events`, `${pathOf(here.company.id)}/`])
      expect((await sendHandshake(path)).head).toBe('')
    const { host } = new URL(server().url)
    const request = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'].join('\r\n')
    const read = await sendRawBytes(server().url, `GET /api/health HTTP/1.1\r\nHost: ${host}\r\n${request}\r\n\r\n`)
    expect(read).toMatchObject({ status: 200, body: { status: 'ok' } })
    const body = JSON.stringify({ title: 'Written by a client of HTTP/2' })
    const written = await sendRawBytes(
      server().url,
      `POST /api/companies/${here.company.id}/issues HTTP/1.1\r\nHost: ${host}\r\n${request}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(written).toMatchObject({ status: 201, body: { title: 'Written by a client of HTTP/2' } })
  })

  test('A malformed handshake is refused and keeps no connection slot', async () => {
    const here = await world(server())
    const { head } = await sendRawBytes(
      server().url,
      `GET ${pathOf(here.company.id)} HTTP/1.1\r\nHost: ${new URL(server().url).host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    expect(head).toMatch(/^HTTP\/1\.1 400 /)
    await waitUntil('every connection slot is released', async () => server().feed.connectionLimits.openCount() === 0)
  })
})

describe('the frames', () => {
  test('A client receives each audit row of its company and the changes of runs and agents that the row causes', async () => {
    const [here, otherCompany] = [await world(server()), await world(server())]
    const agent = await here.agent()
    await waitUntilReadable(server().database.sql)
    const connection = await openSocket(pathOf(here.company.id, `?token=${agent.key}`))
    await otherCompany.issue()
    const run = await here.run(agent)
    const issue = await here.issue()
    await here.checkout(run, issue.id)
    const failure = { status: 'failed', error: 'out of tokens', errorCode: 'tokens' }
    expect(await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, failure)).toMatchObject({ status: 200 })
    expect(await server().board.post(`/api/agents/${agent.id}/pause`)).toMatchObject({ status: 200 })
    const statuses = () => connection.frames.filter(({ type }) => type === 'agent.status').map(({ payload }) => payload)
    await connection.until(() => statuses().length === 3)
    expect(statuses().at(-1)).toEqual({ agentId: agent.id, status: 'paused', lastHeartbeatAt: null, outcome: null })
    expect(statuses().map(({ outcome }) => outcome)).toEqual([null, 'failed', null])
    const ids = connection.frames.map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(connection.frames.map(({ companyId }) => companyId))).toEqual(new Set([here.company.id]))
    expect(connection.frames.filter(({ type }) => type === 'activity.logged').map(({ payload }) => payload.action)).toEqual([
      'heartbeat.run_started',
      'issue.created',
      'issue.checked_out',
      'heartbeat.run_finished',
      'issue.lock_cleared',
      'agent.paused',
    ])
    expect(connection.frames.filter(({ type }) => type === 'heartbeat.run.status').map(({ payload }) => payload)).toMatchObject([
      { runId: run.id, agentId: agent.id, status: 'running', invocationSource: 'on_demand', startedAt: expect.any(String) },
      { runId: run.id, status: 'failed', error: 'out of tokens', errorCode: 'tokens', finishedAt: expect.any(String) },
    ])
    expect(connection.frames[0]).toMatchObject({
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      payload: { actorType: 'agent', entityId: run.id },
    })
    connection.close()
  })

  test('A client receives queued runs, run events, and the output of runs while it is written', async () => {
    const here = await world(server())
    const { agent, run, issue } = await here.held()
    const connection = await openSocket(pathOf(here.company.id))
    // The wake waits for the holder, and its run is queued when the holder releases the issue.
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'And then this' })
    await server().board.post(`/api/heartbeat-runs/${run.id}/cancel`)
    await connection.until(({ type }) => type === 'heartbeat.run.queued')
    // The audit row of this change names no run.
    const assigned = await here.issue({ assigneeAgentId: (await here.agent()).id })
    const queued = () => connection.frames.filter(({ type }) => type === 'heartbeat.run.queued')
    await connection.until(() => queued().length === 2)
    const wake = { runId: expect.any(String), agentId: expect.any(String), triggerDetail: 'system', wakeupRequestId: expect.any(String) }
    expect(queued().map(({ payload }) => payload)).toEqual([
      { ...wake, agentId: agent.id, invocationSource: 'automation' },
      { ...wake, invocationSource: 'assignment' },
    ])
    const { rows } = await server().database.sql.query('select id from heartbeat_runs where issue_id = $1', [assigned.id])
    expect(rows).toEqual([{ id: queued()[1]?.payload.runId }])
    await server().database.sql.query(
      `insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type, stream, level, message, payload)
       values ($1, $2, $3, 1, 'lifecycle', 'system', 'info', 'run started', '{"a":1}')`,
      [here.company.id, run.id, agent.id],
    )
    server().feed.notify()
    expect((await connection.until(({ type }) => type === 'heartbeat.run.event')).payload).toMatchObject({
      runId: run.id,
      agentId: agent.id,
      seq: 1,
      eventType: 'lifecycle',
      stream: 'system',
      level: 'info',
      color: null,
      message: 'run started',
      payload: { a: 1 },
    })
    const line = { companyId: here.company.id, runId: run.id, agentId: agent.id, ts: '2026-01-01T00:00:00.000Z', stream: 'stdout' as const }
    server().feed.publishLogLine({ ...line, chunk: 'words\n' })
    server().feed.publishLogLine({ ...line, companyId: randomUUID(), chunk: 'of others' })
    server().feed.publishLogLine({ ...line, chunk: `${'é'.repeat(5000)}x` })
    await connection.until(({ payload }) => payload.truncated === true)
    expect(connection.frames.filter(({ type }) => type === 'heartbeat.run.log').map(({ payload }) => payload)).toEqual([
      { runId: run.id, agentId: agent.id, ts: line.ts, stream: 'stdout', chunk: 'words\n', truncated: false },
      { runId: run.id, agentId: agent.id, ts: line.ts, stream: 'stdout', chunk: `${'é'.repeat(4095)}x`, truncated: true },
    ])
    connection.close()
  })
})

describe('the end of a WebSocket', () => {
  test('A client that answers pings stays connected, and one that misses a pong is disconnected', async () => {
    const here = await world(pingingServer())
    const [responsive, unresponsive] = [
      await openSocket(pathOf(here.company.id), {}, { at: pingingServer().url }),
      await openSocket(pathOf(here.company.id), {}, { autoPong: false, at: pingingServer().url }),
    ]
    let pings = 0
    responsive.socket.on('ping', () => (pings += 1))
    expect(await unresponsive.closed).toMatchObject({ code: 1006 })
    while (pings < 3) await once(responsive.socket, 'ping')
    expect(responsive.socket.readyState).toBe(WebSocket.OPEN)
    responsive.close()
  })

  test('A WebSocket is closed within a second of its credential', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const [cancelled, expired] = [await here.run(agent), await here.run(agent)]
    const byKey = await openSocket(pathOf(here.company.id, `?token=${agent.key}`))
    const byCancelled = await openSocket(pathOf(here.company.id, `?token=${cancelled.token}`))
    const byExpired = await openSocket(pathOf(here.company.id, `?token=${expired.token}`))
    await server().board.post(`/api/heartbeat-runs/${cancelled.id}/cancel`)
    await expireLease(server(), expired.id)
    const endedAt = performance.now()
    expect(await byCancelled.closed).toEqual({ code: 1008, reason: 'credential ended' })
    expect(await byExpired.closed).toEqual({ code: 1008, reason: 'credential ended' })
    expect(performance.now() - endedAt).toBeLessThan(onThisMachine(2000))
    expect(byKey.socket.readyState).toBe(WebSocket.OPEN)
    const [key] = (await server().board.get(`/api/agents/${agent.id}/keys`)).body
    await server().board.del(`/api/agents/${agent.id}/keys/${key.id}`)
    expect(await byKey.closed).toEqual({ code: 1008, reason: 'credential ended' })
  })

  test('Messages of clients are ignored, and a long one closes the connection', async () => {
    const here = await world(server())
    const [brief, loud] = [await openSocket(pathOf(here.company.id)), await openSocket(pathOf(here.company.id))]
    brief.socket.send('{"type":"subscribe"}')
    loud.socket.send('x'.repeat(2000))
    expect(await loud.closed).toMatchObject({ code: 1009 })
    const issue = await here.issue()
    await brief.until(({ payload }) => payload.entityId === issue.id)
    brief.close()
  })

  test('A client that stops reading is disconnected and delays no other client', async () => {
    const here = await world(serverOfSmallBuffers())
    const brisk = await openSocket(pathOf(here.company.id), {}, { at: serverOfSmallBuffers().url })
    const hanging = await openSocket(pathOf(here.company.id), {}, { at: serverOfSmallBuffers().url })
    hanging.socket.pause()
    const line = {
      companyId: here.company.id,
      runId: randomUUID(),
      agentId: randomUUID(),
      ts: '2026-01-01T00:00:00.000Z',
      stream: 'stdout' as const,
    }
    await waitUntil('the client that stops reading is disconnected', async () => {
      for (let count = 0; count < 20; count += 1) serverOfSmallBuffers().feed.publishLogLine({ ...line, chunk: 'x'.repeat(8000) })
      return serverOfSmallBuffers().feed.connectionLimits.openCount() <= 1
    })
    const issue = await here.issue()
    await brisk.until(({ payload }) => payload.entityId === issue.id)
    brisk.close()
    hanging.close()
  })

  test('A WebSocket ends when its company is deleted, and when the server stops', async () => {
    const here = await world(server())
    const connection = await openSocket(pathOf(here.company.id))
    await server().board.del(`/api/companies/${here.company.id}`)
    expect(await connection.closed).toEqual({ code: 1008, reason: 'company deleted' })
    const lasting = await world(server())
    const other = await server().startPeer()
    const socket = new WebSocket(`${other.url.replace('http', 'ws')}${pathOf(lasting.company.id)}`)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await other.stop()
    expect((await closed)[0]).toBe(1001)
  })
})

function gate<T>(): { opened: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {}
  const opened = new Promise<T>((resolve) => (open = resolve))
  return { opened, open }
}

test('A client that leaves during its own handshake keeps no connection slot', async () => {
  const here = await world(server())
  const { feed, store } = server()
  await waitUntil('the connections of other tests are closed', async () => feed.connectionLimits.openCount() === 0)
  const board: Actor = {
    kind: 'board',
    userId: 'local-board',
    isAdmin: true,
    via: 'ambient',
    uid: null,
    companies: null,
    grants: new Map(),
    role: 'owner',
    session: null,
  }
  const [identified, mayContinue, handshakeRead] = [gate<void>(), gate<void>(), gate<void>()]
  const onUpgrade = createSockets({
    feed: {
      ...feed,
      // The last step of a handshake before it takes a connection slot.
      async readWatermarks() {
        const watermarks = await feed.readWatermarks()
        setImmediate(handshakeRead.open)
        return watermarks
      },
    },
    db: store.read,
    log: lines.log,
    guard: () => {},
    async identify() {
      identified.open()
      await mayContinue.opened
      return board
    },
    options: {},
  })
  const leaving = gate<Duplex>()
  const http = createServer().on('upgrade', (request, socket, head) => {
    leaving.open(socket)
    onUpgrade(request, socket, head)
  })
  http.listen(0, '127.0.0.1')
  onTestFinished(() => void http.close())
  await once(http, 'listening')
  const client = connect((http.address() as AddressInfo).port, '127.0.0.1')
  client.write(`${handshakeLines(pathOf(here.company.id)).join('\r\n')}\r\n\r\n`)
  await identified.opened
  const socket = await leaving.opened
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  client.resetAndDestroy()
  await closed
  mayContinue.open()
  await handshakeRead.opened
  expect(feed.connectionLimits.openCount()).toBe(0)
})
