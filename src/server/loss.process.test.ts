import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool } from '../platform/db/driver/client.ts'
import { startEmbedded } from '../platform/embedded/index.ts'
import type { EmbeddedPostgres } from '../platform/embedded/index.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import {
  makeHome,
  postgresProcessesUnder,
  removeHome,
  send,
  signalAll,
  spawnServerProcess,
  pollFor,
  databaseEnvOf,
} from '../dev/testing/serverProcess.ts'
import type { ServerProcess, Reply } from '../dev/testing/serverProcess.ts'
import { isInTime, onThisMachine } from '../dev/testing/slowness.ts'

const SLOW_MS = 180_000
/** "Within a second", plus what a suite that shares two cores adds to it. */
const SECOND_MS = 1500
/** Between the requests of an outage: the number of lines does not depend on theirs, and dozens come. */
const BETWEEN_MS = 50
/** How long backends are terminated under load, once in 150 ms. */
const TERMINATING_MS = isFullCheck ? 2500 : 1000

let home = ''
let postgres: EmbeddedPostgres
let server: ServerProcess
let url = ''
let companyId = ''
let issueId = ''

const notDurable = { durable: false } as const

beforeAll(async () => {
  home = makeHome()
  postgres = await startEmbedded({ home: path.join(home, 'elsewhere'), ...notDurable })
  server = spawnServerProcess({ home, env: databaseEnvOf(postgres.connection, postgres.ownerConnection) })
  url = await server.url()
  companyId = (await send(`${url}/api/companies`, 'POST', { name: 'Sturdy Works' })).body.id
  issueId = (await send(`${url}/api/companies/${companyId}/issues`, 'POST', { title: 'One', status: 'todo' })).body.id
}, SLOW_MS)

afterAll(async () => {
  const ended = await server.stop()
  await postgres.stop()
  await removeHome(home)
  expect(ended).toEqual({ code: 0, signal: null })
}, SLOW_MS)

/** Sends a health check, a read and two writes. */
const sendOneOfEach = (): Promise<Reply[]> =>
  Promise.all([
    send(`${url}/api/health`),
    send(`${url}/api/companies`),
    send(`${url}/api/issues/${issueId}`, 'PATCH', { title: 'Another' }),
    send(`${url}/api/companies/${companyId}/issues`, 'POST', { title: 'Two' }),
  ])

function expectUnavailable(replies: readonly Reply[]): void {
  for (const { status, ms, body, retryAfter } of replies) {
    expect({ status, retryAfter, code: body.code }).toEqual({ status: 503, retryAfter: '1', code: 'unavailable' })
    expect(isInTime(ms, SECOND_MS), `an answer took ${ms} ms`).toBe(true)
  }
  expect(replies[0]?.body).toMatchObject({ status: 'unhealthy', error: 'database_unreachable' })
}

const untilServing = (): Promise<unknown> =>
  pollFor('the server serves again', async () => (await sendOneOfEach()).every(({ status }) => status < 300))

describe('a server whose database is lost and returns', { timeout: SLOW_MS }, () => {
  test('An outage is one line at its beginning and one at its end, however many requests and tasks fail meanwhile (K47)', async () => {
    const before = server.lines.length
    await postgres.stop()
    expectUnavailable(await sendOneOfEach())
    await server.waitForLog('the database does not answer: requests are refused until it does')
    // Twice the retry of a periodic task, and longer than the reaper's.
    for (const stopAt = performance.now() + 2000; performance.now() < stopAt; await sleep(BETWEEN_MS))
      expectUnavailable(await sendOneOfEach())
    postgres = await startEmbedded({ home: path.join(home, 'elsewhere'), ...notDurable })
    await untilServing()
    await server.waitForLog('the database answers again')
    const said = server.lines.slice(before).filter(({ level, msg }) => Number(level) >= 40 || msg?.startsWith('the database'))
    expect(said.map(({ level, msg }) => [level, msg])).toEqual([
      [50, 'the database does not answer: requests are refused until it does'],
      [30, 'the database answers again'],
    ])
  })

  test('While Postgres is stopped, requests get 503 with Retry-After within a second; after its start the same server serves', async () => {
    await postgres.stop()
    expectUnavailable(await sendOneOfEach())
    expectUnavailable(await sendOneOfEach())
    expect((await send(`${url}/livez`)).status).toBe(200)
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 503, body: { missing: ['database'] } })
    postgres = await startEmbedded({ home: path.join(home, 'elsewhere'), ...notDurable })
    await untilServing()
  })

  test('While Postgres is frozen, requests get 503 in about a second and later ones at once; afterwards the same server serves', async () => {
    await sendOneOfEach()
    const frozen = postgresProcessesUnder(home)
    signalAll(frozen, 'SIGSTOP')
    try {
      expectUnavailable(await sendOneOfEach())
      await server.waitForLog('the database does not answer: requests are refused until it does')
      const after = await sendOneOfEach()
      expectUnavailable(after)
      expect(Math.max(...after.map(({ ms }) => ms))).toBeLessThan(onThisMachine(300))
    } finally {
      signalAll(frozen, 'SIGCONT')
    }
    await untilServing()
    // The frozen backends may still execute what they received before. No client waits for those results, and no company was added.
    expect((await send(`${url}/api/companies`)).body).toHaveLength(1)
  })

  test('A request that waits seconds for a row lock is not treated as an unresponsive database', async () => {
    const sql = openPool({ ...postgres.ownerConnection, max: 1 })
    const locker = await sql.connect()
    await locker.query('begin')
    await locker.query('select from issues where id = $1 for update', [issueId])
    const waiting = send(`${url}/api/issues/${issueId}`, 'PATCH', { title: 'Patient' })
    // Only time can show that the watchdog does not act: it would act after 1 s without an answer, and again after 2 s.
    await sleep(2500)
    expect((await send(`${url}/api/health`)).status).toBe(200)
    await locker.query('rollback')
    locker.release()
    await sql.end()
    const answered = await waiting
    expect(answered).toMatchObject({ status: 200, body: { title: 'Patient' } })
    expect(answered.ms).toBeGreaterThan(2400)
  })

  test('While every backend is terminated repeatedly under load, each request gets its answer or 503', async () => {
    const sql = openPool({ ...postgres.ownerConnection, max: 1, application_name: 'terminator' })
    const replies: Reply[] = []
    // The clients send and the backends are terminated, some 7 times, and on a busy machine until one has met a request.
    const beganAt = performance.now()
    const isOver = (): boolean => {
      const ms = performance.now() - beganAt
      return ms > 30_000 || (ms > TERMINATING_MS && replies.some(({ status }) => status === 503))
    }
    const clients = Array.from({ length: 12 }, async (_, index) => {
      while (!isOver()) {
        const kind = index % 3
        if (kind === 0) replies.push(await send(`${url}/api/companies/${companyId}/issues`))
        else if (kind === 1) replies.push(await send(`${url}/api/companies/${companyId}/issues`, 'POST', { title: `From ${index}` }))
        else replies.push(await send(`${url}/api/issues/${issueId}`, 'PATCH', { title: `By ${index}` }))
      }
    })
    while (!isOver()) {
      await sql.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'paperclip-server'")
      await sleep(150)
    }
    await Promise.all(clients)
    await sql.end()
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 201, 503]))
    for (const { status, retryAfter } of replies) expect(retryAfter).toBe(status === 503 ? '1' : null)
    expect(Math.max(...replies.map(({ ms }) => ms))).toBeLessThan(onThisMachine(5000))
    await untilServing()
    expect(server.lines.filter((line) => line.msg === 'unhandled error')).toEqual([])
  })
})

test('An embedded Postgres that is killed is started again, and the server serves again', { timeout: SLOW_MS }, async () => {
  const own = makeHome()
  const embedded = spawnServerProcess({ home: await fillHome(own) })
  const at = await embedded.url()
  try {
    expect((await send(`${at}/api/companies`, 'POST', { name: 'Reborn Works' })).status).toBe(201)
    const pid = Number.parseInt(readFileSync(path.join(embedded.home, 'postgres/postmaster.pid'), 'utf8'), 10)
    process.kill(pid, 'SIGKILL')
    await embedded.waitForLog('Postgres runs again')
    const found = await pollFor('it serves again', async () => {
      const reply = await send(`${at}/api/companies`)
      expect([200, 503]).toContain(reply.status)
      return reply.status === 200 && reply
    })
    expect(found.body).toMatchObject([{ name: 'Reborn Works' }])
    expect(await embedded.stop()).toEqual({ code: 0, signal: null })
  } finally {
    await embedded.kill()
    await removeHome(own)
  }
})
