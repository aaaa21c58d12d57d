import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sql } from 'drizzle-orm'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { openPool } from './driver/client.ts'
import { agentPlaces, createLane, placesOfOneAgent, placesOfOneCompany } from './lane.ts'
import { mutate, unchanged } from './mutate.ts'
import { statement } from './statement.ts'
import { createStore } from './store.ts'
import type { Ctx, Store } from './types.ts'

const wait = statement<object, object>('test_lane_wait').read(sql`select pg_advisory_xact_lock_shared(4646)`)
const answer = statement<object, { one: number }>('test_lane_answer').read(sql`select 1 as one`)

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

const ctxOf = (store: Store): Ctx => ({
  actor: { kind: 'system', task: 'test' },
  companyId: null,
  requestId: null,
  store,
  idempotency: null,
})

const ada = { agentId: 'ada', companyId: 'acme' }
const bob = { agentId: 'bob', companyId: 'acme' }
const eve = { agentId: 'eve', companyId: 'other' }

/** A work that ends when the test ends it. */
function heldWork() {
  let end = (): void => {}
  let began = false
  const ended = new Promise<void>((resolve) => (end = resolve))
  return { work: () => ((began = true), ended), end: () => end(), hasBegun: () => began }
}

describe('the lane of agents at a pool', () => {
  test.each([
    [8, 6, 3, 5],
    [6, 4, 2, 3],
    [3, 2, 1, 1],
    [2, 1, 1, 1],
  ])('Of %d connections agents have %d, one agent %d, the agents of one company %d', (size, places, ofAgent, ofCompany) => {
    expect([agentPlaces(size), placesOfOneAgent(places), placesOfOneCompany(places)]).toEqual([places, ofAgent, ofCompany])
  })

  test('However many works one agent or company has, the next place of others is free at once (T5)', async () => {
    const lane = createLane(4)
    const of = (owner: typeof ada, count: number) =>
      Array.from({ length: count }, () => {
        const held = heldWork()
        return { ...held, running: lane.of(owner).run(held.work) }
      })
    const begun = (works: ReturnType<typeof of>): number => works.filter((held) => held.hasBegun()).length
    const greedy = of(ada, 20)
    const colleague = of(bob, 20)
    const stranger = of(eve, 1)
    expect([begun(greedy), begun(colleague), begun(stranger)]).toEqual([2, 1, 1])
    const works = [...greedy, ...colleague, ...stranger]
    // The others go on as places become free, and no place is lost.
    for (const held of works) held.end()
    await Promise.all(works.map(({ running }) => running))
    expect(begun(works)).toBe(works.length)
    expect(begun(of(ada, 3))).toBe(2)
  })

  test('A place that becomes free goes to the agent with the fewest, and not to who came first', async () => {
    const lane = createLane(2)
    const order: string[] = []
    const first = heldWork()
    const second = heldWork()
    const running = [lane.of(ada).run(first.work), lane.of(eve).run(second.work)]
    const say = (owner: typeof ada, word: string) => lane.of(owner).run(async () => void order.push(word))
    const waiting = [say(eve, 'eve'), say(eve, 'eve'), say(bob, 'bob'), say(ada, 'ada')]
    first.end()
    await running[0]
    await Promise.all(waiting.slice(2))
    expect(order).toEqual(['bob', 'ada'])
    second.end()
    await Promise.all([...running, ...waiting])
    expect(order).toEqual(['bob', 'ada', 'eve', 'eve'])
  })

  test('Works begin in their order when a place is free, also after one that failed', async () => {
    const lane = createLane(1).of(ada)
    const first = heldWork()
    const running = lane.run(first.work)
    const order: string[] = []
    const failing = lane.run(() => (order.push('b'), Promise.reject(new Error('b'))))
    const last = lane.run(async () => void order.push('c'))
    expect(order).toEqual([])
    first.end()
    await running
    await expect(failing).rejects.toThrow('b')
    await last
    expect(order).toEqual(['b', 'c'])
  })

  test('A work that waits too long is refused as busy, does not begin, and costs no place', async () => {
    const lane = createLane(1, 20).of(ada)
    const first = heldWork()
    const running = lane.run(first.work)
    const late = heldWork()
    await expect(lane.run(late.work)).rejects.toMatchObject({ code: 'busy', status: 503, retryAfter: 1 })
    first.end()
    await running
    expect(await lane.run(async () => 'served')).toBe('served')
    expect(late.hasBegun()).toBe(false)
  })

  test('Statements of agents that do not end leave connections of both pools to others (I22)', async () => {
    const transactionPool = openPool({ ...database.connection, max: 4 }, 'generic', { readOnlyByDefault: true })
    const autocommitPool = openPool({ ...database.connection, max: 4 }, 'custom', { readOnlyByDefault: true })
    const store = createStore(transactionPool, autocommitPool)
    const blocker = await database.sql.connect()
    await blocker.query('begin')
    await blocker.query('select pg_advisory_xact_lock(4646)')
    const works = [ada, ada, bob, bob, eve, eve, ada, eve]
      .map((owner) => [
        store.ofAgent(owner).read.run(wait, {}),
        mutate(ctxOf(store.ofAgent(owner)), async (tx) => unchanged(await tx.run(wait, {}))),
      ])
      .flat()
    onTestFinished(async () => {
      await Promise.allSettled(works)
      await Promise.all([transactionPool.end(), autocommitPool.end()])
    })
    try {
      expect(await store.read.run(answer, {})).toEqual([{ one: 1 }])
      expect(await mutate(ctxOf(store), async (tx) => unchanged(await tx.run(answer, {})))).toEqual([{ one: 1 }])
      expect([transactionPool.waitingCount, autocommitPool.waitingCount]).toEqual([0, 0])
    } finally {
      await blocker.query('rollback')
      blocker.release()
    }
    for (const outcome of await Promise.allSettled(works)) expect(outcome.status).toBe('fulfilled')
  })
})
