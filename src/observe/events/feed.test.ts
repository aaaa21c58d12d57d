import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ReadDb, Store } from '../../platform/db/types.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { waitUntilReadable } from '../../dev/testing/eventStream.ts'
import { useServer } from '../../dev/testing/world.ts'
import { createFeed } from './feed.ts'
import type { Feed } from './feed.ts'
import type { Subscriber } from './subscriptions.ts'
import { readAfter } from './readAfter.ts'
import { START } from './position.ts'

// A subscriber that starts during a poll is where an entry could be delivered twice or never. Here every read can
// therefore be paused, before it reads or after it.

const server = useServer()

interface Pause {
  /** Resolves when a read has arrived at the pause. */
  readonly reached: Promise<void>
  readonly release: () => void
}

interface PausableStore {
  readonly store: Store
  /** Pauses the next read. */
  pauseNext(where: 'before' | 'after'): Pause
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

function pausable(store: Store): PausableStore {
  const pauses: { where: 'before' | 'after'; reach: () => void; released: Promise<void> }[] = []
  const run: ReadDb['run'] = async (statement, params) => {
    const pause = statement.name === 'feed_read_after' ? pauses.shift() : undefined
    const wait = async (where: 'before' | 'after'): Promise<void> => {
      if (pause?.where !== where) return
      pause.reach()
      await pause.released
    }
    await wait('before')
    const rows = await store.read.run(statement, params)
    await wait('after')
    return rows
  }
  return {
    store: { ...store, read: { ...store.read, run } },
    pauseNext(where) {
      const [isReached, released] = [gate(), gate()]
      pauses.push({ where, reach: isReached.open, released: released.opened })
      return { reached: isReached.opened, release: released.open }
    },
  }
}

let reads: PausableStore
let feed: Feed
beforeEach(() => {
  reads = pausable(server().store)
  feed = createFeed(reads.store, createLog('silent', false), { pollIntervalMs: 60_000 })
})
afterEach(() => feed.stop())

/** Writes an entry without the server, so that the tail is not notified. Every read from then on can return it. */
async function write(companyId: string): Promise<string> {
  const { rows } = await server().database.sql.query<{ id: string }>(
    `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id)
     values ($1::uuid, 'system', 'test', 'test.written', 'company', $1::uuid::text) returning id`,
    [companyId],
  )
  await waitUntilReadable(server().database.sql)
  return rows[0]?.id ?? ''
}

interface TestSubscriber extends Subscriber {
  readonly received: string[]
  readonly caughtUp: Promise<void>
}

function createSubscriber(companyId: string): TestSubscriber {
  const received: string[] = []
  const { opened, open } = gate()
  return {
    companyId,
    received,
    onBatch: (entries) => void received.push(...entries.map(({ payload }) => (JSON.parse(payload) as { id: string }).id)),
    onCaughtUp: open,
    onDisconnect: () => {},
    caughtUp: opened,
  }
}

const manyTurnsOfTheEventLoop = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0))
}

/** Keeps the tail active with a subscriber of another company; it polls only when it is notified. */
async function subscribeAnother(): Promise<void> {
  const other = createSubscriber(randomUUID())
  feed.subscribe(other, (await feed.readWatermarks()).lowWatermark)
  await other.caughtUp
}

/** Notifies the feed until a subscriber has received the entry, and returns everything that it has received. */
async function receivedAfter(subscriber: TestSubscriber, id: string): Promise<string[]> {
  const deadline = performance.now() + 5000
  while (!subscriber.received.includes(id) && performance.now() < deadline) {
    feed.notify()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return subscriber.received
}

test('A subscriber that starts during a poll without it misses no entry that this poll passes', async () => {
  await subscribeAnother()
  const newSubscriber = createSubscriber(randomUUID())
  const { lowWatermark } = await feed.readWatermarks()
  const poll = reads.pauseNext('before')
  feed.notify()
  await poll.reached
  feed.subscribe(newSubscriber, lowWatermark)
  await manyTurnsOfTheEventLoop()
  const passed = await write(newSubscriber.companyId)
  poll.release()
  await newSubscriber.caughtUp
  const last = await write(newSubscriber.companyId)
  expect(await receivedAfter(newSubscriber, last)).toEqual([passed, last])
})

test('A subscriber that reads more slowly than the tail goes on reading until it has caught up', async () => {
  await subscribeAnother()
  const newSubscriber = createSubscriber(randomUUID())
  const { lowWatermark } = await feed.readWatermarks()
  const page = reads.pauseNext('after')
  feed.subscribe(newSubscriber, lowWatermark)
  await page.reached
  const passed = await write(newSubscriber.companyId)
  feed.notify()
  await manyTurnsOfTheEventLoop()
  page.release()
  await newSubscriber.caughtUp
  const last = await write(newSubscriber.companyId)
  expect(await receivedAfter(newSubscriber, last)).toEqual([passed, last])
})

test('A subscriber that is ahead of the tail does not receive again what it has read', async () => {
  await subscribeAnother()
  const newSubscriber = createSubscriber(randomUUID())
  const { lowWatermark } = await feed.readWatermarks()
  const read = await write(newSubscriber.companyId)
  feed.subscribe(newSubscriber, lowWatermark)
  await newSubscriber.caughtUp
  expect(newSubscriber.received).toEqual([read])
  const last = await write(newSubscriber.companyId)
  expect(await receivedAfter(newSubscriber, last)).toEqual([read, last])
})

test('A subscriber that applies backpressure receives the rest when it is ready, and one that is never ready is unsubscribed', async () => {
  const { lowWatermark } = await feed.readWatermarks()
  const companyId = randomUUID()
  const { opened, open } = gate()
  const received = createSubscriber(companyId)
  let calls = 0
  const slow: Subscriber = { ...received, backpressure: () => ((calls += 1) === 1 ? opened.then(() => true) : true) }
  const never: Subscriber = { ...createSubscriber(companyId), backpressure: () => Promise.resolve(false) }
  feed.subscribe(slow, lowWatermark)
  feed.subscribe(never, lowWatermark)
  await received.caughtUp
  const first = await write(companyId)
  await receivedAfter(received, first)
  const meanwhile = [await write(companyId), await write(companyId)]
  feed.notify()
  await manyTurnsOfTheEventLoop()
  expect(received.received).toEqual([first])
  expect(feed.positionOf(never)).toBeUndefined()
  open()
  const last = await write(companyId)
  expect(await receivedAfter(received, last)).toEqual([first, ...meanwhile, last])
})

test('A position is always that of a committed entry, because ids of rolled-back transactions are assigned again after a crash', async () => {
  const companyId = randomUUID()
  await write(companyId)
  const { rows } = await server().database.sql.query<{ txid: string; number: number }>(
    `select txid::text, seq as number from activity_log where company_id = $1`,
    [companyId],
  )
  const last = { txid: BigInt(rows[0]?.txid ?? 0), source: 0, number: rows[0]?.number }
  const connection = await server().database.sql.connect()
  await connection.query('begin read write')
  await connection.query('select pg_current_xact_id()')
  await connection.query('rollback')
  connection.release()
  expect((await feed.readWatermarks()).lowWatermark).toEqual(last)
  // A read up to the present gets no further, whether by one page or by the tail.
  expect((await readAfter(server().store.read, START, [companyId])).endPosition).toEqual(last)
  const subscriber = createSubscriber(companyId)
  feed.subscribe(subscriber, START)
  await subscriber.caughtUp
  expect(feed.positionOf(subscriber)).toEqual(last)
})
