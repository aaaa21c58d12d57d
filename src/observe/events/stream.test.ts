import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { waitUntilReadable } from '../../dev/testing/eventStream.ts'
import { follow } from '../../dev/testing/follower.ts'
import type { StreamMessage, EventStreamReader } from '../../dev/testing/eventStream.ts'
import { waitUntil } from '../../dev/testing/holds.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import { sealBatch } from '../audit/seal.ts'
import { cursorOf } from './position.ts'
import { eventView } from './views.ts'
import { onThisMachine } from '../../dev/testing/slowness.ts'

const server = useServer({ eventOptions: { slowReaderTimeoutMs: 700, keepAliveIntervalMs: 50 } })

const pathOf = (companyId: string, query = ''): string => `/api/companies/${companyId}/events/stream${query}`
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const keysOf = (messages: readonly StreamMessage[]): string[] => messages.map(({ data }) => `${data.type} ${data.payload.id}`)

const allConnectionsClosed = (): Promise<void> =>
  waitUntil('every event stream and WebSocket is closed', async () => server().feed.connectionLimits.openCount() === 0)

/** Every event that a client of the company must receive, in commit order as far as it is defined. */
async function logOf(companyId: string): Promise<string[]> {
  const { rows } = await server().database.sql.query<{ key: string }>(
    `select key from (
       select txid, 0 as source, seq as number, 'activity.logged ' || id as key from activity_log where company_id = $1
       union all
       select txid, 1, id, 'heartbeat.run.event ' || id from heartbeat_run_events where company_id = $1) logged
     order by txid, source, number`,
    [companyId],
  )
  return rows.map(({ key }) => key)
}

/** A writer next to the server: audit rows and run events in transactions that stay open for a while. Some are rolled back. */
async function writeFor(companyId: string, run: { id: string; agentId: string }, writer: number, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const connection = await server().database.sql.connect()
    try {
      await connection.query('begin')
      const activity = `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
        select $1::uuid, 'system', 'test', 'test.written', 'company', $1::uuid::text, jsonb_build_object('writer', $2::int, 'round', $3::int, 'part', part)
        from generate_series(1, 2) part`
      await connection.query(activity, [companyId, writer, round])
      await connection.query(
        `insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type, message) values ($1, $2, $3, $4, 'progress', 'on')`,
        [companyId, run.id, run.agentId, writer * 1000 + round],
      )
      // The wait makes the order of numbers differ from the order of commits.
      await connection.query('select pg_sleep($1)', [Math.random() * 0.02])
      await connection.query(activity, [companyId, writer, round])
      await connection.query(round % 7 === 3 ? 'rollback' : 'commit')
    } finally {
      connection.release()
    }
  }
}

/** A second, plus what a busy machine adds to it. */
const CLOSE_WITHIN_MS = 2000

const END = 'test.ended'
const isEnd = ({ data }: StreamMessage): boolean => data.payload?.action === END
const writeEnd = (companyId: string) =>
  server().database.sql.query(
    `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values ($1::uuid, 'system', 'test', $2, 'company', $1::uuid::text)`,
    [companyId, END],
  )

describe('the order of events', () => {
  test('Under concurrent writers every client receives every event once and in order, also across reconnects, servers and restarts', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent())
    let other = await server().startPeer()
    try {
      const steady = await follow(server().url, pathOf(here.company.id, '?after=0'))
      const elsewhere = await follow(other.url, pathOf(here.company.id, '?after=0'))
      // Notifies as the commits of a busy server would. A poll every 20 ms meets transactions in every state.
      const busy = setInterval(() => {
        for (const each of [server(), other]) each.feed.notify()
      }, 5)
      const over = Promise.all([1, 2, 3].map((writer) => writeFor(here.company.id, run, writer, 25))).then(() => writeEnd(here.company.id))

      // This client connects and disconnects at random, on either server. One server is replaced in between.
      const read: StreamMessage[] = []
      let cursor = '0'
      for (let visit = 0; !read.some(isEnd); visit += 1) {
        const at: TestServer = visit % 2 === 0 ? server() : other
        const reader: EventStreamReader = await follow(at.url, pathOf(here.company.id), { 'last-event-id': cursor })
        const enough = Math.floor(Math.random() * 12)
        await Promise.race([reader.waitFor(isEnd), reader.waitFor(() => reader.messages.length > enough)])
        reader.disconnect()
        // Events after the cursor that was kept are received again; earlier ones are not.
        const kept = reader.messages.slice(0, enough + 1)
        read.push(...kept)
        cursor = kept.at(-1)?.id ?? cursor
        if (visit === 9) {
          const before = other
          other = await before.startPeer()
          await before.stop()
        }
      }
      await over
      clearInterval(busy)
      await steady.waitFor(isEnd)
      const log = await logOf(here.company.id)
      expect(log.length).toBeGreaterThan(300)
      expect(keysOf(read)).toEqual(log)
      expect(keysOf(steady.messages)).toEqual(log)
      await elsewhere.ended
      expect(keysOf(elsewhere.messages)).toEqual(log.slice(0, elsewhere.messages.length))
      for (const { data } of read) eventView.parse(data)
      steady.disconnect()
    } finally {
      await other.stop()
    }
  })

  test('A row that was numbered early and committed late is sent, after the rows that were committed before it', async () => {
    const here = await world(server())
    await waitUntilReadable(server().database.sql)
    const reader = await follow(server().url, pathOf(here.company.id))
    const late = await server().database.sql.connect()
    await late.query('begin')
    await late.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values ($1::uuid, 'system', 'test', 'test.late', 'company', $1::uuid::text)`,
      [here.company.id],
    )
    const issue = await here.issue()
    await late.query('commit')
    late.release()
    await reader.waitFor(({ data }) => data.payload.entityId === issue.id)
    expect(reader.messages.map(({ data }) => data.payload.action)).toEqual(['test.late', 'issue.created'])
    reader.disconnect()
  })

  test('An open transaction that has written holds back no event and no seal, of its own company or of another', async () => {
    const [slow, brisk] = [await world(server()), await world(server())]
    const readers = await Promise.all([slow, brisk].map(({ company }) => follow(server().url, pathOf(company.id))))
    const open = await server().database.sql.connect()
    const foreign = openPool({ ...server().database.owner, database: 'postgres', max: 1, idle_in_transaction_session_timeout: 0 })
    const elsewhere = await foreign.connect()
    try {
      await open.query('begin')
      await open.query(`update agents set title = 'long at work' where id = $1`, [(await slow.agent()).id])
      await elsewhere.query('begin; select pg_current_xact_id()')
      const issues = [await slow.issue(), await brisk.issue()]
      for (const [index, reader] of readers.entries()) await reader.waitFor(({ data }) => data.payload.entityId === issues[index]?.id)
      for (let sealed = -1; sealed !== 0;) sealed = (await sealBatch(server().store, 400)).rows
      const { rows } = await server().database.sql.query(
        `select 1 from activity_log l join activity_chain c using (seq) where l.entity_id = any($1)`,
        [issues.map(({ id }) => id)],
      )
      expect(rows).toHaveLength(2)
      // Its own event comes with its commit.
      await open.query(
        `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values ($1::uuid, 'system', 'test', $2, 'company', $1::uuid::text)`,
        [slow.company.id, END],
      )
      await open.query('commit')
      await readers[0]?.waitFor(isEnd)
    } finally {
      open.release(true)
      elsewhere.release(true)
      await foreign.end()
      for (const reader of readers) reader.disconnect()
    }
  })

  test('A client that reads again every row that an event names has the same state as a client that reads everything', async () => {
    const here = await world(server())
    const [first, second] = [await here.agent(), await here.agent()]
    const before = await here.issue({ assigneeAgentId: first.id })
    const state = new Map<string, object>()
    const keep = (row: { id: string; status: string; assigneeAgentId: string | null; lockEpoch: number }) =>
      state.set(row.id, { status: row.status, assigneeAgentId: row.assigneeAgentId, lockEpoch: row.lockEpoch })
    const list = async () => (await server().board.get(`/api/companies/${here.company.id}/issues`)).body
    for (const issue of await list()) keep(issue)
    const reader = await follow(server().url, pathOf(here.company.id))

    const one = await here.run(first)
    const two = await here.run(second)
    const taken = await here.issue()
    await here.checkout(one, before.id)
    await here.checkout(two, taken.id)
    await one.client.patch(`/api/issues/${before.id}`, { status: 'done' })
    await server().board.post(`/api/issues/${taken.id}/admin/force-release?clearAssignee=true`)
    await server().board.patch(`/api/issues/${taken.id}`, { assigneeAgentId: first.id })
    await here.checkout(one, taken.id)
    await one.client.post(`/api/issues/${taken.id}/release`)
    const deleted = await here.issue()
    await server().board.del(`/api/issues/${deleted.id}`)
    const last = await here.issue()
    await reader.waitFor(({ data }) => data.payload.entityId === last.id)

    // The client reads a row again when an event names it, and reads nothing else.
    const touched = new Set(
      reader.messages.filter(({ data }) => data.payload.entityType === 'issue').map(({ data }) => data.payload.entityId),
    )
    for (const id of touched) {
      const answer = await server().board.get(`/api/issues/${id}`)
      if (answer.status === 404) state.delete(id as string)
      else keep(answer.body)
    }
    const fresh = new Map(
      (await list()).map((row: { id: string; status: string; assigneeAgentId: string | null; lockEpoch: number }) => [
        row.id,
        { status: row.status, assigneeAgentId: row.assigneeAgentId, lockEpoch: row.lockEpoch },
      ]),
    )
    expect(state).toEqual(fresh)
    // The epochs in the messages never decrease.
    const epochs = reader.messages
      .filter(({ data }) => data.payload.entityId === taken.id)
      .flatMap(({ data }) => data.payload.details.lockEpoch ?? [])
    expect(epochs).toEqual(epochs.toSorted((a: number, b: number) => a - b))
    reader.disconnect()
  })
})

describe('the start of an event stream', () => {
  test('Without a cursor a stream begins with new events, and its first cursor is valid before any event has arrived', async () => {
    const here = await world(server())
    await here.issue()
    await waitUntilReadable(server().database.sql)
    const reader = await follow(server().url, pathOf(here.company.id))
    await waitUntil('the stream sends its first cursor', async () => reader.lastEventId() !== '')
    const cursor = reader.lastEventId()
    const seen = await here.issue()
    expect((await reader.waitFor(() => true)).data.payload.entityId).toBe(seen.id)
    reader.disconnect()
    const missed = await here.issue()
    const resumed = await follow(server().url, pathOf(here.company.id), { 'last-event-id': cursor })
    await resumed.waitFor(({ data }) => data.payload.entityId === missed.id)
    expect(resumed.messages.map(({ data }) => data.payload.entityId)).toEqual([seen.id, missed.id])
    resumed.disconnect()
  })

  test('Last-Event-ID takes precedence over the URL, and keep-alives move the cursor too', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const reader = await follow(server().url, pathOf(here.company.id, '?after=0'))
    await reader.waitFor(({ data }) => data.payload.action === 'company.created')
    const [first] = reader.messages
    await elsewhere.issue()
    const cursor = reader.lastEventId()
    await waitUntil('a keep-alive moves the cursor', async () => reader.lastEventId() !== cursor)
    expect(reader.lines).toContain(': here')
    reader.disconnect()
    const resumed = await follow(server().url, pathOf(here.company.id, '?after=0'), { 'last-event-id': reader.lastEventId() })
    const issue = await here.issue()
    expect((await resumed.waitFor(() => true)).data.payload.entityId).toBe(issue.id)
    expect(first?.data).toMatchObject({ type: 'activity.logged', companyId: here.company.id, payload: { action: 'company.created' } })
    resumed.disconnect()
  })

  test('A cursor of another history is answered with a resync, and a malformed cursor is refused', async () => {
    const here = await world(server())
    const ahead = cursorOf({ txid: 2n ** 60n, source: 0, number: 1 })
    const reader = await follow(server().url, pathOf(here.company.id, `?after=${ahead}`))
    expect((await reader.waitFor(() => true)).data).toEqual({ type: 'resync', companyId: here.company.id })
    eventView.parse(reader.messages[0]?.data)
    const issue = await here.issue()
    await reader.waitFor(({ data }) => data.payload?.entityId === issue.id)
    reader.disconnect()
    for (const bad of ['x', '1', '[]', cursorOf({ txid: -1n, source: 0, number: 0 }), cursorOf({ txid: 2n ** 64n, source: 0, number: 0 })])
      expect(await server().board.get(pathOf(here.company.id), { 'last-event-id': bad })).toMatchObject({
        status: 400,
        body: { code: 'malformed_cursor' },
      })
  })

  test('A stream with follow=false sends every readable event and ends', async () => {
    const here = await world(server())
    await here.issue()
    await waitUntilReadable(server().database.sql)
    const reader = await follow(server().url, pathOf(here.company.id, '?after=0&follow=false'))
    await reader.ended
    expect(keysOf(reader.messages)).toEqual(await logOf(here.company.id))
  })
})

describe('the clients of an event stream', () => {
  test('A client receives no event of another company, and a foreign company is answered as a missing one (I12)', async () => {
    const [here, otherCompany] = [await world(server()), await world(server())]
    const agent = await here.agent()
    const reader = await follow(server().url, pathOf(here.company.id, '?after=0'), bearer(agent.key))
    await otherCompany.issue()
    const issue = await here.issue()
    await reader.waitFor(({ data }) => data.payload.entityId === issue.id)
    expect(new Set(reader.messages.map(({ data }) => data.companyId))).toEqual(new Set([here.company.id]))
    reader.disconnect()
    const answers = await Promise.all([otherCompany.company.id, randomUUID()].map((id) => agent.client.get(pathOf(id))))
    for (const { status, body } of answers)
      expect({ status, ...body, requestId: '' }).toEqual({ status: 404, error: 'Company not found', code: 'not_found', requestId: '' })
    expect(await server().board.get(pathOf(randomUUID()))).toMatchObject({ status: 404 })
    expect(await server().bearer('nonsense').get(pathOf(here.company.id))).toMatchObject({ status: 401 })
  })

  test('A stream ends within a second of its credential, on every server: key revoked, run ended, lease expired, agent terminated', async () => {
    const here = await world(server())
    const other = await server().startPeer()
    try {
      const endings: [string, (of: { agentId: string; runId: string }) => Promise<unknown>, 'key' | 'token'][] = [
        [
          'key revoked',
          async ({ agentId }) => {
            const [key] = (await server().board.get(`/api/agents/${agentId}/keys`)).body
            await server().board.del(`/api/agents/${agentId}/keys/${key.id}`)
          },
          'key',
        ],
        ['run ended', ({ runId }) => server().board.post(`/api/heartbeat-runs/${runId}/cancel`), 'token'],
        ['lease expired', ({ runId }) => expireLease(server(), runId), 'token'],
        ['agent terminated', ({ agentId }) => server().board.post(`/api/agents/${agentId}/terminate`), 'key'],
      ]
      await Promise.all(
        endings.map(async ([name, end, via]) => {
          const agent = await here.agent()
          const run = await here.run(agent)
          const headers = bearer(via === 'key' ? agent.key : run.token)
          const readers = await Promise.all([server(), other].map(({ url }) => follow(url, pathOf(here.company.id), headers)))
          expect(readers.map(({ status }) => status)).toEqual([200, 200])
          await end({ agentId: agent.id, runId: run.id })
          const endedAt = performance.now()
          await Promise.all(readers.map(({ ended }) => ended))
          expect({ name, isInTime: performance.now() - endedAt < onThisMachine(CLOSE_WITHIN_MS) }).toEqual({ name, isInTime: true })
        }),
      )
      // A client whose credential is valid stays connected.
      const agent = await here.agent()
      const reader = await follow(server().url, pathOf(here.company.id), bearer(agent.key))
      const issue = await here.issue()
      await reader.waitFor(({ data }) => data.payload.entityId === issue.id)
      reader.disconnect()
    } finally {
      await other.stop()
    }
  })

  test('A stream ends when its company is deleted, and when the server stops', async () => {
    const [here, lasting] = [await world(server()), await world(server())]
    const reader = await follow(server().url, pathOf(here.company.id))
    expect((await server().board.del(`/api/companies/${here.company.id}`)).status).toBe(200)
    await reader.ended
    expect(reader.messages.at(-1)?.data.payload.action).toBe('company.deleted')
    const other = await server().startPeer()
    const last = await follow(other.url, pathOf(lasting.company.id))
    await other.stop()
    await last.ended
  })

  test('An agent opens at most 16 streams, and may open another when one has closed', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const readers = await Promise.all(Array.from({ length: 16 }, () => follow(server().url, pathOf(here.company.id), bearer(agent.key))))
    const refused = await agent.client.get(pathOf(here.company.id))
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_streams' }, headers: { 'retry-after': '5' } })
    for (const reader of readers) reader.disconnect()
    await allConnectionsClosed()
    expect(await agent.client.get(pathOf(here.company.id, '?follow=false'))).toMatchObject({ status: 200 })
  })
})

test('A client that stops reading is disconnected, delays no other client, and resumes later without a gap', async () => {
  const here = await world(server())
  const [hanging, brisk] = await Promise.all([1, 2].map(() => follow(server().url, pathOf(here.company.id, '?after=0'))))
  if (hanging === undefined || brisk === undefined) throw new Error('two readers')
  await hanging.waitFor(() => true)
  hanging.pause()
  // Far more than the kernel buffers for one connection.
  for (let batch = 0; batch < 8; batch += 1)
    await server().database.sql.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
       select $1::uuid, 'system', 'test', 'test.big', 'company', $1::uuid::text, jsonb_build_object('text', repeat('x', 40000)) from generate_series(1, 50)`,
      [here.company.id],
    )
  await writeEnd(here.company.id)
  await brisk.waitFor(isEnd)
  await waitUntil('the hanging client is disconnected', async () => server().feed.connectionLimits.openCount() <= 1)
  hanging.disconnect()
  const log = await logOf(here.company.id)
  expect(keysOf(brisk.messages)).toEqual(log)
  const resumed = await follow(server().url, pathOf(here.company.id), { 'last-event-id': hanging.lastEventId() })
  await resumed.waitFor(isEnd)
  expect([...keysOf(hanging.messages), ...keysOf(resumed.messages)]).toEqual(log)
  expect(hanging.messages.length).toBeLessThan(log.length)
  for (const reader of [brisk, resumed]) reader.disconnect()
})

test('The feed sends no query while it has no subscriber, and at most one a second while nothing is committed', async () => {
  const here = await world(server())
  // The clients of the test before have left; the server has yet to notice it.
  await allConnectionsClosed()
  let queries = 0
  const { read } = server().store
  const run = read.run.bind(read)
  const counting = Object.assign(read, { run: ((...args: Parameters<typeof run>) => ((queries += 1), run(...args))) as typeof read.run })
  try {
    // No event marks the absence of queries, so the test can only watch for a while. The same holds for their rate below.
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(queries).toBe(0)
    const reader = await follow(server().url, pathOf(here.company.id))
    const issue = await here.issue()
    await reader.waitFor(({ data }) => data.payload.entityId === issue.id)
    queries = 0
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(queries).toBeLessThanOrEqual(2)
    reader.disconnect()
  } finally {
    counting.run = run
  }
})
