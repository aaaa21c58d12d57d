import { sql } from 'drizzle-orm'
import type { EventEmitter } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { useServer } from '../../../dev/testing/world.ts'
import { runOn } from './client.ts'
import type { Connection } from './client.ts'
import { param, statement } from '../statement.ts'

const server = useServer()

/** A new connection, and how often Postgres has described a result on it. */
async function connect(): Promise<{ connection: Connection; descriptions: () => number }> {
  const connection = await server().database.sql.connect()
  onTestFinished(() => connection.release(true))
  // A new connection is asked about itself; that answer may be on its way still.
  await connection.query('select 1')
  let count = 0
  const { connection: wire } = connection as unknown as { connection: EventEmitter }
  wire.on('rowDescription', () => (count += 1))
  return { connection, descriptions: () => count }
}

const various = statement<{ id: number; text: string | null }, Record<string, unknown>>('test_prepared_various').read(sql`
  select ${param('id', 'int8')} as id, ${param('text', 'text')} as text, array[1, 2] as list, '{"a": [null]}'::jsonb as json,
    '2026-01-02 03:04:05.678+00'::timestamptz as at, true as yes`)

test('A statement is described once per connection and returns equal rows on every execution', async () => {
  const { connection, descriptions } = await connect()
  const rows = async (id: number, text: string | null) => await runOn(connection, various, { id, text })
  const row = { id: 1, text: 'one', list: [1, 2], json: { a: [null] }, at: '2026-01-02T03:04:05.678Z', yes: true }
  expect(await rows(1, 'one')).toEqual([row])
  expect(descriptions()).toBe(1)
  expect(await rows(1, 'one')).toEqual([row])
  expect(await Promise.all([rows(2, null), rows(3, 'three')])).toEqual([
    [{ ...row, id: 2, text: null }],
    [{ ...row, id: 3, text: 'three' }],
  ])
  expect(descriptions()).toBe(1)
})

const odd = statement<{ at: number }, Record<string, unknown>>('test_prepared_odd').read(sql`
  select number as "it's ""one""", (1 / (${param('at', 'int')} - number))::int8 as same, 'later' as same
  from generate_series(1, 3) as number`)

test('Later executions return the rows of the first one for odd names, and fail and go on as it does', async () => {
  const { connection, descriptions } = await connect()
  const rows = [1, 2, 3].map((number) => ({ [`it's "one"`]: number, same: 'later' }))
  for (const at of [9, 9, 2, 9]) {
    const result = runOn(connection, odd, { at })
    if (at === 2) await expect(result).rejects.toMatchObject({ code: '22012' })
    else expect(await result).toEqual(rows)
  }
  expect(descriptions()).toBe(1)
})

test('Statements that are sent before the first answer are described each and keep their own rows', async () => {
  const { connection } = await connect()
  const both = await Promise.all([1, 2, 3].map((id) => runOn(connection, various, { id, text: String(id) })))
  expect(both.map(([row]) => [row?.['id'], row?.['text']])).toEqual([
    [1, '1'],
    [2, '2'],
    [3, '3'],
  ])
})

const insert = statement<{ id: number }, never>('test_prepared_insert').write(sql`insert into prepared_things values (${param('id')})`)
const things = statement<{ least: number }, { id: number }>('test_prepared_things').read(
  sql`select * from prepared_things where id >= ${param('least')} order by id`,
)

test('A connection works after a statement without rows, a failed one and one whose result has changed', async () => {
  const { connection, descriptions } = await connect()
  await connection.query('create temporary table prepared_things (id int primary key)')
  for (const id of [1, 2, 3]) expect(await runOn(connection, insert, { id })).toEqual([])
  expect(descriptions()).toBe(0)
  await expect(runOn(connection, insert, { id: 3 })).rejects.toMatchObject({ code: '23505' })
  expect(await runOn(connection, insert, { id: 4 })).toEqual([])
  for (const least of [4, 5]) expect(await runOn(connection, things, { least })).toHaveLength(5 - least)
  // Reading such a row with the old description would swap columns.
  await connection.query('alter table prepared_things add column note text')
  await expect(runOn(connection, things, { least: 4 })).rejects.toThrow('cached plan must not change result type')
  expect(await runOn(connection, insert, { id: 5 }).catch((error: Error) => error.message)).toEqual([])
})

test('The stack of a failure leads to the caller', async () => {
  const { connection } = await connect()
  await connection.query('create temporary table prepared_things (id int primary key)')
  await runOn(connection, insert, { id: 1 })
  const failure = await runOn(connection, insert, { id: 1 }).catch((error: Error) => error)
  expect((failure as Error).stack).toContain('prepared.test.ts')
})
