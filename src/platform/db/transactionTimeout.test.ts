import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { pollFor } from '../../dev/testing/serverProcess.ts'
import { Refusal } from '../kernel/errors.ts'
import { event } from '../kernel/event.ts'
import { openPool } from './driver/client.ts'
import type { Pool } from './driver/client.ts'
import { changed, mutate } from './mutate.ts'
import { param, statement } from './statement.ts'
import { createStore } from './store.ts'
import type { Ctx } from './types.ts'

const happened = event('test.too_long', 'instance', z.object({}))
const insert = statement<{ id: string }, never>('test_timeout_insert').write(
  sql`insert into limited (id, held) values (${param('id', 'uuid')}, true)`,
)
const lockAll = statement<object, { id: string }>('test_timeout_lock').read(sql`select id from limited for update`)
const sleepLong = statement<object, never>('test_timeout_sleep').read(sql`select pg_sleep(60)`)

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
  await database.sql.query('create table limited (id uuid primary key, held boolean)')
  await database.sql.query('insert into limited values ($1)', [randomUUID()])
})
afterAll(() => database.drop())

const LIMIT_MS = 400

/** @param isOfPostgres whether Postgres has the limit; without it only the guard of this process does */
function arrange(isOfPostgres: boolean): { pool: Pool; ctx: Ctx } {
  const pool = openPool({ ...database.connection, max: 2 }, 'generic', { readOnlyByDefault: true, transactionLimitMs: LIMIT_MS })
  if (!isOfPostgres) pool.on('connect', (client) => void client.query('set transaction_timeout = 0'))
  onTestFinished(() => pool.end())
  const store = createStore(pool)
  return { pool, ctx: { actor: { kind: 'system', task: 'test' }, companyId: randomUUID(), requestId: null, store, idempotency: null } }
}

const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'not refused',
    (error: unknown) => (error instanceof Refusal ? { code: error.code, status: error.status, retryAfter: error.retryAfter } : error),
  )

describe.each([
  ['Postgres 17 and later', true],
  ['an older Postgres', false],
] as const)('the time limit of a transaction with %s', (_, isOfPostgres) => {
  const tooLong = { code: 'transaction_timeout', status: 503, retryAfter: 5 }

  const expectNothingLeft = async (pool: Pool, id: string): Promise<void> => {
    const { rows } = await database.sql.query<{ id: string }>('select id from limited where id = $1', [id])
    expect(rows).toEqual([])
    expect((await database.sql.query('select from activity_log where entity_id = $1', [id])).rows).toEqual([])
    // Its locks are free, and the pool has lost no place.
    await pollFor('the rows are free', async () => {
      const { rowCount } = await database.sql.query('select id from limited for update skip locked')
      return rowCount === 1
    })
    await pollFor('the pool is idle', () => pool.totalCount === pool.idleCount && pool.waitingCount === 0)
  }

  test('A statement that takes too long is rolled back, and the caller gets 503 with a code and Retry-After', async () => {
    const { pool, ctx } = arrange(isOfPostgres)
    const id = randomUUID()
    const work = mutate(ctx, async (tx) => {
      await tx.run(lockAll, {})
      await tx.run(insert, { id })
      await tx.run(sleepLong, {})
      return changed(id, happened(id, {}))
    })
    expect(await refusalOf(work)).toEqual(tooLong)
    await expectNothingLeft(pool, id)
  })

  test('A body that waits too long between its statements is rolled back in the same way', async () => {
    const { pool, ctx } = arrange(isOfPostgres)
    const id = randomUUID()
    const work = mutate(ctx, async (tx) => {
      await tx.run(lockAll, {})
      await pollFor('its session has ended', async () => {
        const { rowCount } = await database.sql.query('select id from limited for update skip locked')
        return rowCount === 1
      })
      await tx.run(insert, { id })
      return changed(id, happened(id, {}))
    })
    expect(await refusalOf(work)).toEqual(tooLong)
    await expectNothingLeft(pool, id)
  })

  test('A transaction that is quick is not touched by the limit of those before it on its connection', async () => {
    const { ctx } = arrange(isOfPostgres)
    const write = (): Promise<string> => {
      const id = randomUUID()
      return mutate(ctx, async (tx) => {
        await tx.run(insert, { id })
        return changed(id, happened(id, {}))
      })
    }
    const startedAt = performance.now()
    const ids: string[] = []
    while (performance.now() - startedAt < 3 * LIMIT_MS) ids.push(await write())
    await database.sql.query('delete from limited where id = any($1)', [ids])
    expect(ids.length).toBeGreaterThan(2)
  })
})
