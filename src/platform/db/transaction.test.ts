import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { Refusal } from '../kernel/errors.ts'
import { event } from '../kernel/event.ts'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { pollFor } from '../../dev/testing/serverProcess.ts'
import { startTcpProxy } from '../../dev/testing/tcpProxy.ts'
import type { TcpProxy } from '../../dev/testing/tcpProxy.ts'
import { openPool, runOn } from './driver/client.ts'
import type { Pool } from './driver/client.ts'
import type { ActivityRow, Ctx, IdempotentRequest, Tx } from './types.ts'
import { codeOf } from './databaseErrors.ts'
import { changed, mutate, unchanged } from './mutate.ts'
import { param, statement } from './statement.ts'
import { createStore } from './store.ts'
import { inDoubtCommit, transaction } from './transaction.ts'
import { writeUnaudited } from './unaudited.ts'
import { onThisMachine } from '../../dev/testing/slowness.ts'

const happened = event('test.happened', 'instance', z.object({}))
const insert = statement<{ id: string }, never>('test_insert').write(sql`insert into pairs (id) values (${param('id', 'uuid')})`)
const insertSlow = statement<{ id: string }, never>('test_insert_slow').write(
  sql`insert into pairs (id, slow) values (${param('id', 'uuid')}, true)`,
)
const insertUnaudited = statement<{ id: string }, never>('test_insert_unaudited').unaudited(
  sql`insert into pairs (id) values (${param('id', 'uuid')})`,
)
const fail = statement<object, never>('test_transaction_fail').read(sql`select 1 / (random() * 0)::int`)
const one = statement<object, { one: number }>('test_one').read(sql`select 1 as one`)
const named = statement<{ id: string }, { id: string }>('test_named').read(sql`select ${param('id', 'uuid')} as id`)

let database: TestDatabase
let wire: TcpProxy
let pool: Pool
let messages: ActivityRow[]
let ctx: Ctx

beforeAll(async () => {
  database = await cloneDatabase()
  await database.sql.query('create table pairs (id uuid primary key, noted boolean, slow boolean)')
  await database.sql.query(`create constraint trigger late after insert on pairs deferrable initially deferred
    for each row when (new.noted) execute function require_audit()`)
  await database.sql.query(
    `create function sleep_briefly() returns trigger language plpgsql as 'begin perform pg_sleep(0.3); return null; end'`,
  )
  await database.sql.query(`create constraint trigger slow after insert on pairs deferrable initially deferred
    for each row when (new.slow) execute function sleep_briefly()`)
})
afterAll(() => database.drop())

beforeEach(async () => {
  wire = await startTcpProxy(database.connection)
  pool = openPool({ ...wire.connection, max: 3 }, 'generic', { readOnlyByDefault: true, onUnresponsive: () => {} })
  const store = createStore(pool)
  messages = []
  store.onCommit((rows) => messages.push(...rows))
  ctx = { actor: { kind: 'system', task: 'test' }, companyId: randomUUID(), requestId: null, store, idempotency: null }
  onTestFinished(async () => {
    await pool.end()
    await wire.close()
  })
})

const findWritten = async (id: string): Promise<{ row: boolean; audit: boolean }> => {
  const { rows } = await database.sql.query<{ row: boolean; audit: boolean }>(
    `select exists (select from pairs where id = $1) as row, exists (select from activity_log where entity_id = $1::text) as audit`,
    [id],
  )
  return rows[0] ?? { row: false, audit: false }
}

const neitherWritten = { row: false, audit: false }
const bothWritten = { row: true, audit: true }

/** Writes a row and its audit row. */
const write = (id: string, within: Ctx = ctx): Promise<string> =>
  mutate(within, async (tx) => {
    await tx.run(insert, { id })
    return changed(id, happened(id, {}))
  })

const refusalCodeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'not refused',
    (error: unknown) => (error instanceof Refusal ? error.code : error),
  )

/** Applies a change, once, to the bytes that contain a text. */
const tamperOnce = (text: string, then: (chunk: Buffer) => ReturnType<TcpProxy['tamper']>): void => {
  wire.tamper = (chunk) => {
    if (!chunk.includes(text)) return chunk
    wire.tamper = (later) => later
    return then(chunk)
  }
}

const isPoolIdle = (): boolean => pool.totalCount === pool.idleCount && pool.waitingCount === 0

describe('a transaction that cannot begin', () => {
  test('A failed BEGIN writes nothing, although the statements behind it were sent already', async () => {
    const id = randomUUID()
    tamperOnce('begin read write', (chunk) =>
      Buffer.from(chunk.toString('latin1').replace('begin read write', 'bogus read write'), 'latin1'),
    )
    expect(await refusalCodeOf(write(id))).toBe('unavailable')
    expect(await findWritten(id)).toEqual(neitherWritten)
    expect(await write(id)).toBe(id)
  })

  test('An unreachable database is refused with 503 and leaks no connection', async () => {
    await wire.close()
    expect(await Promise.all(Array.from({ length: 8 }, () => refusalCodeOf(write(randomUUID()))))).toEqual(Array(8).fill('unavailable'))
    await pollFor('the pool is empty', () => pool.totalCount === 0 && pool.waitingCount === 0)
  })

  test('A failed BEGIN writes nothing, although its statement and COMMIT were sent with it', async () => {
    const id = randomUUID()
    tamperOnce('begin read write', (chunk) =>
      Buffer.from(chunk.toString('latin1').replace('begin read write', 'bogus read write'), 'latin1'),
    )
    const outcome = await writeUnaudited(ctx.store, insertUnaudited, { id }).catch(codeOf)
    expect(outcome).toBe('08006')
    expect(await findWritten(id)).toEqual(neitherWritten)
    await pollFor('the connection is given up', () => pool.totalCount === 0)
    await writeUnaudited(ctx.store, insertUnaudited, { id })
    expect(await findWritten(id)).toEqual({ row: true, audit: false })
  })

  test('A single statement on a read-only pool cannot write', async () => {
    const outcome = await runOn(pool, insert, { id: randomUUID() }).catch(codeOf)
    expect(outcome).toBe('25006')
  })
})

describe('a failure before the commit', () => {
  test('A failure of the body leaves nothing behind and returns the connection', async () => {
    const ids = Array.from({ length: 12 }, () => randomUUID())
    const outcomes = await Promise.all(
      ids.map((id) =>
        mutate(ctx, async (tx) => {
          await tx.run(insert, { id })
          await tx.run(fail, {})
          return changed(id, happened(id, {}))
        }).catch(codeOf),
      ),
    )
    expect(outcomes).toEqual(Array(12).fill('22012'))
    for (const id of ids) expect(await findWritten(id)).toEqual(neitherWritten)
    expect(isPoolIdle()).toBe(true)
    expect(pool.totalCount).toBeLessThanOrEqual(3)
  })

  test('A failure of the audit row, which is sent together with COMMIT, leaves nothing behind', async () => {
    const id = randomUUID()
    const odd = { ...ctx, companyId: 'no uuid' }
    expect(await write(id, odd).catch(codeOf)).toBe('22P02')
    expect(await findWritten(id)).toEqual(neitherWritten)
    expect(messages).toEqual([])
    expect(isPoolIdle()).toBe(true)
  })

  test('A failure of a write that the body does not await is reported itself and not as an aborted transaction', async () => {
    const id = randomUUID()
    await write(id)
    const outcome = mutate(ctx, async (tx) => {
      tx.run(insert, { id }).catch(() => {})
      return changed(id, happened(id, {}))
    })
    expect(await outcome.catch(codeOf)).toBe('23505')
  })

  test('A failure of a check that Postgres makes at COMMIT is not a commit in doubt', async () => {
    const id = randomUUID()
    const outcome = await transaction(
      pool,
      async (connection) => void (await connection.query('insert into pairs (id, noted) values ($1, true)', [id])),
      async () => 'done',
    ).catch((error: unknown) => ({ code: codeOf(error), doubt: inDoubtCommit(error)?.backendPid ?? null }))
    expect(outcome).toEqual({ code: 'TRIPW', doubt: null })
    expect(await findWritten(id)).toEqual(neitherWritten)
    expect(isPoolIdle()).toBe(true)
  })

  test('A failure to render the answer for an Idempotency-Key leaves nothing behind', async () => {
    const id = randomUUID()
    const idempotency: IdempotentRequest = {
      actor: 'user:test',
      route: 'POST /test',
      key: id,
      requestHash: 'hash',
      madeWith: null,
      shownKeyIdOf: () => null,
      encryptionKey: Buffer.alloc(32, 7),
      render: () => {
        throw new Error('cannot be rendered')
      },
      renderRefusal: () => ({ status: 500, headers: {}, body: '' }),
    }
    await expect(write(id, { ...ctx, idempotency })).rejects.toThrow('cannot be rendered')
    expect(await findWritten(id)).toEqual(neitherWritten)
  })

  test('A branch of the body that continues after the end cannot write into the next transaction', async () => {
    const [id, escapedId] = [randomUUID(), randomUUID()]
    let endBody = (): void => {}
    const ended = new Promise<void>((resolve) => (endBody = resolve))
    let escaped: Promise<unknown> = Promise.resolve()
    const escape = async (tx: Tx): Promise<void> => {
      await ended
      await tx.run(insert, { id: escapedId })
    }
    const outcome = mutate(ctx, async (tx) => {
      escaped = escape(tx).catch((error: unknown) => error)
      await tx.run(fail, {})
      return changed(id, happened(id, {}))
    })
    await expect(outcome).rejects.toThrow()
    endBody()
    expect(String(await escaped)).toContain('after the end of its transaction')
    expect(await findWritten(escapedId)).toEqual(neitherWritten)
  })

  test('A connection that is lost before COMMIT arrives is refused with 503, and nothing has changed', async () => {
    const id = randomUUID()
    tamperOnce('commit', () => 'cut before')
    expect(await refusalCodeOf(write(id))).toBe('unavailable')
    expect(await findWritten(id)).toEqual(neitherWritten)
    expect(messages).toEqual([])
    await pollFor('the pool is idle', isPoolIdle)
  })
})

describe('a statement in a transaction of its own', () => {
  test('BEGIN, the statement and COMMIT are one round trip', async () => {
    await writeUnaudited(ctx.store, insertUnaudited, { id: randomUUID() })
    const sent: string[] = []
    wire.tamper = (chunk) => {
      sent.push(chunk.toString('latin1'))
      return chunk
    }
    await writeUnaudited(ctx.store, insertUnaudited, { id: randomUUID() })
    expect(sent).toEqual([expect.stringMatching(/begin read write[^]*test_insert_unaudited[^]*commit/)])
  })

  test('A failure of the statement is reported, leaves nothing behind and returns the connection', async () => {
    const id = randomUUID()
    await writeUnaudited(ctx.store, insertUnaudited, { id })
    expect(await writeUnaudited(ctx.store, insertUnaudited, { id }).catch(codeOf)).toBe('23505')
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
  })
})

describe('the answer to COMMIT is lost', () => {
  test('The audit row proves that the change is there, so it is acknowledged and published once', async () => {
    const id = randomUUID()
    tamperOnce('commit', () => 'cut behind')
    expect(await write(id)).toBe(id)
    expect(await findWritten(id)).toEqual(bothWritten)
    expect(messages).toHaveLength(1)
    const { rows } = await database.sql.query('select seq from activity_log where entity_id = $1', [id])
    expect(messages[0]).toMatchObject({ entityId: id, seq: rows[0]?.seq })
  })

  test('A backend that is still committing is awaited before the commit counts as failed', async () => {
    const id = randomUUID()
    tamperOnce('commit', () => 'cut behind')
    const written = mutate(ctx, async (tx) => {
      await tx.run(insertSlow, { id })
      return changed(id, happened(id, {}))
    })
    expect(await written).toBe(id)
    expect(await findWritten(id)).toEqual(bothWritten)
  })

  test('When the database stays unreachable, a 503 after about a second leaves open whether the change is there', async () => {
    const id = randomUUID()
    tamperOnce('commit', (chunk) => {
      wire.close().catch(() => {})
      return chunk.subarray(0, 0)
    })
    const startedAt = performance.now()
    const outcome = await write(id).catch((error: unknown) => error)
    expect(outcome).toMatchObject({ code: 'unavailable', status: 503, retryAfter: 1 })
    expect(String(outcome)).toContain('check whether the change is there')
    expect(performance.now() - startedAt).toBeLessThan(onThisMachine(1500))
  })

  test('A transaction that writes nothing is not in doubt', async () => {
    tamperOnce('commit', () => 'cut behind')
    expect(await refusalCodeOf(mutate(ctx, async (tx) => unchanged((await tx.run(one, {}))[0]?.one)))).toBe('unavailable')
  })
})

describe('named statements', () => {
  test('A name that is longer than Postgres keeps is refused at its declaration', () => {
    expect(() => statement(`test_${'x'.repeat(59)}`).read(sql`select 1`)).toThrow('too long')
    expect(statement(`test_${'x'.repeat(58)}`).read(sql`select 1`).name).toHaveLength(63)
  })

  test('Two statements with the same name are refused', () => {
    expect(() => statement('test_one').read(sql`select 2`)).toThrow('named test_one')
  })

  test('A named statement works after its plan was lost with the connection', async () => {
    const id = randomUUID()
    expect(await runOn(pool, named, { id })).toEqual([{ id }])
    await database.sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    )
    await pollFor('the lost connections are noticed', () => pool.totalCount === 0)
    expect(await runOn(pool, named, { id })).toEqual([{ id }])
  })
})
