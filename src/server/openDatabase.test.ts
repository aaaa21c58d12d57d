import { once } from 'node:events'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { databaseUrlOf } from '../dev/testing/serverProcess.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import { createLog } from '../platform/kernel/log.ts'
import { openDatabase } from './openDatabase.ts'

let given: TestDatabase
beforeAll(async () => {
  given = await cloneDatabase()
})
afterAll(() => given.drop())

const SESSIONS = 4

/** The pool of transactions of a server, with some sessions that have nothing to do. */
async function poolAtRest(connection: ConnectionOptions): Promise<Pool> {
  const sizes = { transactions: SESSIONS, autocommit: 1 }
  const database = openDatabase({ ...connection, idleTimeoutMillis: 50 }, sizes, createLog('silent', false), () => {})
  onTestFinished(() => database.close())
  const [pool] = database.pools
  if (pool === undefined) throw new Error('a database has pools')
  const connections = await Promise.all(Array.from({ length: SESSIONS }, () => pool.connect()))
  expect(pool.totalCount).toBe(SESSIONS)
  for (const each of connections) each.release()
  return pool
}

test('Two sessions of a pool stay open beside the embedded database, and none on the way to another one', async () => {
  const near = await poolAtRest(given.connection)
  const far = await poolAtRest({ connectionString: databaseUrlOf(given.connection) })
  while (far.totalCount > 0) await once(far, 'remove')
  while (near.totalCount > 2) await once(near, 'remove')
  expect([near.totalCount, near.idleCount, far.totalCount]).toEqual([2, 2, 0])
})
