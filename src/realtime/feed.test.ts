import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ReadDb, Store } from '../db/store.ts'
import { createLog } from '../kernel/log.ts'
import { allTellable } from '../testing/events.ts'
import { useServer } from '../testing/world.ts'
import { createFeed } from './feed.ts'
import type { Feed, Follower } from './feed.ts'
import { lookBehind } from './look.ts'
import { beginning } from './place.ts'

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
    const hold = statement.name === 'feed_look' ? held.shift() : undefined
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
      const [reached, released] = [gate(), gate()]
      held.push({ where, reach: reached.open, released: released.opened })
      return { reached: reached.opened, release: released.open }
    },
  }
}

let gates: Gates
let feed: Feed
beforeEach(() => {
  gates = gated(server().store)
  feed = createFeed(gates.store, createLog('silent', false), { lookEveryMs: 60_000 })
})
afterEach(() => feed.stop())

/** Writes an entry beside the server, so that nothing is woken by it; any look from then on can tell it. */
async function write(companyId: string): Promise<string> {
  const { rows } = await server().database.sql.query<{ id: string }>(
    `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id)
     values ($1::uuid, 'system', 'test', 'test.written', 'company', $1::uuid::text) returning id`,
    [companyId],
  )
  await allTellable(server().database.sql)
  return rows[0]?.id ?? ''
}

interface Listener extends Follower {
  readonly told: string[]
  readonly isUpToDate: Promise<void>
}

function listener(companyId: string): Listener {
  const told: string[] = []
  const { opened, open } = gate()
  return {
    companyId,
    told,
    take: (entries) => void told.push(...entries.map(({ payload }) => (JSON.parse(payload) as { id: string }).id)),
    upToDate: open,
    lost: () => {},
    isUpToDate: opened,
  }
}

const turnsOfTheLoop = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0))
}

/** A tail that has somebody to look for, and looks only when it is woken. */
async function somebodyElse(): Promise<void> {
  const other = listener(randomUUID())
  feed.follow(other, (await feed.present()).edge)
  await other.isUpToDate
}

/** Looks until this has been told to a listener, which is then told the rest that was on its way. */
async function settled(by: Listener, id: string): Promise<string[]> {
  const deadline = performance.now() + 5000
  while (!by.told.includes(id) && performance.now() < deadline) {
    feed.wake()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return by.told
}

test('who begins while the tail looks without it misses nothing that this look passes', async () => {
  await somebodyElse()
  const joining = listener(randomUUID())
  const { edge } = await feed.present()
  const look = gates.hold('before')
  feed.wake()
  await look.reached
  feed.follow(joining, edge)
  await turnsOfTheLoop()
  const passed = await write(joining.companyId)
  look.release()
  await joining.isUpToDate
  const last = await write(joining.companyId)
  expect(await settled(joining, last)).toEqual([passed, last])
})

test('who reads more slowly than the tail goes on reading until it has caught up with it', async () => {
  await somebodyElse()
  const joining = listener(randomUUID())
  const { edge } = await feed.present()
  const page = gates.hold('behind')
  feed.follow(joining, edge)
  await page.reached
  const passed = await write(joining.companyId)
  feed.wake()
  await turnsOfTheLoop()
  page.release()
  await joining.isUpToDate
  const last = await write(joining.companyId)
  expect(await settled(joining, last)).toEqual([passed, last])
})

test('who is ahead of the tail is not told again what it has read', async () => {
  await somebodyElse()
  const joining = listener(randomUUID())
  const { edge } = await feed.present()
  const read = await write(joining.companyId)
  feed.follow(joining, edge)
  await joining.isUpToDate
  expect(joining.told).toEqual([read])
  const last = await write(joining.companyId)
  expect(await settled(joining, last)).toEqual([read, last])
})

test('who wants no more for now is told the rest when it does, and one that never does is forgotten', async () => {
  const { edge } = await feed.present()
  const companyId = randomUUID()
  const { opened, open } = gate()
  const told = listener(companyId)
  let asked = 0
  const slow: Follower = { ...told, ready: () => ((asked += 1) === 1 ? opened.then(() => true) : true) }
  const never: Follower = { ...listener(companyId), ready: () => Promise.resolve(false) }
  feed.follow(slow, edge)
  feed.follow(never, edge)
  await told.isUpToDate
  const first = await write(companyId)
  await settled(told, first)
  const meanwhile = [await write(companyId), await write(companyId)]
  feed.wake()
  await turnsOfTheLoop()
  expect(told.told).toEqual([first])
  expect(feed.placeOf(never)).toBeUndefined()
  open()
  const last = await write(companyId)
  expect(await settled(told, last)).toEqual([first, ...meanwhile, last])
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
  expect((await feed.present()).edge).toEqual(last)
  // Whoever reads up to the present gets no further, by one page or by the tail.
  expect((await lookBehind(server().store.read, beginning, [companyId])).upTo).toEqual(last)
  const following = listener(companyId)
  feed.follow(following, beginning)
  await following.isUpToDate
  expect(feed.placeOf(following)).toEqual(last)
})
