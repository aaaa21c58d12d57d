import { randomBytes } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { makeHome, pollFor, removeHome, send } from '../dev/testing/serverProcess.ts'
import type { Reply } from '../dev/testing/serverProcess.ts'
import { drizzleOn, openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import { migrateOnce } from '../platform/db/migrate.ts'
import { createLog } from '../platform/kernel/log.ts'
import { readConfig } from './config.ts'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

/**
 * A home as release d4ff285 left it while it ran: every row as the text that Postgres printed, and the files of the home
 * but Postgres's own. Its keys were made for this file and protect nothing. The first line describes the home, each
 * further line is one row.
 */
const FIXTURE = new URL('./fixtures/home-d4ff285.ndjson', import.meta.url)
const SLOW_MS = 40_000

interface Fixture {
  /** The migrations that the release knew, by name. */
  readonly migrations: readonly string[]
  /** No transaction of the release had this id or a higher one. */
  readonly nextTxid: string
  readonly sequences: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
  readonly facts: {
    readonly companyId: string
    /** Agents that run elsewhere, with their API keys. */
    readonly pilot: { readonly id: string; readonly key: string }
    readonly mate: { readonly id: string; readonly key: string }
    readonly clerkIssueId: string
    readonly heldIssueId: string
    readonly freeIssueId: string
    readonly queuedIssueId: string
    readonly liveRunId: string
    readonly queuedRunId: string
    readonly approvalId: string
    readonly sealedRows: number
    readonly recordedHeads: number
    readonly headHash: string
  }
}

interface FixtureRow {
  readonly table: string
  readonly row: Readonly<Record<string, string | null>>
}

const [header = '', ...lines] = readFileSync(FIXTURE, 'utf8').trimEnd().split('\n')
const fixture = JSON.parse(header) as Fixture
const { facts } = fixture
const rows = lines.map((line) => JSON.parse(line) as FixtureRow)

const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Brings an empty database to the schema of the release: applies its migrations and none that came later. */
async function migrateAsTheRelease(pool: Pool, home: string): Promise<void> {
  const folder = path.join(home, 'migrations')
  cpSync(migrationsFolder, folder, { recursive: true })
  const journalFile = path.join(folder, 'meta', '_journal.json')
  const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as { entries: { tag: string }[] }
  const entries = journal.entries.filter(({ tag }) => fixture.migrations.includes(tag))
  expect(entries.map(({ tag }) => tag)).toEqual(fixture.migrations)
  writeFileSync(journalFile, JSON.stringify({ ...journal, entries }))
  const connection = await pool.connect()
  await migrate(drizzleOn(connection), { migrationsFolder: folder })
  connection.release(true)
}

const quoted = (name: string): string => `"${name}"`

/** Inserts the rows as they were. Triggers and foreign keys stay out of it, as in a restore of a dump. */
async function restoreRows(pool: Pool): Promise<void> {
  const connection = await pool.connect()
  await connection.query("set session_replication_role = 'replica'")
  for (const { table, row } of rows) {
    const columns = Object.keys(row)
    const places = columns.map((_, index) => `$${index + 1}`)
    await connection.query(
      `insert into ${quoted(table)} (${columns.map(quoted).join()}) overriding system value values (${places.join()})`,
      Object.values(row),
    )
  }
  for (const [name, value] of Object.entries(fixture.sequences)) await connection.query('select setval($1::regclass, $2)', [name, value])
  // Time has passed since the fixture was made, and its runs are to be as live as they were then.
  await connection.query("update heartbeat_runs set lease_expires_at = now() + interval '1 hour' where finished_at is null")
  // The transactions of the fixture lie in the past of this cluster, as they do in the cluster that made them.
  await connection.query(`do $$ begin while pg_current_xact_id()::text::bigint < ${Number(fixture.nextTxid)} loop commit; end loop; end $$`)
  connection.release(true)
}

let home = ''
let admin: Pool
let connection: ConnectionOptions & { readonly database: string }
let server: RunningServer

beforeAll(async () => {
  home = makeHome()
  const cluster = inject('cluster')
  connection = { ...cluster, database: `upgrade_${randomBytes(6).toString('hex')}` }
  admin = openPool({ ...cluster, database: 'postgres', max: 1 })
  await admin.query(`create database ${connection.database}`)
  const pool = openPool({ ...connection, max: 1, query_timeout: 0 })
  await migrateAsTheRelease(pool, home)
  await restoreRows(pool)
  await pool.end()
  for (const [name, content] of Object.entries(fixture.files)) writeFileSync(path.join(home, name), content, { mode: 0o600 })

  // From here on as the program does at its start: later migrations first, then the server.
  await migrateOnce(
    { application: { ...inject('application'), database: connection.database }, owner: connection },
    new AbortController().signal,
  )
  const keepEverything = { PAPERCLIP_KEEP_LOG_DAYS: '0', PAPERCLIP_KEEP_WAKE_DAYS: '0', PAPERCLIP_KEEP_RUN_DAYS: '0' }
  const read = readConfig({ PORT: '0', PAPERCLIP_HOME: home, PAPERCLIP_ADAPTERS: '', ...keepEverything })
  if (!('config' in read)) throw new Error(read.problems.join())
  server = await startServer(read.config, { ...inject('application'), database: connection.database }, createLog('silent', false))
}, SLOW_MS)

afterAll(async () => {
  await server.stop()
  await admin.query(`drop database ${connection.database} with (force)`)
  await admin.end()
  await removeHome(home)
}, SLOW_MS)

const ask = (method: string, url: string, body?: unknown, token?: string): Promise<Reply> =>
  send(`${server.url}/api${url}`, method, body, token)

/** The token of the live run, with the claims that the release signed. */
async function liveRunToken(): Promise<string> {
  const secret = (fixture.files['agent-jwt-secret'] ?? '').trim()
  const issuedAt = Math.floor(Date.now() / 1000)
  return await new SignJWT({ company_id: facts.companyId, adapter_type: 'process', run_id: facts.liveRunId })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(facts.pilot.id)
    .setIssuer('paperclip')
    .setAudience('paperclip-api')
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 172_800)
    .sign(new TextEncoder().encode(secret))
}

describe('a server on a home that release d4ff285 made', { timeout: SLOW_MS }, () => {
  test('It verifies the audit chain whole, against the heads that the release recorded', async () => {
    const verified = await ask('GET', `/companies/${facts.companyId}/activity/verify?to=${facts.sealedRows}`)
    expect(verified).toMatchObject({ status: 200, body: { ok: true, firstBroken: null, checked: { from: 1, to: facts.sealedRows } } })
    expect(verified.body.notedHeads).toBeGreaterThanOrEqual(facts.recordedHeads)
    const exported = await (await fetch(`${server.url}/api/companies/${facts.companyId}/activity/export`)).text()
    const sealed = JSON.parse(exported.split('\n')[facts.sealedRows - 1] ?? '') as unknown
    expect(sealed).toMatchObject({ position: facts.sealedRows, hash: facts.headHash })
  })

  test('Agents of before go on as they were until isolation has all they need, and a new one is isolated from the start', async () => {
    const pool = openPool({ ...connection, max: 1 })
    const isolations = async () => (await pool.query('select isolation, count(*)::int as agents from agents group by 1 order by 1')).rows
    const before = await isolations()
    expect(before.map(({ isolation }) => isolation)).toEqual(['pending'])
    const created = await ask('POST', `/companies/${facts.companyId}/agents`, { name: 'New', role: 'engineer' })
    expect((await isolations())[1]).toEqual({ isolation: 'required', agents: 1 })
    await ask('DELETE', `/agents/${created.body.id}`)
    await pool.end()
  })

  test('It serves the log of a run that ended before the upgrade', async () => {
    const { body: runs } = await ask('GET', `/issues/${facts.clerkIssueId}/runs`)
    expect(runs).toMatchObject([{ status: 'succeeded' }])
    const log = await ask('GET', `/heartbeat-runs/${runs[0].runId}/log`)
    expect(log.body.content).toContain('naïve “quotes”')
  })

  test('The live run renews its lease with its token, finishes, and frees the issue that it held', async () => {
    const token = await liveRunToken()
    const held = await ask('GET', `/issues/${facts.heldIssueId}`)
    expect(held.body).toMatchObject({ status: 'in_progress', checkoutRunId: facts.liveRunId })
    const heartbeat = await ask('POST', `/heartbeat-runs/${facts.liveRunId}/heartbeat`, {}, token)
    expect(heartbeat.status, JSON.stringify(heartbeat.body)).toBe(200)
    const comment = await ask('POST', `/issues/${facts.heldIssueId}/comments`, { body: 'Moored.' }, token)
    expect(comment.status, JSON.stringify(comment.body)).toBe(201)
    const finished = await ask('POST', `/heartbeat-runs/${facts.liveRunId}/finish`, { status: 'succeeded' }, token)
    expect(finished.status, JSON.stringify(finished.body)).toBe(200)
    expect((await ask('GET', `/issues/${facts.heldIssueId}`)).body).toMatchObject({ checkoutRunId: null, executionRunId: null })
    expect((await ask('POST', `/heartbeat-runs/${facts.liveRunId}/heartbeat`, {}, token)).status).toBeGreaterThanOrEqual(400)
  })

  test('The queued run starts when its agent opens a run for the same issue, and takes the issue', async () => {
    const { id, key } = facts.mate
    const opened = await ask('POST', `/agents/${id}/runs`, { issueId: facts.queuedIssueId }, key)
    expect(opened).toMatchObject({ status: 201, body: { run: { id: facts.queuedRunId, status: 'running' } } })
    const order = { agentId: id, expectedStatuses: ['todo'] }
    const taken = await ask('POST', `/issues/${facts.queuedIssueId}/checkout`, order, opened.body.token)
    expect(taken).toMatchObject({ status: 200, body: { checkoutRunId: facts.queuedRunId } })
    expect((await ask('POST', `/heartbeat-runs/${facts.queuedRunId}/cancel`, {})).status).toBe(200)
    expect((await ask('GET', `/issues/${facts.queuedIssueId}`)).body).toMatchObject({ checkoutRunId: null })
  })

  test('A new run checks out an issue that was free', async () => {
    const { id, key } = facts.pilot
    const opened = await ask('POST', `/agents/${id}/runs`, {}, key)
    expect(opened.status).toBe(201)
    const order = { agentId: id, expectedStatuses: ['todo'] }
    const taken = await ask('POST', `/issues/${facts.freeIssueId}/checkout`, order, opened.body.token)
    expect(taken).toMatchObject({ status: 200, body: { status: 'in_progress', checkoutRunId: opened.body.run.id } })
  })

  test('A pending approval is approved, and the agent that it hires exists', async () => {
    expect((await ask('POST', `/approvals/${facts.approvalId}/approve`, {})).body).toMatchObject({ status: 'approved' })
    const { body: agents } = await ask('GET', `/companies/${facts.companyId}/agents`)
    expect(agents.map(({ name }: { name: string }) => name)).toContain('Stoker')
  })

  test('New audit rows are sealed behind the rows of the release, in one chain that verifies whole', async () => {
    const { body: verification } = await pollFor('every audit row is sealed', async () => {
      const reply = await ask('GET', `/companies/${facts.companyId}/activity/verify`)
      return reply.body.unsealedRows === 0 && reply
    })
    expect(verification).toMatchObject({ ok: true, firstBroken: null })
    expect(verification.sealedRows).toBeGreaterThan(facts.sealedRows)
  })
})
