import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../../../dev/testing/database.ts'
import type { TestDatabase } from '../../../dev/testing/database.ts'
import { pollFor } from '../../../dev/testing/serverProcess.ts'
import { startTcpProxy } from '../../../dev/testing/tcpProxy.ts'
import type { TcpProxy } from '../../../dev/testing/tcpProxy.ts'
import { closePool, openPool } from './client.ts'
import type { Pool } from './client.ts'
import { codeOf, isConnectionFailure } from '../databaseErrors.ts'
import { onThisMachine } from '../../../dev/testing/slowness.ts'

/** One second, and the delay that a busy machine adds. */
const SECOND_MS = 1400

let database: TestDatabase
let wire: TcpProxy
let pool: Pool
let reported: boolean[]

beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

beforeEach(async () => {
  wire = await startTcpProxy(database.connection)
  reported = []
  pool = openPool({ ...wire.connection, max: 2 }, 'custom', { onUnresponsive: (isUnresponsive) => reported.push(isUnresponsive) })
  onTestFinished(async () => {
    if (!pool.ending) await closePool(pool, 0)
    await wire.close()
  })
})

const timed = async (promise: Promise<unknown>): Promise<{ lost: boolean; ms: number }> => {
  const startedAt = performance.now()
  const lost = await promise.then(() => false, isConnectionFailure)
  return { lost, ms: performance.now() - startedAt }
}

test('A statement that takes long, such as one that waits for a row lock, is not ended', async () => {
  const waited = await timed(pool.query('select pg_sleep(1.5)'))
  expect(waited.lost).toBe(false)
  expect(waited.ms).toBeGreaterThan(1400)
  expect(reported).toEqual([])
})

test('A session that takes long on a busy machine is no silence: the next one may take longer (K49)', async () => {
  // A session has three round trips, so it takes 540 ms: more than a probe may take on a quiet machine.
  wire.delayMs = 90
  const waited = await timed(pool.query('select pg_sleep(2)'))
  expect(waited.lost).toBe(false)
  expect(reported).toEqual([])
})

test('An answer to another pool shows that the database answers, although no session begins (K49)', async () => {
  const other = openPool(wire.connection, 'custom', { onUnresponsive: (isUnresponsive) => reported.push(isUnresponsive) })
  onTestFinished(() => closePool(other, 0))
  await Promise.all([pool.query('select 1'), other.query('select 1')])
  wire.freezeNew(true)
  let isDone = false
  const waited = timed(pool.query('select pg_sleep(2)')).finally(() => (isDone = true))
  while (!isDone) await other.query('select pg_sleep(0.02)')
  expect((await waited).lost).toBe(false)
  expect(reported).toEqual([])
})

test('A database that stops answering is noticed in about a second by callers with a connection and by callers that wait', async () => {
  await Promise.all([pool.query('select 1'), pool.query('select 1')])
  wire.freeze(true)
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => timed(pool.query('select 1'))))
  for (const { lost, ms } of outcomes) {
    expect(lost).toBe(true)
    expect(ms).toBeLessThan(onThisMachine(SECOND_MS))
  }
  expect(reported).toEqual([true])

  // From then on no caller waits for the database.
  const refused = await timed(pool.query('select 1'))
  expect(refused.lost).toBe(true)
  expect(refused.ms).toBeLessThan(onThisMachine(50))

  wire.freeze(false)
  await pollFor('the pool serves again', () => !reported.at(-1))
  expect(reported).toEqual([true, false])
  expect((await pool.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }])
  await pollFor('no connection has leaked', () => pool.totalCount === pool.idleCount && pool.totalCount <= 2)
})

test('A database that does not answer from the start is noticed in about a second', async () => {
  wire.freeze(true)
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => timed(pool.query('select 1'))))
  for (const { lost, ms } of outcomes) {
    expect(lost).toBe(true)
    expect(ms).toBeLessThan(onThisMachine(SECOND_MS))
  }
  wire.freeze(false)
  await pollFor('the pool serves again', () =>
    pool.query('select 1').then(
      () => true,
      () => false,
    ),
  )
})

test('Closing a pool gives up on a connection that is busy after the grace time, and Postgres rolls it back', async () => {
  await database.sql.query('create table closing (id int)')
  const connection = await pool.connect()
  await connection.query('begin')
  await connection.query('insert into closing values (1)')
  const stuck = connection.query('select pg_sleep(60)').catch(codeOf)
  const { ms } = await timed(Promise.all([closePool(pool, 100), stuck.then(() => connection.release(true))]))
  expect(ms).toBeLessThan(onThisMachine(1000))
  expect((await database.sql.query('select from closing')).rows).toEqual([])
})
