import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sql } from 'drizzle-orm'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { openPool } from './driver/client.ts'
import { agentPlaces, createLane } from './lane.ts'
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

/** A work that ends when the test ends it. */
function heldWork() {
  let end = (): void => {}
  let began = false
  const ended = new Promise<void>((resolve) => (end = resolve))
  return { work: () => ((began = true), ended), end: () => end(), hasBegun: () => began }
}

describe('the lane of agents at a pool', () => {
  test.each([
    [8, 6],
    [6, 4],
    [3, 2],
    [2, 1],
  ])('Of %d connections agents have %d', (size, places) => {
    expect(agentPlaces(size)).toBe(places)
  })

  test('Works begin in their order when a place is free, also after one that failed', async () => {
    const lane = createLane(1)
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
    const lane = createLane(1, 20)
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
    const works = Array.from({ length: 8 }, () => [
      store.ofAgents.read.run(wait, {}),
      mutate(ctxOf(store.ofAgents), async (tx) => unchanged(await tx.run(wait, {}))),
    ]).flat()
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
