import { sql } from 'drizzle-orm'
import type { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { useServer } from '../../../dev/testing/world.ts'
import { PAGE_BYTES } from '../../kernel/page.ts'
import { param, statement } from '../statement.ts'
import { openPool, runPageOn } from './client.ts'
import type { Pool } from './client.ts'

const server = useServer()

/** A pool of one connection, and the bytes that it has received. */
async function openOne(): Promise<{ pool: Pool; received: () => number }> {
  const pool = openPool({ ...server().database.connection, max: 1 })
  onTestFinished(() => pool.end())
  const connection = await pool.connect()
  connection.release()
  const { stream } = (connection as unknown as { connection: { stream: Socket } }).connection
  return { pool, received: () => stream.bytesRead }
}

const rowsOf = statement<{ count: number; size: number }, { number: number; text: string }>('test_bounded_rows').read(sql`
  select number, repeat('x', ${param('size', 'int')}) as text from generate_series(1, ${param('count', 'int')}) as number`)

const fewRows = statement<{ count: number }, { number: number }>('test_bounded_few').read(sql`
  select number from generate_series(1, ${param('count', 'int')}) as number`)

const limitedRows = statement<{ limit: number }, { number: number }>('test_bounded_limited').read(sql`
  select number from generate_series(1, 1000) as number limit ${param('limit', 'int')}`)

/** Counts the messages for the server that end a batch: synchronizations and flushes. */
function countWrites(stream: Socket): () => number {
  let batches = 0
  const write = stream.write.bind(stream)
  stream.write = ((...sent: Parameters<Socket['write']>) => {
    const [chunk] = sent as unknown as [Uint8Array]
    // The last message of a batch, `Sync` or `Flush`, has a letter and a length of four.
    if (['S', 'H'].includes(String.fromCharCode(chunk.at(-5) ?? 0))) batches += 1
    return write(...sent)
  }) as Socket['write']
  return () => {
    stream.write = write
    return batches
  }
}

const failing = statement<{ at: number }, { number: number }>('test_bounded_failing').read(sql`
  select 1 / (${param('at', 'int')} - number) as number from generate_series(1, 500) as number`)

test('A read within a budget of bytes loads what fits, says that it is cut, and does not receive the rest', async () => {
  const { pool, received } = await openOne()
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const before = received()
    const { rows, isCut } = await runPageOn(pool, rowsOf, { count: 1000, size: 100_000 }, 1000)
    expect([isCut, rows.length, rows.at(-1)?.number]).toEqual([true, 39, 39])
    expect(received() - before).toBeLessThan(2 * PAGE_BYTES)
  }
})

test('A read has at least one row, and a read of few rows is whole', async () => {
  const { pool } = await openOne()
  const large = await runPageOn(pool, rowsOf, { count: 3, size: PAGE_BYTES + 1 }, 3)
  expect([large.isCut, large.rows.map((row) => row.text.length)]).toEqual([true, [PAGE_BYTES + 1]])
  for (const [count, maxRows] of [
    [0, 201],
    [20, 20],
    [32, 201],
    [33, 201],
    [1000, 1000],
  ] as const) {
    const { rows, isCut } = await runPageOn(pool, rowsOf, { count, size: 10 }, maxRows)
    expect([isCut, rows.map((row) => row.number)]).toEqual([false, Array.from({ length: count }, (_, index) => index + 1)])
  }
})

test('A short read is one round trip once its statement is described, and one with more rows than a portion is whole all the same', async () => {
  const { pool } = await openOne()
  const sent: number[] = []
  const connection = await pool.connect()
  connection.release()
  const { stream } = (connection as unknown as { connection: { stream: Socket } }).connection
  for (const count of [3, 3, 64, 65, 200, 200, 3, 3]) {
    const writes = countWrites(stream)
    const { rows, isCut } = await runPageOn(pool, fewRows, { count }, 201)
    expect([isCut, rows.map((row) => row.number)]).toEqual([false, Array.from({ length: count }, (_, index) => index + 1)])
    sent.push(writes())
  }
  // The first read is described. From the third on the list is known to be long, until it is short again.
  expect(sent).toEqual([2, 1, 4, 3, 3, 3, 2, 1])
})

test('A page that one portion holds leaves a list long', async () => {
  const { pool } = await openOne()
  const connection = await pool.connect()
  connection.release()
  const { stream } = (connection as unknown as { connection: { stream: Socket } }).connection
  const sent: number[] = []
  for (const maxRows of [201, 201, 51, 201]) {
    const writes = countWrites(stream)
    const { rows } = await runPageOn(pool, limitedRows, { limit: maxRows }, maxRows)
    expect(rows).toHaveLength(maxRows)
    sent.push(writes())
  }
  // The first read is described, the second finds that the list is long. The last one is not sent twice.
  expect(sent.slice(1)).toEqual([4, 1, 3])
})

test('A connection works after a bounded read that failed in its first portion or in a later one', async () => {
  const { pool } = await openOne()
  for (const at of [5, 400]) {
    await expect(runPageOn(pool, failing, { at }, 500)).rejects.toMatchObject({ code: '22012' })
    expect((await runPageOn(pool, rowsOf, { count: 50, size: 1 }, 201)).rows).toHaveLength(50)
  }
})
