import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../platform/db/driver/client.ts'
import { readDbOn } from '../../platform/db/store.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { readLinks } from './chain.ts'
import { canonicalRow, GENESIS, linkHash } from './row.ts'
import { createSealer } from './sealer.ts'
import { verifyChain } from './verify.ts'
import type { Break } from './verify.ts'

const server = useServer()
const log = createLog('silent', false)
let ours: World
let theirs: World

/** Seals every committed row and records the heads. */
async function sealAndRecord(): Promise<void> {
  const seal = createSealer(server().store, server().heads, log)
  const deadline = performance.now() + 50_000
  for (;;) {
    await seal()
    const { rows } = await server().database.sql.query(
      'select 1 from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq) limit 1',
    )
    if (rows.length === 0) return
    if (performance.now() > deadline) throw new Error('some rows are not sealed')
    await delay(20)
  }
}

beforeAll(async () => {
  ours = await world(server())
  theirs = await world(server())
  for (let n = 0; n < 20; n += 1) {
    await theirs.issue()
    const { run, issue } = await ours.held()
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: `Comment "${n}" — \u00e9\u{1f600}` })
  }
  await sealAndRecord()
})

/** Returns pseudo-random numbers that are the same on every run. */
function seededRandom(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

interface SealedRow {
  readonly position: number
  readonly seq: number
}

/** A change that an intruder with access to the database makes. @returns the position where verification must find it */
type Tamper = (sql: Connection, sealedRows: readonly SealedRow[], roll: (sides: number) => number) => Promise<number>

const pickFrom = <T>(list: readonly T[], roll: (sides: number) => number): T => list[roll(list.length)] as T

const edits = [
  "action = action || 'x'",
  "actor_id = 'another actor'",
  "actor_type = case actor_type when 'user' then 'system' else 'user' end",
  'entity_id = gen_random_uuid()::text',
  "entity_type = 'goal'",
  'agent_id = gen_random_uuid()',
  'run_id = gen_random_uuid()',
  'id = gen_random_uuid()',
  "details = coalesce(details, '{}') || '{\"x\":1}'",
  "details = null, request_id = 'r'",
  "request_id = coalesce(request_id, '') || ' '",
  "created_at = created_at + interval '1 millisecond'",
  "created_at = created_at - interval '2000 years 6 months'",
  "created_at = 'infinity'",
  'txid = (txid::text::bigint + 1)::text::xid8',
  'company_id = gen_random_uuid()',
]

const tamperings: Readonly<Record<string, Tamper>> = {
  async edit(sql, sealedRows, roll) {
    const { position, seq } = pickFrom(sealedRows, roll)
    await sql.query(`update activity_log set ${pickFrom(edits, roll)} where seq = $1`, [seq])
    return position
  },
  async 'removed row'(sql, sealedRows, roll) {
    const { position, seq } = pickFrom(sealedRows, roll)
    await sql.query('delete from activity_log where seq = $1', [seq])
    return position
  },
  async 'removed link'(sql, sealedRows, roll) {
    const { position, seq } = pickFrom(sealedRows.slice(0, -1), roll)
    if (roll(2) === 0) await sql.query('delete from activity_log where seq = $1', [seq])
    await sql.query('delete from activity_chain where seq = $1', [seq])
    return position
  },
  async 'removed and closed up'(sql, sealedRows, roll) {
    const { position, seq } = pickFrom(sealedRows, roll)
    await sql.query('delete from activity_log where seq = $1', [seq])
    await sql.query('delete from activity_chain where seq = $1', [seq])
    const { id } = ours.company
    await sql.query('update activity_chain set position = -position where company_id = $1 and position > $2', [id, position])
    await sql.query('update activity_chain set position = -position - 1 where company_id = $1 and position < 0', [id])
    return position
  },
  async 'swapped rows'(sql, sealedRows, roll) {
    const at = roll(sealedRows.length - 1)
    const [a, b] = [sealedRows[at] as SealedRow, sealedRows[at + 1 + roll(sealedRows.length - at - 1)] as SealedRow]
    await sql.query(
      `update activity_log l set id = o.id, actor_type = o.actor_type, actor_id = o.actor_id, action = o.action, entity_type = o.entity_type,
         entity_id = o.entity_id, agent_id = o.agent_id, run_id = o.run_id, details = o.details, request_id = o.request_id, created_at = o.created_at
       from activity_log o where (l.seq = $1 and o.seq = $2) or (l.seq = $2 and o.seq = $1)`,
      [a.seq, b.seq],
    )
    return a.position
  },
  async 'swapped links'(sql, sealedRows, roll) {
    const at = roll(sealedRows.length - 1)
    const [a, b] = [sealedRows[at] as SealedRow, sealedRows[at + 1] as SealedRow]
    await sql.query('update activity_chain set position = -position where seq = any($1)', [[a.seq, b.seq]])
    await sql.query('update activity_chain set position = case seq when $1 then $4::bigint else $3::bigint end where seq in ($1, $2)', [
      a.seq,
      b.seq,
      a.position,
      b.position,
    ])
    return a.position
  },
  async 'inserted row'(sql, sealedRows, roll) {
    const { position, seq } = pickFrom(sealedRows, roll)
    await sql.query(
      `insert into activity_log (seq, company_id, actor_type, actor_id, action, entity_type, entity_id, details, txid)
       overriding system value select $2, company_id, 'user', 'local-board', 'issue.updated', 'issue', entity_id, '{}', txid
       from activity_log where seq = $1`,
      [seq, roll(2) === 0 ? -1 - roll(1_000_000) : '-9223372036854775808'],
    )
    // Rows of one transaction are in the order of their numbers, and a negative number comes first.
    const { rows } = await sql.query<SealedRow>(
      `select min(c.position) as position from activity_chain c where c.company_id = $2 and c.txid = (select txid from activity_log where seq = $1)`,
      [seq, ours.company.id],
    )
    return rows[0]?.position ?? position
  },
  async 'cut tail'(sql, sealedRows, roll) {
    const cut = sealedRows.slice(-1 - roll(sealedRows.length))
    const seqs = cut.map((sealedRow) => sealedRow.seq)
    if (roll(2) === 0) await sql.query('delete from activity_log where seq = any($1)', [seqs])
    await sql.query('delete from activity_chain where seq = any($1)', [seqs])
    return (cut[0] as SealedRow).position
  },
  async 'recomputed chain'(sql, sealedRows, roll) {
    const { position, seq } = pickFrom(sealedRows, roll)
    await sql.query("update activity_log set actor_id = 'another actor' where seq = $1", [seq])
    let previous = GENESIS
    const recomputed: { seqs: number[]; hashes: string[] } = { seqs: [], hashes: [] }
    for await (const link of readLinks(readDbOn(sql), ours.company.id, 1, sealedRows.length)) {
      if (link.seq === null) throw new Error('the row was only edited')
      const hash = linkHash(previous, link.position, canonicalRow(link))
      if (hash !== link.hash) {
        recomputed.seqs.push(link.linkSeq)
        recomputed.hashes.push(hash)
      }
      previous = hash
    }
    await sql.query(
      `update activity_chain c set hash = decode(n.hash, 'hex') from unnest($1::bigint[], $2::text[]) n (seq, hash) where c.seq = n.seq`,
      [recomputed.seqs, recomputed.hashes],
    )
    // Every link fits. Only a recorded head shows the change, and the first recorded head lies at the row or behind it.
    return -position
  },
}

describe('verifyChain', () => {
  test('It finds each of 1,000 random edits, removals, swaps, insertions and cut tails, and names where they begin', async () => {
    const roll = seededRandom(20_261_120)
    const sql = await server().database.sql.connect()
    const kinds = Object.entries(tamperings)
    const missed: string[] = []
    try {
      const { rows: sealedRows } = await sql.query<SealedRow>(
        'select position, seq from activity_chain where company_id = $1 order by position',
        [ours.company.id],
      )
      expect(sealedRows.length).toBeGreaterThan(100)
      const check = () => verifyChain(readDbOn(sql), ours.company.id, server().heads)
      await sql.query("begin; set local session_replication_role = 'replica'")
      expect(await check()).toMatchObject({ ok: true, sealedRows: sealedRows.length, unsealedRows: 0 })
      for (let n = 0; n < 1000; n += 1) {
        const [name, tamper] = kinds[n % kinds.length] as (typeof kinds)[number]
        await sql.query('savepoint before')
        const expected = await tamper(sql, sealedRows, roll)
        const { ok, firstBroken } = await check()
        const isNamed = firstBroken !== null && (expected < 0 ? firstBroken.position >= -expected : firstBroken.position === expected)
        if (ok || !isNamed) missed.push(`${name} at ${expected}: ${JSON.stringify(firstBroken)}`)
        await sql.query('rollback to savepoint before')
      }
      expect(await check()).toMatchObject({ ok: true })
    } finally {
      await sql.query('rollback')
      sql.release()
    }
    expect(missed).toEqual([])
  }, 180_000)

  /** Changes the sealed rows, verifies the chain, and rolls the change back. */
  async function brokenBy(change: string, ...params: unknown[]): Promise<Break | null> {
    const sql = await server().database.sql.connect()
    try {
      await sql.query("begin; set local session_replication_role = 'replica'")
      await sql.query(change, params)
      return (await verifyChain(readDbOn(sql), ours.company.id, server().heads)).firstBroken
    } finally {
      await sql.query('rollback')
      sql.release()
    }
  }

  test('It names the kind of change that it found', async () => {
    const { rows } = await server().database.sql.query<SealedRow & { id: string; action: string }>(
      'select c.position, c.seq, l.id, l.action from activity_chain c join activity_log l using (seq) where c.company_id = $1 and position = 7',
      [ours.company.id],
    )
    const [row] = rows
    expect(await brokenBy("update activity_log set actor_id = 'x' where seq = $1", row?.seq)).toEqual({ ...row, kind: 'edited' })
    expect(await brokenBy('delete from activity_log where seq = $1', row?.seq)).toEqual({ ...row, kind: 'removed', id: null, action: null })
    expect(await brokenBy('delete from activity_chain where seq = $1', row?.seq)).toEqual({
      position: 7,
      seq: null,
      kind: 'unlinked',
      id: null,
      action: null,
    })
    expect(await brokenBy('delete from activity_chain where company_id = $1 and position > 50', ours.company.id)).toMatchObject({
      position: 51,
    })
  })

  test('Verification and export are for the board only, and a company that does not exist is not found', async () => {
    const result = await server().board.get(`/api/companies/${ours.company.id}/activity/verify`)
    expect(result.status, result.text).toBe(200)
    expect(result.body).toMatchObject({ ok: true, companyId: ours.company.id, unsealedRows: 0, firstBroken: null })
    expect(result.body.notedHeads).toBeGreaterThan(0)
    const agent = await ours.agent()
    for (const what of ['verify', 'export']) {
      expect((await agent.client.get(`/api/companies/${ours.company.id}/activity/${what}`)).body).toMatchObject({ code: 'board_required' })
      const random = await server().board.get(`/api/companies/0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1/activity/${what}`)
      expect(random).toMatchObject({ status: 404, body: { error: 'Company not found' } })
    }
    await sealAndRecord()
  })

  test('It checks a range on request, and counts the rows that are not sealed yet', async () => {
    await ours.issue()
    const at = `/api/companies/${ours.company.id}/activity/verify`
    expect((await server().board.get(`${at}?from=10&to=20`)).body).toMatchObject({
      ok: true,
      checked: { from: 10, to: 20 },
      unsealedRows: 1,
    })
    expect((await server().board.get(`${at}?from=0`)).status).toBe(400)
    const sql = await server().database.sql.connect()
    try {
      await sql.query("begin; set local session_replication_role = 'replica'")
      await sql.query(
        "update activity_log set actor_id = 'x' where seq = (select seq from activity_chain where company_id = $1 and position = 15)",
        [ours.company.id],
      )
      const check = async (from: number, to: number) =>
        (await verifyChain(readDbOn(sql), ours.company.id, null, { from, to })).firstBroken?.position
      expect(await Promise.all([check(10, 14), check(15, 15), check(16, 99_999)])).toEqual([undefined, 15, undefined])
    } finally {
      await sql.query('rollback')
      sql.release()
    }
    await sealAndRecord()
  })

  test('Since a time it checks what follows the newest head that was recorded by then, whatever the database says of times', async () => {
    await sealAndRecord()
    const at = `/api/companies/${ours.company.id}/activity/verify`
    const before = (await server().board.get(at)).body
    const { rows: clock } = await server().database.sql.query<{ at: string }>('select clock_timestamp() as at')
    const since = clock[0]?.at ?? ''
    await ours.issue()
    await sealAndRecord()
    const position = Number(before.sealedRows)
    const after = (await server().board.get(`${at}?since=${since}`)).body
    expect(after).toMatchObject({ ok: true, checked: { from: position, to: after.sealedRows } })
    expect(after.sealedRows).toBeGreaterThan(position)
    expect((await server().board.get(`${at}?since=2020-01-01T00:00:00Z`)).body).toMatchObject({ ok: true, checked: { from: 1 } })
    expect((await server().board.get(`${at}?since=${since}&from=2`)).status).toBe(400)
    expect((await server().board.get(`${at}?since=yesterday`)).status).toBe(400)
    const sql = await server().database.sql.connect()
    const check = async () => (await verifyChain(readDbOn(sql), ours.company.id, server().heads, { since })).firstBroken
    const tamper = (text: string) =>
      sql.query(`${text} where seq = (select seq from activity_chain where company_id = $1 and position = $2)`, [
        ours.company.id,
        position + 1,
      ])
    try {
      await sql.query("begin; set local session_replication_role = 'replica'")
      await tamper("update activity_log set actor_id = 'x', created_at = '2000-01-01'")
      expect(await check()).toMatchObject({ kind: 'edited', position: position + 1 })
      await sql.query("rollback; begin; set local session_replication_role = 'replica'")
      await tamper('delete from activity_chain')
      expect(await check()).toMatchObject({ position: position + 1 })
    } finally {
      await sql.query('rollback')
      sql.release()
    }
  })

  test('A chain that was cut and has grown again is logged with the next head, and every later verification finds it', async () => {
    const lines: Record<string, unknown>[] = []
    const listening = createLog('error', false)
    Object.assign(listening, { error: (facts: Record<string, unknown>) => void lines.push(facts) })
    const { id } = theirs.company
    const seal = createSealer(server().store, server().heads, listening)
    await seal()
    const sql = await server().database.sql.connect()
    try {
      await sql.query("begin; set local session_replication_role = 'replica'")
      await sql.query(
        'delete from activity_log where seq = (select seq from activity_chain where company_id = $1 order by position desc limit 1)',
        [id],
      )
      await sql.query(
        'delete from activity_chain where (company_id, position) in (select company_id, max(position) from activity_chain where company_id = $1 group by 1)',
        [id],
      )
      await sql.query('commit')
    } finally {
      sql.release()
    }
    const cutAt = (await server().board.get(`/api/companies/${id}/activity/verify`)).body
    expect(cutAt).toMatchObject({ ok: false, firstBroken: { kind: 'cut', position: cutAt.sealedRows + 1 } })
    await theirs.issue()
    await theirs.issue()
    const deadline = performance.now() + 50_000
    while (lines.length === 0 && performance.now() < deadline) await seal()
    expect(lines).toEqual([{ companyId: id, position: cutAt.sealedRows + 1 }])
    const result = (await server().board.get(`/api/companies/${id}/activity/verify`)).body
    expect(result).toMatchObject({ ok: false, firstBroken: { kind: 'rewritten', position: cutAt.sealedRows + 1 } })
  })
})

describe('exportChain', () => {
  test('The exported lines can be checked without this server', async () => {
    await sealAndRecord()
    const answer = await fetch(`${server().url}/api/companies/${ours.company.id}/activity/export`)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    const lines = (await answer.text()).trimEnd().split('\n')
    const { head, publicKey } = JSON.parse(lines.pop() ?? '') as {
      publicKey: string
      head: { companyId: string; position: number; hash: string; at: string; signature: string }
    }
    let previous = '0'.repeat(64)
    for (const [index, line] of lines.entries()) {
      const { position, hash, row } = JSON.parse(line) as { position: number; hash: string; row: { companyId: string } }
      expect(position).toBe(index + 1)
      expect(row.companyId).toBe(ours.company.id)
      const text = line.slice(line.indexOf('"row":') + 6, -1)
      expect(createHash('sha256').update(`paperclip-activity-1\n${previous}\n${position}\n${text}`).digest('hex')).toBe(hash)
      previous = hash
    }
    expect(head).toMatchObject({ companyId: ours.company.id, position: lines.length, hash: previous })
    const signed = JSON.stringify(['paperclip-activity-head-1', head.companyId, head.position, head.hash, head.at, null, null])
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
    expect(verifySignature(null, Buffer.from(signed), key, Buffer.from(head.signature, 'base64'))).toBe(true)
    expect(((await stat(path.join(server().home, 'audit-key.pem'))).mode & 0o777).toString(8)).toBe('600')
  })

  test('An export goes on behind the last line that was received', async () => {
    await sealAndRecord()
    const path = `/api/companies/${ours.company.id}/activity/export`
    const linesOf = async (query: string) => (await (await fetch(`${server().url}${path}${query}`)).text()).trimEnd().split('\n')
    const all = await linesOf('')
    const rest = await linesOf('?from=11')
    expect(rest.slice(0, -1)).toEqual(all.slice(10, -1))
    expect(JSON.parse(rest.at(-1) ?? '')).toHaveProperty('head')
    expect((await server().board.get(`${path}?from=0`)).status).toBe(400)
  })

  test('A chain of many pages is exported completely and in order', async () => {
    await server().database.sql.query(
      `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
       select $1, 'system', 'test', 'issue.updated', 'issue', n::text, '{"a":1}' from generate_series(1, 2500) n`,
      [theirs.company.id],
    )
    await sealAndRecord()
    const text = await (await fetch(`${server().url}/api/companies/${theirs.company.id}/activity/export`)).text()
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { position?: number; head?: { position: number } })
    const last = lines.pop()
    expect(lines.map(({ position }) => position)).toEqual(Array.from(lines, (_, index) => index + 1))
    expect(last?.head?.position).toBe(lines.length)
    expect(lines.length).toBeGreaterThan(2500)
  })
})

describe('canonicalRow', () => {
  test('The text of a row has every column of the log', async () => {
    const { rows } = await server().database.sql.query<{ name: string }>(
      "select column_name as name from information_schema.columns where table_name = 'activity_log'",
    )
    const { value: link } = await readLinks(server().store.read, ours.company.id, 1, 1).next()
    const camel = rows.map(({ name }) => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()))
    if (!link || link.seq === null) throw new Error('the chain is empty')
    expect(Object.keys(JSON.parse(canonicalRow(link)) as object).toSorted()).toEqual(camel.toSorted())
  })

  test('The text does not depend on how Postgres spaces and escapes JSON, and keeps every digit of a number', () => {
    const row = { seq: '1', id: 'i', companyId: 'c', actorType: 'user', actorId: 'a', action: 'x', entityType: 'e', entityId: 'f' }
    const rest = { agentId: null, runId: null, requestId: null, txid: '9', createdAt: '2026-11-20T04:04:29.902000Z' }
    const text = (details: string): string => canonicalRow({ ...row, ...rest, details })
    expect(text('{"a": [1, 2.50], "b": "x y\\u00e9\\/"}')).toBe(text('{"a":[1,2.50],"b":"x yé/"}'))
    expect(text('{"a": 12345678901234567890.10}')).toContain('"details":{"a":12345678901234567890.10}')
    expect(text('{"a": "1  2"}')).not.toBe(text('{"a": "1 2"}'))
  })
})
