import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { race } from '../../dev/testing/race.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { startPeriodicTasks } from '../../scheduler/periodicTasks.ts'
import { createSealer, SEAL_INTERVAL_MS } from './sealer.ts'
import { sealBatch } from './seal.ts'
import { isLate, onThisMachine } from '../../dev/testing/slowness.ts'

const server = useServer()
const log = createLog('silent', false)

const writeRow =
  'insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details) values ($1, $2, $3, $4, $5, $6, $7)'
const values = (companyId: string, entityId: string): unknown[] => [
  companyId,
  'system',
  'test',
  'issue.updated',
  'issue',
  entityId,
  { why: 'a test' },
]

/** Polls every 10 ms until a condition holds. */
async function until(holds: () => Promise<boolean>, withinMs: number): Promise<void> {
  const beganAt = performance.now()
  while (!(await holds())) {
    if (isLate(beganAt, withinMs)) throw new Error(`the condition did not hold within ${withinMs} ms`)
    await delay(10)
  }
}

async function sealAll(): Promise<void> {
  for (;;) if ((await sealBatch(server().store, 500)).rows === 0) return
}

const query = async <T extends object>(text: string, params: unknown[] = []): Promise<T[]> =>
  (await server().database.sql.query<T>(text, params)).rows

/** Counts the committed rows that are in no chain. */
const unsealed = async (): Promise<number> =>
  (
    await query<{ count: number }>(
      'select count(*)::int as count from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq)',
    )
  )[0]?.count ?? -1

const everythingSealed = (): Promise<void> =>
  until(async () => {
    await sealAll()
    return (await unsealed()) === 0
  }, 15_000)

/** Checks the properties that every chain has at any time. */
async function expectIntactChains(): Promise<void> {
  const [violations] = await query<{ gaps: number; twice: number; misordered: number; foreign: number }>(`
    select
      (select count(*)::int from (select company_id from activity_chain group by 1 having max(position) <> count(*)) x) as gaps,
      (select count(*)::int from (select seq from activity_chain group by 1 having count(*) > 1) x) as twice,
      (select count(*)::int from (select (txid, seq) <= lag((txid, seq)) over (partition by company_id order by position) as bad
        from activity_chain) x where bad) as misordered,
      (select count(*)::int from activity_chain c left join activity_log l using (seq)
        where (l.company_id, l.txid) is distinct from (c.company_id, c.txid)) as foreign`)
  expect(violations).toEqual({ gaps: 0, twice: 0, misordered: 0, foreign: 0 })
}

describe('sealing', () => {
  test('A committed row joins its chain within 2 s, and its head is recorded', async () => {
    const loop = startPeriodicTasks(
      [{ name: 'seal', intervalMs: SEAL_INTERVAL_MS, run: createSealer(server().store, server().heads, log) }],
      log,
    )
    try {
      const { company, issue } = await world(server())
      for (let round = 0; round < 3; round += 1) {
        const { id } = await issue()
        // A transaction of another test file on this cluster may be older. The time counts from the end of that transaction.
        let dueAt: number | undefined
        await until(async () => {
          const [row] = await query<{ due: boolean; sealed: boolean }>(
            `select txid <= (select horizon from event_horizon()) as due, exists (select 1 from activity_chain c where c.seq = l.seq) as sealed
             from activity_log l where entity_id = $1`,
            [id],
          )
          if (row?.due === true) dueAt ??= performance.now()
          return row?.sealed === true
        }, 15_000)
        expect(performance.now() - (dueAt ?? 0)).toBeLessThan(onThisMachine(2000))
      }
      await until(async () => (await server().heads.newestHeads()).has(company.id), 5000)
    } finally {
      await loop.stop()
    }
  })

  test('Two servers that seal while others write make one dense chain per company, in commit order', async () => {
    const { company: first } = await world(server())
    const { company: second } = await world(server())
    const other = await server().startPeer()
    let writing = true
    const write = async (companyId: string): Promise<void> => {
      for (let n = 0; n < 60; n += 1) {
        const client = await server().database.sql.connect()
        try {
          await client.query('begin')
          await client.query(writeRow, values(companyId, `${n}`))
          await client.query(writeRow, values(companyId, `${n}`))
          await client.query(n % 7 === 0 ? 'rollback' : 'commit')
        } finally {
          client.release()
        }
      }
    }
    const seal = async (store: typeof other.store): Promise<void> => {
      while (writing) await sealBatch(store, 25)
    }
    const sealing = [seal(server().store), seal(other.store), seal(server().store), seal(other.store)]
    await race([first.id, second.id, first.id, second.id], write)
    writing = false
    await Promise.all(sealing)
    await everythingSealed()
    await expectIntactChains()
    await other.stop()
  })

  test('A transaction that commits late is not skipped, and delays only the rows that came after it', async () => {
    const { company } = await world(server())
    await everythingSealed()
    const late = await server().database.sql.connect()
    try {
      await late.query('begin')
      await late.query(writeRow, values(company.id, 'late'))
      await server().database.sql.query(writeRow, values(company.id, 'early'))
      expect((await sealBatch(server().store, 500)).rows).toBe(0)
      await late.query('commit')
    } finally {
      late.release()
    }
    await everythingSealed()
    const rows = await query<{ entity_id: string }>(
      'select l.entity_id from activity_chain c join activity_log l using (seq) where c.company_id = $1 order by position desc limit 2',
      [company.id],
    )
    expect(rows.map((row) => row.entity_id)).toEqual(['early', 'late'])
    await expectIntactChains()
  })

  test('A server that is killed while it appends leaves no partial batch, and the next server loses and doubles no row', async () => {
    const { company } = await world(server())
    for (let n = 0; n < 30; n += 1) await server().database.sql.query(writeRow, values(company.id, `${n}`))
    // A table lock makes the append wait between the two statements of a batch. Its backend is killed there.
    const blocker = await server().database.sql.connect()
    const other = await server().startPeer()
    try {
      await until(async () => (await query('select 1 from event_horizon() where horizon = newest')).length > 0, 15_000)
      await blocker.query('begin')
      await blocker.query('lock table activity_chain in share row exclusive mode')
      const killed = sealBatch(other.store, 500).catch((error: unknown) => error)
      await until(
        async () =>
          (await query("select pg_terminate_backend(pid) from pg_locks where relation = 'activity_chain'::regclass and not granted"))
            .length > 0,
        10_000,
      )
      expect(await killed).toBeInstanceOf(Error)
    } finally {
      await blocker.query('rollback')
      blocker.release()
    }
    await everythingSealed()
    await expectIntactChains()
    await other.stop()
  })

  test('The chain refuses UPDATE, DELETE and TRUNCATE, as the log does', async () => {
    await world(server())
    await everythingSealed()
    for (const table of ['activity_chain', 'activity_log'])
      for (const change of [`update ${table} set company_id = company_id`, `delete from ${table}`, `truncate ${table}`])
        await expect(server().database.sql.query(change), change).rejects.toThrow(`${table} is append-only`)
  })

  test('A server without rows to seal sends one query for each call', async () => {
    await everythingSealed()
    const seal = createSealer(server().store, server().heads, log)
    await seal()
    let queries = 0
    const pool = server().store.autocommitPool
    pool.on('acquire', () => (queries += 1))
    await seal()
    await seal()
    pool.removeAllListeners('acquire')
    expect(queries).toBe(2)
  })
})
