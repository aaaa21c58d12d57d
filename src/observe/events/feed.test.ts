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

// Who begins to follow while the tail is looking is where an entry could be told twice or never, so here every look can
// be held, before it reads or behind it.

const server = useServer()

interface Hold {
  /** Resolves when somebody has come to it. */
  readonly reached: Promise<void>
  readonly release: () => void
}

interface Gates {
  readonly store: Store
  /** Holds the next look. */
  hold(where: 'before' | 'behind'): Hold
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

function gated(store: Store): Gates {
  const held: { where: 'before' | 'behind'; reach: () => void; released: Promise<void> }[] = []
  const run: ReadDb['run'] = async (statement, params) => {
    const hold = statement.name === 'feed_read_after' ? held.shift() : undefined
    const wait = async (where: 'before' | 'behind'): Promise<void> => {
      if (hold?.where !== where) return
      hold.reach()
      await hold.released
    }
    await wait('before')
    const rows = await store.read.run(statement, params)
    await wait('behind')
    return rows
  }
  return {
    store: { ...store, read: { ...store.read, run } },
    hold(where) {
      const [isReached, released] = [gate(), gate()]
      held.push({ where, reach: isReached.open, released: released.opened })
      return { reached: isReached.opened, release: released.open }
    },
  }
}

let gates: Gates
let feed: Feed
beforeEach(() => {
  gates = gated(server().store)
  feed = createFeed(gates.store, createLog('silent', false), { pollIntervalMs: 60_000 })
})
afterEach(() => feed.stop())

/** Writes an entry beside the server, so that nothing is woken by it; any look from then on can tell it. */
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

const turnsOfTheLoop = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0))
}

/** A tail that has somebody to look for, and looks only when it is woken. */
async function subscribeAnother(): Promise<void> {
  const other = createSubscriber(randomUUID())
  feed.subscribe(other, (await feed.readWatermarks()).lowWatermark)
  await other.caughtUp
}

/** Looks until this has been told to a listener, which is then told the rest that was on its way. */
async function receivedAfter(subscriber: TestSubscriber, id: string): Promise<string[]> {
  const deadline = performance.now() + 5000
  while (!subscriber.received.includes(id) && performance.now() < deadline) {
    feed.notify()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return subscriber.received
}

test('who begins while the tail looks without it misses nothing that this look passes', async () => {
  await subscribeAnother()
  const newSubscriber = createSubscriber(randomUUID())
  const { lowWatermark } = await feed.readWatermarks()
  const poll = gates.hold('before')
  feed.notify()
  await poll.reached
  feed.subscribe(newSubscriber, lowWatermark)
  await turnsOfTheLoop()
  const passed = await write(newSubscriber.companyId)
  poll.release()
  await newSubscriber.caughtUp
  const last = await write(newSubscriber.companyId)
  expect(await receivedAfter(newSubscriber, last)).toEqual([passed, last])
})

test('who reads more slowly than the tail goes on reading until it has caught up with it', async () => {
  await subscribeAnother()
  const newSubscriber = createSubscriber(randomUUID())
  const { lowWatermark } = await feed.readWatermarks()
  const page = gates.hold('behind')
  feed.subscribe(newSubscriber, lowWatermark)
  await page.reached
  const passed = await write(newSubscriber.companyId)
  feed.notify()
  await turnsOfTheLoop()
  page.release()
  await newSubscriber.caughtUp
  const last = await write(newSubscriber.companyId)
  expect(await receivedAfter(newSubscriber, last)).toEqual([passed, last])
})

test('who is ahead of the tail is not told again what it has read', async () => {
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

test('who wants no more for now is told the rest when it does, and one that never does is forgotten', async () => {
  const { lowWatermark } = await feed.readWatermarks()
  const companyId = randomUUID()
  const { opened, open } = gate()
  const received = createSubscriber(companyId)
  let asked = 0
  const slow: Subscriber = { ...received, backpressure: () => ((asked += 1) === 1 ? opened.then(() => true) : true) }
  const never: Subscriber = { ...createSubscriber(companyId), backpressure: () => Promise.resolve(false) }
  feed.subscribe(slow, lowWatermark)
  feed.subscribe(never, lowWatermark)
  await received.caughtUp
  const first = await write(companyId)
  await receivedAfter(received, first)
  const meanwhile = [await write(companyId), await write(companyId)]
  feed.notify()
  await turnsOfTheLoop()
  expect(received.received).toEqual([first])
  expect(feed.positionOf(never)).toBeUndefined()
  open()
  const last = await write(companyId)
  expect(await receivedAfter(received, last)).toEqual([first, ...meanwhile, last])
})

test('a place is that of an entry: the numbers of transactions that came to nothing are given again after a crash', async () => {
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
  // Whoever reads up to the present gets no further, by one page or by the tail.
  expect((await readAfter(server().store.read, START, [companyId])).endPosition).toEqual(last)
  const subscriber = createSubscriber(companyId)
  feed.subscribe(subscriber, START)
  await subscriber.caughtUp
  expect(feed.positionOf(subscriber)).toEqual(last)
})
