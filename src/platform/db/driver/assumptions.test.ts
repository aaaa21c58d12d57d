import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { cloneDatabase } from '../../../dev/testing/database.ts'
import type { TestDatabase } from '../../../dev/testing/database.ts'
import type { Pool } from './types.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
  await database.sql.query('create table numbers (id int primary key)')
})
afterAll(() => database.drop())

/** The parts of `pg` that a test replaces. */
interface Driver {
  Client: new (config: unknown) => { connection: { stream: { cork: unknown } } }
  Pool: new (options: unknown) => Pool
  utils: object
}

/** A later version of `pg` without the private parts of queries and clients. */
const withoutPrivateParts = ({ Client }: Driver): Partial<Driver> => ({
  utils: {},
  Client: class extends Client {
    constructor(config: unknown) {
      super(config)
      this.connection.stream.cork = undefined
    }
    get processID(): undefined {
      return undefined
    }
    set processID(_: unknown) {}
  },
})

/** Loads the folder anew, on `pg` as it is or as a later version of it might be. */
async function loadDriver(change: (driver: Driver) => Partial<Driver> = () => ({})) {
  vi.resetModules()
  vi.doMock('pg', async (original) => {
    const { default: driver } = await original<{ default: Driver }>()
    return { default: { ...driver, ...change(driver) } }
  })
  onTestFinished(async () => {
    vi.doUnmock('pg')
    vi.resetModules()
    await import('../statement.ts')
  })
  // One import at a time: the first applies the queued replacement, and imports at once would race for it, so that two
  // files of the folder could load different versions of `pg`.
  const client = await import('./client.ts')
  const backendPid = await import('./backendPid.ts')
  const statements = await import('../statement.ts')
  const transactions = await import('../transaction.ts')
  const reports: (readonly string[])[] = []
  const open = (): Pool => {
    const pool = client.openPool({ ...database.connection, max: 2 }, 'generic', {
      readOnlyByDefault: true,
      onUnresponsive: () => {},
      onDriverMismatch: (failed) => void reports.push(failed),
    })
    onTestFinished(() => client.closePool(pool, 0))
    return pool
  }
  return { ...client, ...backendPid, ...statements, ...transactions, open, reports }
}

/** Writes and reads through prepared statements, in a transaction and outside of one. */
async function writeAndRead(driver: Awaited<ReturnType<typeof loadDriver>>, ids: readonly number[]): Promise<number[]> {
  const { param, statement } = driver
  const insert = statement<{ id: number }, never>('test_assumption_insert').write(sql`insert into numbers values (${param('id')})`)
  const read = statement<{ ids: readonly number[] }, { id: number }>('test_assumption_read').read(
    sql`select id from numbers where id = any(${param('ids', 'int[]')}) order by id`,
  )
  const pool = driver.open()
  for (const id of ids) {
    await driver.transaction(
      pool,
      async (connection) => {
        expect(await driver.runOn(connection, read, { ids: [id] })).toEqual([])
        await driver.runOn(connection, insert, { id })
        expect(driver.backendPidOf(connection)).toBeGreaterThan(0)
        return id
      },
      async (connection) => await driver.runOn(connection, read, { ids: [id] }),
    )
  }
  await driver.runOn(pool, read, { ids })
  const rows = await driver.runOn(pool, read, { ids })
  return rows.map(({ id }) => id)
}

describe('the assumptions about pg', () => {
  test('All of them hold for the installed version, and nothing is reported', async () => {
    const driver = await loadDriver()
    expect(await writeAndRead(driver, [1, 2])).toEqual([1, 2])
    expect(driver.reports).toEqual([])
  })

  test('Without prepareValue statements are described on every execution, which is reported once', async () => {
    const driver = await loadDriver(() => ({ utils: {} }))
    expect(await writeAndRead(driver, [3, 4])).toEqual([3, 4])
    await driver.open().query('select 1')
    expect(driver.reports).toEqual([['result_description']])
  })

  test('Without a socket that can be corked and a process id, statements are sent one by one and Postgres is asked for the id', async () => {
    const driver = await loadDriver((original) => ({ ...withoutPrivateParts(original), utils: original.utils }))
    expect(await writeAndRead(driver, [5, 6])).toEqual([5, 6])
    expect(driver.reports).toEqual([['socket', 'backend_pid']])
  })

  test('Where Pool.query does not use connect, the pool is not watched and serves', async () => {
    const driver = await loadDriver(({ Pool: Original }) => ({
      Pool: class extends Original {
        override query = ((...args: Parameters<Pool['query']>) => Original.prototype.query.apply(this, args)) as Pool['query']
      },
    }))
    expect(await writeAndRead(driver, [7])).toEqual([7])
  })

  test('A server on a driver that differs serves requests and logs one warning', async () => {
    await loadDriver(withoutPrivateParts)
    const [{ startServer }, { readConfig }, { createLog }] = await Promise.all([
      import('../../../server/server.ts'),
      import('../../../server/config.ts'),
      import('../../kernel/log.ts'),
    ])
    const home = mkdtempSync(path.join(tmpdir(), 'paperclip-driver-'))
    onTestFinished(() => rmSync(home, { recursive: true, force: true }))
    const result = readConfig({ PORT: '0', PAPERCLIP_HOME: home, PAPERCLIP_ADAPTERS: '' })
    if ('problems' in result) throw new Error(result.problems.join())
    const lines: string[] = []
    const server = await startServer(
      result.config,
      database.connection,
      createLog('warn', false, { write: (line) => void lines.push(line) }),
    )
    onTestFinished(() => server.stop())
    const headers = { 'content-type': 'application/json' }
    for (const name of ['One', 'Two', 'Three']) {
      const created = await fetch(`${server.url}/api/companies`, { method: 'POST', headers, body: JSON.stringify({ name }) })
      expect(created.status).toBe(201)
    }
    const listed = await fetch(`${server.url}/api/companies`)
    expect(((await listed.json()) as { name: string }[]).map(({ name }) => name)).toEqual(['One', 'Two', 'Three'])
    const warnings = lines.map((line) => JSON.parse(line) as { msg: string; assumptions?: string[] })
    expect(warnings.map(({ msg, assumptions }) => ({ msg, assumptions }))).toEqual([
      {
        msg: 'the pg driver is not as expected: the server uses plain queries, which are slower',
        assumptions: ['result_description', 'socket', 'backend_pid'],
      },
    ])
  })
})
