import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Connection } from '../../platform/db/driver/client.ts'
import { useServer, world } from './world.ts'
import type { Answer, TestServer } from './world.ts'

// A round trip to Postgres costs both sides as much as a small statement, and keeps row locks meanwhile. The numbers below are the most that
// a request may take: a statement that waits for an answer which it does not need is seen here.

const server = useServer()

interface Wire {
  write(...args: unknown[]): boolean
  on(event: 'data', listener: () => void): void
}

/** The requests that the server serves, so that the tasks which it does meanwhile on the same connections are not counted. */
const requests = new AsyncLocalStorage<{ trips: number }>()
let latest = { trips: 0 }
const watched = new WeakSet<Connection>()

const REQUEST_BEGINS = 'http.server.request.start'

function begin(): void {
  latest = { trips: 0 }
  requests.enterWith(latest)
}

beforeAll(() => subscribe(REQUEST_BEGINS, begin))
afterAll(() => unsubscribe(REQUEST_BEGINS, begin))

/** Counts each first bytes that a request writes to a connection after an answer. */
function watch(connection: Connection): void {
  if (watched.has(connection)) return
  watched.add(connection)
  const wire = (connection as unknown as { connection: { stream: Wire } }).connection.stream
  let hasAnswered = true
  const write = wire.write.bind(wire)
  wire.write = (...args) => {
    const request = requests.getStore()
    if (hasAnswered && request !== undefined) request.trips += 1
    hasAnswered = false
    return write(...args)
  }
  wire.on('data', () => (hasAnswered = true))
}

/** The round trips of a request that succeeds. Its statements have been prepared and its caller is known before it. */
async function tripsOf(testServer: TestServer, send: () => Promise<Answer>): Promise<number> {
  const pool = testServer.store.transactionPool
  if (!pool.listeners('acquire').includes(watch)) pool.on('acquire', watch)
  const answer = await send()
  const { trips } = latest
  expect(answer.status, answer.text).toBeLessThan(300)
  return trips
}

const ATTEMPTS = 5

/**
 * The least of each figure in up to five measurements. On a busy machine an answer may come before the next bytes of the same batch are
 * written; a statement that waits for an answer waits each time.
 */
async function expectLeast(expected: Readonly<Record<string, number>>, measure: () => Promise<Record<string, number>>): Promise<void> {
  const least: Record<string, number> = {}
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    for (const [name, count] of Object.entries(await measure())) least[name] = Math.min(count, least[name] ?? Infinity)
    if (Object.entries(expected).every(([name, count]) => least[name] === count)) break
  }
  expect(least).toEqual(expected)
}

async function tripsOfAgent(): Promise<Record<string, number>> {
  const { agent, run, issue, company, checkout } = await world(server())
  const acting = await run(await agent())
  const target = await issue()
  const path = `/api/issues/${target.id}`
  const { client } = acting
  const writes: Record<string, () => Promise<Answer>> = {
    create: () => client.post(`/api/companies/${company.id}/issues`, { title: 'New', status: 'todo' }),
    comment: () => client.post(`${path}/comments`, { body: 'A word' }),
    'cost event': () =>
      client.post(`/api/companies/${company.id}/cost-events`, {
        agentId: acting.agentId,
        provider: 'anthropic',
        model: 'large',
        costCents: 1,
        occurredAt: new Date().toISOString(),
      }),
    'cost event with a name': () =>
      client.post(`/api/companies/${company.id}/cost-events`, {
        agentId: acting.agentId,
        provider: 'anthropic',
        model: 'large',
        costCents: 1,
        externalId: crypto.randomUUID(),
        occurredAt: new Date().toISOString(),
      }),
    title: () => client.patch(path, { title: `At ${String(Math.random())}` }),
    checkout: () => checkout(acting, target.id),
    'title of a held issue': () => client.patch(path, { title: `At ${String(Math.random())}` }),
    release: () => client.post(`${path}/release`),
    status: () => client.patch(path, { status: 'done' }),
    'status and comment': () => client.patch(path, { status: 'todo', comment: 'Once more' }),
    'checkout again': () => checkout(acting, target.id),
    finish: () => client.post(`/api/heartbeat-runs/${acting.id}/finish`, { status: 'succeeded' }),
  }
  // The first request of a run renews its lease.
  await client.post(`${path}/comments`, { body: 'First' })
  const found: Record<string, number> = {}
  for (const [name, send] of Object.entries(writes)) found[name] = await tripsOf(server(), send)
  return found
}

test('A write of an agent to one issue takes two round trips, and its creation one more for the number', async () => {
  const expected = {
    create: 3,
    comment: 2,
    'cost event': 2,
    'cost event with a name': 2,
    title: 2,
    checkout: 2,
    'title of a held issue': 2,
    release: 2,
    status: 2,
    'status and comment': 2,
    'checkout again': 2,
    finish: 2,
  }
  await expectLeast(expected, tripsOfAgent)
})

async function tripsOfBoard(): Promise<Record<string, number>> {
  const { agent, run, issue, company } = await world(server())
  const requester = await agent()
  const acting = await run(requester)
  const { board } = server()
  const free = await issue()
  const assigned = await issue({ assigneeAgentId: (await agent()).id })
  const approval = await acting.client.post(`/api/companies/${company.id}/approvals`, {
    type: 'approve_ceo_strategy',
    payload: { title: 'A strategy', plan: 'A plan' },
  })
  return {
    comment: await tripsOf(server(), () => board.post(`/api/issues/${free.id}/comments`, { body: 'A word' })),
    'comment that wakes': await tripsOf(server(), () => board.post(`/api/issues/${assigned.id}/comments`, { body: 'A word' })),
    'open a run': await tripsOf(server(), () => board.post(`/api/agents/${requester.id}/runs`, {})),
    decide: await tripsOf(server(), () => board.post(`/api/approvals/${approval.body.id}/approve`, {})),
  }
}

test('The board needs one round trip more to find the issue, and those that its effects on agents need', async () => {
  await expectLeast({ comment: 4, 'comment that wakes': 5, 'open a run': 3, decide: 6 }, tripsOfBoard)
})

/** The round trips of a resume, while comments on issues of others mention another agent. */
async function tripsOfResume(comments: number): Promise<number> {
  const here = await world(server())
  const [paused, other] = [await here.agent({ name: 'Ann' }), await here.agent({ name: 'Ben' })]
  const issue = await here.issue({ assigneeAgentId: other.id })
  const { board } = server()
  await board.post(`/api/agents/${paused.id}/pause`)
  for (let count = 0; count < comments; count += 1) await board.post(`/api/issues/${issue.id}/comments`, { body: 'Please look, @Ben' })
  return await tripsOf(server(), () => board.post(`/api/agents/${paused.id}/resume`))
}

test('A resume reads the names of agents once, however many comments mention another agent', async () => {
  const [few, many] = [await tripsOfResume(1), await tripsOfResume(20)]
  expect(many).toBeLessThanOrEqual(few + 2)
})
