import { setTimeout as delay } from 'node:timers/promises'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { captureLog } from '../../dev/testing/captureLog.ts'
import { TEST_BOARD_TOKEN, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { createStatsReader } from '../metrics/index.ts'
import { openHeadFile } from './heads.ts'
import type { HeadFile } from './heads.ts'
import { createSealer } from './sealer.ts'
import { openTimeline } from './timelines.ts'
import { verifyChain } from './verify.ts'
import type { VerificationResult } from './verify.ts'

const SLOW_MS = 180_000

const server = useServer()
const log = createLog('silent', false)

const query = async <T extends object>(text: string, params: unknown[] = []): Promise<T[]> =>
  (await server().database.sql.query<T>(text, params)).rows

/** Changes the database as its owner may, also the record. */
async function tamper(text: string, ...params: unknown[]): Promise<void> {
  const sql = await server().database.sql.connect()
  try {
    await sql.query("begin; set local session_replication_role = 'replica'")
    await sql.query(text, params)
    await sql.query('commit')
  } finally {
    sql.release()
  }
}

/** The counter of tickets as a restore of the rows alone leaves it. */
const setCounterBack = (): Promise<void> => tamper("select setval('event_tickets', 1)")
/** The identifiers of clusters as a restore of a whole dump into another one leaves them. */
const moveToOtherCluster = async (): Promise<void> => {
  await tamper("update audit_witnesses set cluster = '1'")
  await tamper(`update activity_log set details = jsonb_set(details, '{cluster}', '"1"') where action = 'audit.timeline_opened'`)
}

async function seal(file: HeadFile): Promise<void> {
  const run = createSealer(server().store, file, log)
  const deadline = performance.now() + 15_000
  for (;;) {
    await run()
    const rows = await query('select 1 from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq) limit 1')
    if (rows.length === 0) return void (await run())
    if (performance.now() > deadline) throw new Error('some rows are not sealed')
    await delay(20)
  }
}

const verify = (file: HeadFile, { company }: World): Promise<VerificationResult> => verifyChain(server().store.read, company.id, file)

let homes = 0
/** The file of a home whose chains are witnessed, and a company with rows. Each has the place of a home of its own. */
async function witnessed(file = openHeadFile(`${server().home}-${(homes += 1)}`)): Promise<{ file: HeadFile; ours: World }> {
  const ours = await world(server())
  await ours.issue()
  await seal(file)
  await ours.issue()
  await seal(file)
  return { file, ours }
}

async function cutTail({ company }: World): Promise<void> {
  const last = '(select seq from activity_chain where company_id = $1 order by position desc limit 1)'
  await tamper(`delete from activity_log where seq = ${last}`, company.id)
  await tamper(`delete from activity_chain where seq = ${last}`, company.id)
}

interface TimelineRow {
  readonly actor_type: string
  readonly txid: string
  readonly details: { line: number; signature: string; keyId: string; contradictedHeads: number; witness: string; ticket: string }
}
const timelineRows = (): Promise<TimelineRow[]> =>
  query("select actor_type, txid::text, details from activity_log where action = 'audit.timeline_opened' order by seq")
const newestTicket = async (): Promise<bigint> =>
  BigInt((await query<{ newest: string }>('select newest::text from event_ticket_lag()'))[0]?.newest ?? 0)
const newestTimeline = async (): Promise<TimelineRow> => (await timelineRows()).at(-1) as TimelineRow

/** Rows of this file stand in one database, so each test begins with a record that was accepted. */
const accept = (reason = 'the restore was looked at') =>
  server().bearer(TEST_BOARD_TOKEN).post('/api/instance/audit/accept-witness', { reason })

describe('a restored database (K31)', { timeout: SLOW_MS }, () => {
  test('Rows whose tickets the counter has not reached go on in one timeline, audited and signed, with tickets behind all of before', async () => {
    const { file, ours } = await witnessed()
    const before = { rows: (await timelineRows()).length, ticket: await newestTicket() }
    await setCounterBack()
    const captured = captureLog()
    await Promise.all([openTimeline(server().store, file, captured.log), openTimeline(server().store, file, log)])
    await openTimeline(server().store, file, log)
    const rows = await timelineRows()
    expect(rows.length).toBe(before.rows + 1)
    expect(captured.text()).toContain('the database was restored: the audit goes on in a new timeline')
    const row = rows.at(-1) as TimelineRow
    expect(row).toMatchObject({ actor_type: 'system', details: { cause: 'counter_behind', witness: 'agrees', contradictedHeads: 0 } })
    const lines = readFileSync(path.join(file.home, 'audit-heads.ndjson'), 'utf8').trimEnd().split('\n')
    const signed = lines.map((line) => JSON.parse(line) as object).find((line) => 'note' in line && line.note === 'timeline')
    expect(signed).toMatchObject({ note: 'timeline', keyId: row.details.keyId })
    expect(BigInt(row.txid)).toBeGreaterThan(before.ticket + 1_000_000n)
    expect(row.txid).toBe(row.details.ticket)
    await ours.issue()
    expect(await newestTicket()).toBeGreaterThan(BigInt(row.txid))
    await seal(file)
    const verified = await verify(file, ours)
    expect(verified).toMatchObject({ ok: true, unsealedRows: 0, firstBroken: null })
    expect(verified.timelines.at(-1)).toMatchObject({ timeline: before.rows + 2, cause: 'counter_behind', witness: 'agrees' })
  })

  test('A whole dump in another cluster is a new timeline too, once, and its tickets are not those that were given after the dump', async () => {
    const { file, ours } = await witnessed()
    const before = await newestTicket()
    await moveToOtherCluster()
    await openTimeline(server().store, file, log)
    await openTimeline(server().store, file, log)
    const row = await newestTimeline()
    expect(row).toMatchObject({ details: { cause: 'other_cluster', witness: 'agrees' } })
    expect(BigInt(row.txid)).toBeGreaterThan(before + 1_000_000n)
    const { length } = await timelineRows()
    await ours.issue()
    await seal(file)
    await openTimeline(server().store, file, log)
    expect((await timelineRows()).length).toBe(length)
  })

  test('A crash between the row of a timeline and the counter is completed without a second row', async () => {
    const { file, ours } = await witnessed()
    await setCounterBack()
    await openTimeline(server().store, file, log)
    const { length } = await timelineRows()
    const ticket = await newestTicket()
    await setCounterBack()
    await openTimeline(server().store, file, log)
    expect((await timelineRows()).length).toBe(length)
    await ours.issue()
    expect(await newestTicket()).toBeGreaterThan(ticket)
    await seal(file)
    expect(await verify(file, ours)).toMatchObject({ ok: true, unsealedRows: 0 })
  })

  test('A new timeline excuses no cut: heads of before contradict it until an operator accepts the record, which is audited', async () => {
    const { ours } = await witnessed(server().heads)
    const file = server().heads
    await cutTail(ours)
    await setCounterBack()
    await openTimeline(server().store, file, log)
    expect((await newestTimeline()).details).toMatchObject({ contradictedHeads: 1, witness: 'contradicted' })
    await ours.issue()
    await seal(file)
    expect(file.state.doubt).toBe('contradicted')
    expect(await verify(file, ours)).toMatchObject({ ok: false })
    const agent = await ours.agent()
    expect(await server().board.post('/api/instance/audit/accept-witness', { reason: 'x' })).toMatchObject({ status: 403 })
    expect(await agent.client.post('/api/instance/audit/accept-witness', { reason: 'x' })).toMatchObject({ status: 403 })
    expect(await verify(file, ours)).toMatchObject({ ok: false })
    expect(await accept('restored from the backup of Monday')).toMatchObject({ status: 200, body: { contradictedHeads: 1, problem: null } })
    expect(file.state.doubt).toBeNull()
    const [row] = await query<{ details: object }>("select details from activity_log where action = 'audit.witness_accepted'")
    expect(row?.details).toMatchObject({ reason: 'restored from the backup of Monday', contradictedHeads: 1 })
    const running = createSealer(server().store, file, log)
    await ours.issue()
    await seal(file)
    await running()
    expect(await verify(openHeadFile(file.home), ours)).toMatchObject({ ok: true, unsealedRows: 0 })
    await cutTail(ours)
    expect(await verify(file, ours)).toMatchObject({ ok: false, firstBroken: { kind: 'cut' } })
    await ours.issue()
    await seal(file)
    expect(await verify(file, ours)).toMatchObject({ ok: false, firstBroken: { kind: 'rewritten' } })
    expect(await accept()).toMatchObject({ status: 200 })
  })

  test('A home that saw nothing before the restore is no witness: verify is not ok until an operator accepts', async () => {
    const { ours } = await witnessed(server().heads)
    const home = `${server().home}-new`
    await cutTail(ours)
    await moveToOtherCluster()
    await openTimeline(server().store, openHeadFile(home), log)
    expect((await newestTimeline()).details).toMatchObject({ witness: 'absent' })
    await ours.issue()
    const restarted = openHeadFile(home)
    await seal(restarted)
    expect(restarted.state.doubt).toBe('timeline_unwitnessed')
    expect(await verify(restarted, ours)).toMatchObject({ ok: false, witness: { ok: false, problem: 'timeline_unwitnessed' } })
    await seal(server().heads)
    await accept()
  })

  test('While a counter lies behind, the age of the oldest unsealed row grows and a working server opens the timeline by itself', async () => {
    const { file, ours } = await witnessed()
    await setCounterBack()
    const { id } = await ours.issue()
    const lag = async (): Promise<number> => (await createStatsReader(server().store.read)()).sealLagSeconds
    await server().database.passTime('2 minutes')
    expect(await lag()).toBeGreaterThan(100)
    const captured = captureLog()
    const run = createSealer(server().store, file, captured.log)
    await run()
    expect(captured.text()).toContain('the ticket counter of this database was set back: rows were written that cannot be sealed')
    const { id: later } = await ours.issue()
    const isSealed = async (entity: string): Promise<boolean> =>
      (await query('select 1 from activity_chain c join activity_log l using (seq) where l.entity_id = $1', [entity])).length > 0
    const deadline = performance.now() + 15_000
    while (!(await isSealed(later)) && performance.now() < deadline) await run()
    // Nothing distinguishes a row that was written behind the sealed rows from one that an intruder inserted there.
    expect([await isSealed(id), await isSealed(later)]).toEqual([false, true])
    expect(await verify(file, ours)).toMatchObject({ ok: false, firstBroken: { kind: 'inserted' } })
  })
})
