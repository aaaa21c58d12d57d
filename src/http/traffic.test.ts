import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { follow } from '../dev/testing/follower.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { TestServer } from '../dev/testing/world.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

/** A long list takes its time to make on a busy machine. */
const SLOW = { timeout: 180_000 }

function connectUnread(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  // A server may close it at any time.
  socket.on('error', () => {})
  socket.pause()
  return socket
}

/** A client of a server that does not read what it is sent, until the test ends. */
function openUnread(url: string): Socket {
  const socket = connectUnread(url)
  onTestFinished(() => void socket.destroy())
  return socket
}

const get = (path: string, token?: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${token === undefined ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`

/** An issue whose list of comments is as long as a page may be. */
async function largeList(server: TestServer) {
  const here = await world(server)
  const { id } = await here.issue()
  await server.database.sql.query(
    `insert into issue_comments (company_id, issue_id, author_user_id, body, created_at)
     select $1, $2, 'local-board', repeat('x', 100000), now() + n * interval '1 ms' from generate_series(1, 39) n`,
    [here.company.id, id],
  )
  return { ...here, path: `/api/issues/${id}/comments` }
}

/** How often a limit was reached, from the metrics. */
async function limited(server: TestServer, reason: string): Promise<number> {
  const { text } = await server.board.get('/metrics')
  return Number(new RegExp(`paperclip_traffic_limited_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1])
}

/** A connection that sent half a header before the other tests began, because its end takes fifteen seconds. */
const half = { server: useServer(), openedAt: 0, closedAt: new Promise<number>(() => {}) }
beforeAll(() => {
  const socket = connectUnread(half.server().url)
  socket.resume()
  socket.write('GET /api/health HTTP/1.1\r\nHost: loc')
  half.openedAt = performance.now()
  half.closedAt = once(socket, 'close').then(() => performance.now())
})

describe('A connection whose client takes nothing', () => {
  const server = useServer({ trafficLimits: { connections: { stallMs: 1500, sweepMs: 100 } } })

  test('It is closed, and its answer is no longer counted', SLOW, async () => {
    const { path } = await largeList(server())
    const sockets = Array.from({ length: 4 }, () => openUnread(server().url))
    for (const socket of sockets) socket.write(get(path).repeat(4))
    await pollFor('the connections are closed', async () => (await limited(server(), 'stalled')) >= 4)
    await pollFor('no answer is counted', async () =>
      (await server().board.get('/metrics')).text.includes('paperclip_unread_answer_bytes 0'),
    )
  })

  test('A reader that is slow and moves is not closed', SLOW, async () => {
    const { path } = await largeList(server())
    const before = await limited(server(), 'stalled')
    const socket = openUnread(server().url)
    socket.write(get(path).repeat(4))
    let received = 0
    const slow = setInterval(() => (received += (socket.read() as Buffer | null)?.length ?? 0), 200)
    onTestFinished(() => clearInterval(slow))
    await pollFor('a reader reads for longer than a stalled one may', () => received > 1_500_000)
    expect([socket.destroyed, await limited(server(), 'stalled')]).toEqual([false, before])
  })
})

describe('Answers that are not read', () => {
  const server = useServer({ trafficLimits: { answers: { perProcess: 64_000_000, perAgent: 8_000_000, people: 32_000_000 } } })

  test('An agent that does not read is refused with Retry-After, and others are not', SLOW, async () => {
    const { path, agent } = await largeList(server())
    const [hoarder, other] = [await agent(), await agent()]
    const sockets = Array.from({ length: 6 }, () => openUnread(server().url))
    const refused = await pollFor('the agent is refused', async () => {
      // Again and again: a request that is refused while others are in flight is gone, and the kernel may take those whole.
      for (const socket of sockets) socket.write(get(path, hoarder.key))
      const answer = await hoarder.client.get(path)
      return answer.status === 429 ? answer : null
    })
    expect([refused.body.code, Number(refused.headers['retry-after'])]).toEqual(['answers_unread', 5])
    expect([(await other.client.get(path)).status, (await server().board.get(path)).status]).toEqual([200, 200])
    expect((await hoarder.client.get('/api/agents/me')).status).toBe(200)
    const { text } = await server().board.get('/metrics')
    expect(Number(/paperclip_unread_answer_bytes (\d+)/.exec(text)?.[1])).toBeLessThan(16_000_000)
    for (const socket of sockets) socket.destroy()
    await pollFor('the agent is served again', async () => (await hoarder.client.get(path)).status === 200)
  })
})

describe('The number of connections', () => {
  const server = useServer({ trafficLimits: { connections: { max: 24, perAgent: 4, reserved: 8 } } })

  /** Opens a connection and waits until the server has it. */
  async function openIdle(): Promise<Socket> {
    const socket = openUnread(server().url)
    await once(socket, 'connect')
    return socket
  }

  test('Idle connections are closed for a new one, the oldest first, so they shut no caller out', async () => {
    for (let index = 0; index < 60; index += 1) await openIdle()
    for (let index = 0; index < 5; index += 1) expect((await server().board.get('/api/health')).status).toBe(200)
    expect(await limited(server(), 'evicted')).toBeGreaterThanOrEqual(36)
    expect(await limited(server(), 'refused')).toBe(0)
  })

  test('An agent has its own limit, and agents together leave connections to people', async () => {
    const here = await world(server())
    const streams = `/api/companies/${here.company.id}/events/stream`
    const agents = [await here.agent(), await here.agent(), await here.agent(), await here.agent()]
    for (const { key } of agents)
      for (let index = 0; index < 4; index += 1) {
        const reader = await follow(server().url, streams, { authorization: `Bearer ${key}` })
        expect(reader.status).toBe(200)
        onTestFinished(() => reader.disconnect())
      }
    const refused = await agents[0]?.client.get('/api/agents/me')
    expect([refused?.status, refused?.body.code, refused?.headers['retry-after'], refused?.headers['connection']]).toEqual([
      429,
      'too_many_connections',
      '5',
      'close',
    ])
    const another = await here.agent()
    expect((await another.client.get('/api/agents/me')).body.code).toBe('too_many_connections')
    expect((await server().board.get('/api/companies')).status).toBe(200)
  })
})

describe('An offer to upgrade to HTTP/2', () => {
  const server = useServer()

  test('Pipelined requests are all answered in order, wherever one offers to upgrade', async () => {
    const requestOf = (id: number, extra = ''): string =>
      `GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: ${id}\r\n${extra}\r\n`
    const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
    for (const offering of [[0], [2], [4], [0, 1, 2, 3, 4], [1, 3]]) {
      const socket = openUnread(server().url)
      let received = ''
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
      socket.resume()
      socket.write([0, 1, 2, 3, 4].map((id) => requestOf(id, offering.includes(id) ? offer : '')).join(''))
      const idsOf = (): string[] => [...received.matchAll(/X-Request-Id: (\d+)/gi)].map((match) => String(match[1]))
      await pollFor(`five answers with an offer at ${offering.join()}`, () => idsOf().length === 5)
      expect(idsOf()).toEqual(['0', '1', '2', '3', '4'])
      socket.destroy()
    }
  })
})

describe('Half a header', () => {
  test('It is cut after fifteen seconds', { timeout: 180_000 }, async () => {
    const ms = (await half.closedAt) - half.openedAt
    expect(ms).toBeGreaterThan(14_000)
    expect(ms).toBeLessThan(onThisMachine(20_000))
  })
})
