import { expect, test } from 'vitest'
import type { DegradedCause } from '../observe/instance/health.ts'
import { captureLog } from '../dev/testing/captureLog.ts'
import { waitUntil } from '../dev/testing/holds.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { createSealer } from '../observe/audit/index.ts'
import { causesOf, createConditions } from './conditions.ts'
import type { ConditionFacts } from './conditions.ts'

let causes: DegradedCause[] = []
const server = useServer({ degradedCauses: () => causes })

const healthy: ConditionFacts = {
  freeBytes: 10_000_000_000,
  eventLagSeconds: 0,
  sealLagSeconds: 5,
  openDescriptors: 100,
  maxDescriptors: 1024,
  droppedLines: 0,
  auditDoubt: null,
  hasBackupFailed: false,
}

test('A server is degraded by each cause for itself, and by no fact that the system does not tell', () => {
  expect(causesOf(healthy)).toEqual([])
  expect(
    causesOf({ ...healthy, freeBytes: null, eventLagSeconds: null, sealLagSeconds: null, openDescriptors: null, maxDescriptors: null }),
  ).toEqual([])
  expect(causesOf({ ...healthy, freeBytes: 1000 })).toEqual(['disk_full'])
  expect(causesOf({ ...healthy, eventLagSeconds: 11 })).toEqual(['feed_slow'])
  expect(causesOf({ ...healthy, sealLagSeconds: 61 })).toEqual(['rows_unsealed'])
  expect(causesOf({ ...healthy, openDescriptors: 1000 })).toEqual(['descriptors_low'])
  expect(causesOf({ ...healthy, droppedLines: 1 })).toEqual(['log_dropped'])
  expect(causesOf({ ...healthy, auditDoubt: 'contradicted' })).toEqual(['audit_doubtful'])
  expect(causesOf({ ...healthy, hasBackupFailed: true })).toEqual(['backup_failed'])
})

test('A cause is logged once when it begins and once when it ends', async () => {
  const captured = captureLog()
  let dropped = 0
  const conditions = createConditions({
    db: server().store.read,
    home: '/',
    droppedLogLines: () => dropped,
    auditDoubt: () => null,
    log: captured.log,
  })
  const look = async (): Promise<unknown[]> => {
    captured.clear()
    await conditions.check()
    const lines = captured.text().split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as { msg: string; cause: string }).map(({ msg, cause }) => [msg, cause])
  }
  expect(await look()).toEqual([])
  dropped = 3
  expect(await look()).toEqual([['the server is degraded', 'log_dropped']])
  expect(conditions.causes()).toEqual(['log_dropped'])
  dropped = 5
  expect(await look()).toEqual([])
  expect(await look()).toEqual([['the server is no longer degraded by this cause', 'log_dropped']])
})

const query = (text: string, params: unknown[] = []) => server().database.sql.query(text, params)
const INSERT_ROW =
  "insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id) values ($1, 'system', 'test', 'a', 'issue', 'x')"
const writeRow = (companyId: string) => query(INSERT_ROW, [companyId])

async function sealUntilDone(): Promise<void> {
  const seal = createSealer(server().store, server().heads, captureLog().log)
  await waitUntil('every row is sealed', async () => {
    await seal()
    const { rows } = await query(
      'select 1 from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq) limit 1',
    )
    return rows.length === 0
  })
}

test('A full disk, few descriptors, a slow feed and unsealed rows are each logged with their cause, and make the health degraded until they end (T10)', async () => {
  const captured = captureLog()
  const state = { free: 1e12, open: 10, doubt: null as string | null }
  const conditions = createConditions({
    db: server().store.read,
    home: '/',
    droppedLogLines: () => 0,
    auditDoubt: () => state.doubt,
    log: captured.log,
    freeBytes: async () => state.free,
    descriptors: () => ({ openDescriptors: state.open, maxDescriptors: 100 }),
  })
  const { company } = await world(server())
  const late = await server().database.sql.connect()
  const situations: Readonly<Record<string, readonly [begin: () => Promise<unknown>, end: () => Promise<unknown>]>> = {
    disk_full: [async () => (state.free = 1000), async () => (state.free = 1e12)],
    descriptors_low: [async () => (state.open = 95), async () => (state.open = 10)],
    audit_doubtful: [async () => (state.doubt = 'missing'), async () => (state.doubt = null)],
    rows_unsealed: [
      async () => {
        await writeRow(company.id)
        await server().database.passTime('2 minutes')
      },
      sealUntilDone,
    ],
    feed_slow: [
      async () => {
        await late.query('begin')
        await late.query(INSERT_ROW, [company.id])
        await writeRow(company.id)
        await server().database.passTime('20 seconds')
      },
      async () => {
        await late.query('commit')
        await sealUntilDone()
      },
    ],
  }
  await sealUntilDone()
  await conditions.check()
  for (const [cause, [begin, end]] of Object.entries(situations)) {
    captured.clear()
    await begin()
    await conditions.check()
    expect(conditions.causes(), cause).toEqual([cause])
    expect(captured.text(), cause).toMatch(new RegExp(`"cause":"${cause}".*"msg":"the server is degraded"`))
    causes = [...conditions.causes()]
    expect((await server().board.get('/api/health')).body, cause).toMatchObject({ status: 'ok', condition: 'degraded', causes: [cause] })
    await end()
    await conditions.check()
    expect(conditions.causes(), cause).toEqual([])
    expect(captured.text(), cause).toContain('the server is no longer degraded by this cause')
  }
  causes = []
  late.release()
}, 180_000)

test('The health of a degraded server names the causes, and its status stays ok', async () => {
  const health = async (): Promise<unknown> => (await server().board.get('/api/health')).body
  expect(await health()).toMatchObject({ status: 'ok', condition: 'ok', causes: [] })
  causes = ['disk_full', 'rows_unsealed']
  expect(await health()).toMatchObject({ status: 'ok', condition: 'degraded', causes })
})
