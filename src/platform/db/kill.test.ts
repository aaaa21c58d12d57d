import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { Refusal } from '../kernel/errors.ts'
import { event } from '../kernel/event.ts'
import { pollFor } from '../../dev/testing/serverProcess.ts'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { openPool } from './driver/client.ts'
import type { Ctx } from './types.ts'
import { changed, mutate } from './mutate.ts'
import { param, statement } from './statement.ts'
import { createStore } from './store.ts'

// The test that decided which driver this server uses; its figures are in doc/decisions/0001-driver.md.
const DURATION_MS = Number(process.env['KILL_TEST_MS'] ?? 4000)
const CLIENTS = 20
const KILL_EVERY_MS = 150
const KILL_AT_ONCE = 3
const SETTLE_TIMEOUT_MS = 6000

const happened = event('test.halves', 'instance', z.object({}))
const firstHalf = statement<{ id: string }, never>('test_first_half').write(sql`insert into halves values (${param('id', 'uuid')}, 1)`)
const secondHalf = statement<{ id: string }, never>('test_second_half').write(sql`insert into halves values (${param('id', 'uuid')}, 2)`)

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
  await database.sql.query('create table halves (id uuid, half int)')
})
afterAll(() => database.drop())

interface Attempt {
  readonly id: string
  state: 'open' | 'acknowledged' | 'refused' | 'in doubt'
}

test(
  'backends that die all the time cost no transaction its atomicity, no acknowledgement its truth, and no caller an answer',
  { timeout: 30_000 },
  async () => {
    const pool = openPool({ ...database.connection, max: 10, application_name: 'victim' }, 'generic', {
      readOnlyByDefault: true,
      onUnresponsive: () => {},
    })
    const store = createStore(pool)
    const ctx: Ctx = { actor: { kind: 'system', task: 'test' }, companyId: randomUUID(), requestId: null, store, idempotency: null }
    const uncaught: unknown[] = []
    const recordUncaught = (error: unknown): void => void uncaught.push(error)
    process.on('uncaughtException', recordUncaught)
    process.on('unhandledRejection', recordUncaught)

    const attempts: Attempt[] = []
    const unexpected: unknown[] = []
    const attempt = async (): Promise<void> => {
      const one: Attempt = { id: randomUUID(), state: 'open' }
      attempts.push(one)
      try {
        await mutate(ctx, async (tx) => {
          await tx.run(firstHalf, { id: one.id })
          await tx.run(secondHalf, { id: one.id })
          return changed(null, happened(one.id, {}))
        })
        one.state = 'acknowledged'
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== 'unavailable') unexpected.push(error)
        one.state = String(error).includes('look whether') ? 'in doubt' : 'refused'
      }
    }

    const stopAt = performance.now() + DURATION_MS
    const client = async (): Promise<void> => {
      while (performance.now() < stopAt) await attempt()
    }
    const reaper = async (): Promise<void> => {
      while (performance.now() < stopAt) {
        await sleep(KILL_EVERY_MS)
        await database.sql.query(
          `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
           where datname = current_database() and application_name = 'victim' order by random() limit $1) victims`,
          [KILL_AT_ONCE],
        )
      }
    }
    const clients = Array.from({ length: CLIENTS }, client)
    await reaper()
    await Promise.race([Promise.all(clients), sleep(SETTLE_TIMEOUT_MS)])

    const { rows } = await database.sql.query<{ id: string; halves: number; audits: number }>(`
    select id::text, count(*)::int as halves, (select count(*)::int from activity_log where entity_id = halves.id::text) as audits
    from halves group by id`)
    const { rows: audited } = await database.sql.query<{ id: string }>(
      `select entity_id as id from activity_log where action = 'test.halves'`,
    )
    const committed = new Set([...rows.map(({ id }) => id), ...audited.map(({ id }) => id)])
    const figures = {
      halfWritten:
        rows.filter(({ halves, audits }) => halves !== 2 || audits !== 1).length +
        audited.filter(({ id }) => !rows.some((row) => row.id === id)).length,
      ghosts: attempts.filter(({ id, state }) => state === 'refused' && committed.has(id)).length,
      lost: attempts.filter(({ id, state }) => state === 'acknowledged' && !committed.has(id)).length,
      neverSettled: attempts.filter(({ state }) => state === 'open').length,
      uncaught: uncaught.length,
      answeredOtherwise: unexpected.map(String),
    }
    const counts = Object.fromEntries(
      (['acknowledged', 'refused', 'in doubt'] as const).map((state) => [state, attempts.filter((one) => one.state === state).length]),
    )
    if (process.env['KILL_TEST_MS'] !== undefined)
      process.stdout.write(`${JSON.stringify({ transactions: attempts.length, ...counts, ...figures })}\n`)
    expect(figures).toEqual({ halfWritten: 0, ghosts: 0, lost: 0, neverSettled: 0, uncaught: 0, answeredOtherwise: [] })
    // Otherwise nothing was put to the test.
    expect(counts['acknowledged']).toBeGreaterThan(500)
    expect(counts['refused']).toBeGreaterThan(20)
    await pollFor('no connection has leaked', () => pool.totalCount === pool.idleCount && pool.totalCount <= 10 && pool.waitingCount === 0)

    await pool.end()
    process.off('uncaughtException', recordUncaught)
    process.off('unhandledRejection', recordUncaught)
  },
)
