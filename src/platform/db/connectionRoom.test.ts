import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { isStartProblem } from '../kernel/startProblem.ts'
import { fitPools, FULL_POOLS, readConnectionRoom } from './connectionRoom.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

const fit = (limit: number) => fitPools({ role: limit, database: null, server: 100 })

describe('the room for the pools', () => {
  test('Pools have their full size where 17 connections are allowed, and shrink below it (T5)', () => {
    expect(fit(17)).toEqual({ sizes: FULL_POOLS, limitedBy: null })
    expect(fit(12)).toMatchObject({ sizes: { transactions: 5, autocommit: 4 }, limitedBy: { limit: 12 } })
    expect(fit(8).sizes).toEqual({ transactions: 3, autocommit: 2 })
  })

  test('Pools that were made smaller always fit into the limit, and never exceed their full size (T5)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 40 }), (limit) => {
        const { transactions, autocommit } = fit(limit).sizes
        expect(transactions + autocommit + 3).toBeLessThanOrEqual(limit)
        expect(transactions).toBeLessThanOrEqual(FULL_POOLS.transactions)
        expect(autocommit).toBeLessThanOrEqual(FULL_POOLS.autocommit)
      }),
    )
  })

  test.each([
    [{ role: 7, database: null, server: 97 }, /connection limit of the role.*allows 7 connections.*raise it to 17/],
    [{ role: null, database: 3, server: 97 }, /connection limit of the database.*allows 3/],
    [{ role: null, database: null, server: 5 }, /max_connections of Postgres.*allows 5/],
  ])('A start with %j is refused with a sentence that says what to raise (T5)', (room, sentence) => {
    let problem: unknown
    try {
      fitPools(room)
    } catch (error) {
      problem = error
    }
    expect(isStartProblem(problem)).toBe(true)
    expect((problem as Error).message).toMatch(sentence)
  })

  test('The limits are those of the login and the database, as Postgres has them (T5)', async () => {
    const role = `limited_${database.connection.database?.replaceAll(/\W/g, '_')}`
    await database.sql.query(`create role ${role} login password 'limited' connection limit 9`)
    onTestFinished(async () => {
      await database.sql.query(`drop role ${role}`)
    })
    const { rows } = await database.sql.query<{ server: number }>(
      `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - current_setting('reserved_connections')::int as server`,
    )
    expect(await readConnectionRoom({ ...database.connection, user: role, password: 'limited' })).toEqual({
      role: 9,
      database: null,
      server: rows[0]?.server,
    })
  })
})

describe('the room for the pools of several processes', () => {
  const among = (limit: number, processes: number) => fitPools({ role: limit, database: null, server: 1000 }, processes)

  test('Each gets the same part, and all of them fit together (T5)', () => {
    expect(among(68, 4)).toEqual({ sizes: FULL_POOLS, limitedBy: null })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 8, max: 2000 }), (processes, limit) => {
        fc.pre(limit >= 8 * processes)
        const { transactions, autocommit } = among(limit, processes).sizes
        expect((transactions + autocommit + 3) * processes).toBeLessThanOrEqual(limit)
        expect(transactions).toBeLessThanOrEqual(FULL_POOLS.transactions)
      }),
    )
  })

  test('Too many for the limit are refused with what they need, and the other way out (T5)', () => {
    expect(() => among(31, 4)).toThrow(
      /allows 31 connections, and this server needs 68, or 32 at least: raise it to 68.*or lower PAPERCLIP_WORKERS/,
    )
  })
})
