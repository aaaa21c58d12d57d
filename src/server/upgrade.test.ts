import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { migrateAsTheRelease, releaseFixture, restoreRows, writeReleaseFiles } from '../dev/testing/releaseHome.ts'
import { makeHome, pollFor, removeHome, send } from '../dev/testing/serverProcess.ts'
import type { Reply } from '../dev/testing/serverProcess.ts'
import { openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import { migrateOnce } from '../platform/db/migrate.ts'
import { createLog } from '../platform/kernel/log.ts'
import { readConfig } from './config.ts'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

const SLOW_MS = 180_000

const { facts } = releaseFixture

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
  writeReleaseFiles(home)

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
  const secret = (releaseFixture.files['agent-jwt-secret'] ?? '').trim()
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
    // The server may have queued another one by now, because the issue stands still.
    const [ended, ...more] = runs.filter(({ status }: { status: string }) => status === 'succeeded')
    expect(more).toEqual([])
    const log = await ask('GET', `/heartbeat-runs/${ended.runId}/log`)
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
