import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { Refusal } from '../kernel/errors.ts'
import { event } from '../kernel/event.ts'
import { settlesWithin } from '../kernel/timeout.ts'
import { pollFor } from '../../dev/testing/serverProcess.ts'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { openPool } from './driver/client.ts'
import type { Ctx } from './types.ts'
import { changed, mutate } from './mutate.ts'
import { param, statement } from './statement.ts'
import { createStore } from './store.ts'

// This test decided which driver the server uses. Its figures are in doc/decisions/0001-driver.md.
const DURATION_MS = Number(process.env['KILL_TEST_MS'] ?? 4000)
/** A busy machine makes fewer transactions in a second: the load lasts until there are enough, and at most this long. */
const MOST_MS = Math.max(60_000, DURATION_MS)
const CLIENTS = 20
const KILL_EVERY_MS = 150
const KILL_AT_ONCE = 3
const FINISH_TIMEOUT_MS = 6000

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

/** Collects errors that no code handles. @returns them; collecting ends with the test */
function collectUncaught(): readonly unknown[] {
  const uncaught: unknown[] = []
  const record = (error: unknown): void => void uncaught.push(error)
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.on(name, record)
  onTestFinished(() => {
    for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.off(name, record)
  })
  return uncaught
}

/** With fewer outcomes of a kind the test would prove nothing. */
const isEnough = (attempts: readonly Attempt[]): boolean => countOf(attempts, 'acknowledged') > 500 && countOf(attempts, 'refused') > 20
const countOf = (attempts: readonly Attempt[], state: Attempt['state']): number => attempts.filter((one) => one.state === state).length

/** Makes transactions until `hasEnded`, and records what each caller learned. */
async function runClients(ctx: Ctx, attempts: Attempt[], hasEnded: () => boolean): Promise<{ unexpected: readonly unknown[] }> {
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
      one.state = String(error).includes('check whether') ? 'in doubt' : 'refused'
    }
  }
  const client = async (): Promise<void> => {
    while (!hasEnded()) await attempt()
  }
  const finished = Promise.all(Array.from({ length: CLIENTS }, client))
  await settlesWithin(finished, MOST_MS + FINISH_TIMEOUT_MS)
  return { unexpected }
}

async function killBackends(hasEnded: () => boolean): Promise<void> {
  while (!hasEnded()) {
    await sleep(KILL_EVERY_MS)
    await database.sql.query(
      `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
         where datname = current_database() and application_name = 'victim' order by random() limit $1) victims`,
      [KILL_AT_ONCE],
    )
  }
}

/** Compares what the callers learned with what the database has. */
async function countViolations(attempts: readonly Attempt[]) {
  const { rows } = await database.sql.query<{ id: string; halves: number; audits: number }>(`
    select id::text, count(*)::int as halves, (select count(*)::int from activity_log where entity_id = halves.id::text) as audits
    from halves group by id`)
  const { rows: audited } = await database.sql.query<{ id: string }>(
    `select entity_id as id from activity_log where action = 'test.halves'`,
  )
  const committed = new Set([...rows.map(({ id }) => id), ...audited.map(({ id }) => id)])
  return {
    halfWritten:
      rows.filter(({ halves, audits }) => halves !== 2 || audits !== 1).length +
      audited.filter(({ id }) => !rows.some((row) => row.id === id)).length,
    refusedButCommitted: attempts.filter(({ id, state }) => state === 'refused' && committed.has(id)).length,
    acknowledgedButLost: attempts.filter(({ id, state }) => state === 'acknowledged' && !committed.has(id)).length,
    unanswered: attempts.filter(({ state }) => state === 'open').length,
  }
}

test(
  'While backends are killed, every transaction is atomic, every acknowledged one has committed, and every caller gets an answer',
  { timeout: 180_000 },
  async () => {
    const pool = openPool({ ...database.connection, max: 10, application_name: 'victim' }, 'generic', {
      readOnlyByDefault: true,
      onUnresponsive: () => {},
    })
    const store = createStore(pool)
    const ctx: Ctx = { actor: { kind: 'system', task: 'test' }, companyId: randomUUID(), requestId: null, store, idempotency: null }
    const uncaught = collectUncaught()
    const attempts: Attempt[] = []
    const beganAt = performance.now()
    const hasEnded = (): boolean => {
      const elapsedMs = performance.now() - beganAt
      return elapsedMs >= MOST_MS || (elapsedMs >= DURATION_MS && isEnough(attempts))
    }
    const [{ unexpected }] = await Promise.all([runClients(ctx, attempts, hasEnded), killBackends(hasEnded)])

    const figures = { ...(await countViolations(attempts)), uncaught: uncaught.length, otherErrors: unexpected.map(String) }
    const counts = Object.fromEntries((['acknowledged', 'refused', 'in doubt'] as const).map((state) => [state, countOf(attempts, state)]))
    if (process.env['KILL_TEST_MS'] !== undefined)
      process.stdout.write(`${JSON.stringify({ transactions: attempts.length, ...counts, ...figures })}\n`)
    expect(figures).toEqual({
      halfWritten: 0,
      refusedButCommitted: 0,
      acknowledgedButLost: 0,
      unanswered: 0,
      uncaught: 0,
      otherErrors: [],
    })
    expect(isEnough(attempts), JSON.stringify(counts)).toBe(true)
    await pollFor('no connection has leaked', () => pool.totalCount === pool.idleCount && pool.totalCount <= 10 && pool.waitingCount === 0)
    await pool.end()
  },
)
