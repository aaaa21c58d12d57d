import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import {
  canStartAsOrdinary,
  databaseEnvOf,
  makeHome,
  ordinaryAccount,
  pollFor,
  postgresProcessesUnder,
  processGroup,
  removeHome,
  send,
  spawnServerProcess,
  temporaryHome,
} from '../dev/testing/serverProcess.ts'
import type { ServerProcess, ServerProcessOptions } from '../dev/testing/serverProcess.ts'
import { openRuns, takeAndReturn } from '../dev/testing/checkoutLoad.ts'

const SLOW_MS = 180_000

/** The workers of a server: the children of its process that run the program again. */
function workersOf({ pid }: ServerProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((text) => text !== '')
  return children.map(Number).filter((child) => commandOf(child).includes('--enable-source-maps'))
}

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

const start = (home: string, env: Readonly<Record<string, string>>, options: Partial<ServerProcessOptions> = {}) =>
  spawnServerProcess({ home, env: { PAPERCLIP_WORKERS: '2', ...env }, ...options })

/** Three processes start one after the other: on a busy machine that takes longer than one wait. */
async function urlOf(server: ServerProcess): Promise<string> {
  return await server.url().catch(() => server.url().catch(() => server.url()))
}

/** How many requests of a route each worker has answered, by its number. */
async function answeredBy(url: string, route = '/api/health'): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const samples = [...text.matchAll(/^paperclip_http_requests_total\{(.*)\} (\d+)$/gm)]
    .filter(([, labels = '']) => labels.includes(`route="${route}"`))
    .map(([, labels = '', count = '']) => ['', /worker="(\d+)"/.exec(labels)?.[1] ?? '', count])
  return Object.fromEntries(samples.map(([, worker = '', count = '']) => [worker, Number(count)]))
}

/** A request on a connection of its own. */
const askOnce = (url: string) => fetch(`${url}/api/health`, { headers: { connection: 'close' } })

// Their database is one of the test's cluster: to make one for each of them would take most of the time.
describe('a server of several workers', { timeout: SLOW_MS }, () => {
  let home = ''
  let database: TestDatabase
  let server: ServerProcess
  let url = ''

  beforeAll(async () => {
    home = makeHome()
    database = await cloneDatabase()
    server = start(home, databaseEnvOf(database.connection, database.owner))
    url = await urlOf(server)
  }, SLOW_MS)

  afterAll(async () => {
    await server.kill()
    await database.drop()
    await removeHome(home)
  }, SLOW_MS)

  test('All of them serve on one port, and the metrics name each (K46)', async () => {
    expect(server.lines.find(({ msg }) => msg === 'listening')).toMatchObject({ workers: 2 })
    let asked = 0
    // A worker that is free takes a connection, so many at once reach both.
    const answered = await pollFor('both have answered', async () => {
      const answers = await Promise.all(Array.from({ length: 16 }, () => askOnce(url)))
      asked += answers.filter(({ status }) => status === 200).length
      const counts = await answeredBy(url)
      return Object.keys(counts).length === 2 && counts
    })
    expect(Object.keys(answered).toSorted()).toEqual(['1', '2'])
    expect(Object.values(answered).reduce((sum, count) => sum + count, 0)).toBe(asked)
    const page = await (await fetch(`${url}/metrics`)).text()
    expect(page.match(/^paperclip_database_up 1$/gm)).toHaveLength(1)
    expect(page.match(/^paperclip_holds\{/gm)).toHaveLength(2)
    expect(page.match(/^# TYPE paperclip_http_requests_total /gm)).toHaveLength(1)
  })

  test('A link of the board that one worker made lets a browser in at any of them, once', async () => {
    const token = readFileSync(path.join(server.home, 'board-token'), 'utf8').trim()
    const { path: link } = (await send(`${url}/api/board/links`, 'POST', {}, token)).body as { path: string }
    const signIns = await Promise.all(
      Array.from({ length: 6 }, () => fetch(url + link, { redirect: 'manual', headers: { connection: 'close' } })),
    )
    expect(signIns.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([303, 401, 401, 401, 401, 401])
  })

  test('An event of one worker reaches those who follow another', async () => {
    const { id } = (await send(`${url}/api/companies`, 'POST', { name: 'Acme' })).body as { id: string }
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(`${url.replace('http', 'ws')}/api/companies/${id}/events/ws`)))
    const seen = sockets.map((socket) => new Promise<void>((resolve) => void socket.once('message', () => resolve())))
    await send(`${url}/api/companies/${id}/issues`, 'POST', { title: 'Look' })
    await Promise.all(seen)
    for (const socket of sockets) socket.terminate()
  })

  test('A worker that is killed under load takes its own requests with it and no other, and another one takes its place (I3)', async () => {
    const { companyId, runs } = await openRuns(url, 4)
    const loads = await Promise.all(runs.map((run) => takeAndReturn(url, companyId, run)))
    const kills = isFullCheck ? 5 : 1
    for (let kill = 0; kill < kills; kill += 1) {
      const before = loads.map(({ done }) => done())
      await pollFor('every client has worked', () => loads.every(({ done }, at) => done() > (before[at] ?? 0) + 3))
      const workers = workersOf(server)
      expect(workers).toHaveLength(2)
      process.kill(workers[kill % 2] as number, 'SIGKILL')
      await pollFor('it serves again', () => server.lines.filter(({ msg }) => msg === 'a worker serves again').length > kill)
    }
    // One request of each client can have been on a socket of the worker that died.
    for (const { lost, refused } of await Promise.all(loads.map((load) => load.stop()))) {
      expect(lost).toBeLessThanOrEqual(kills)
      expect(refused).toEqual([])
    }
    expect(server.lines.find(({ msg }) => msg === 'a worker ended; it is started again')).toMatchObject({ how: 'signal SIGKILL' })
    expect((await send(`${url}/api/companies/${companyId}/activity/verify`)).body).toMatchObject({ ok: true })
  })

  test('SIGTERM lets each worker answer what it has begun, and leaves no process', async () => {
    await pollFor('both workers serve', () => workersOf(server).length === 2)
    const begun = await Promise.all([1, 2].map(() => beginRequest(url, '/api/companies', { name: 'Acme' })))
    const stopping = server.stop()
    await server.waitForLog('stopping')
    expect(await Promise.all(begun.map((finish) => finish()))).toEqual([201, 201])
    expect(await stopping).toEqual({ code: 0, signal: null })
    expect(processGroup(server.pid)).toEqual([])
  })
})

const isOrdinary = canStartAsOrdinary()

describe('a server of several workers with the embedded Postgres', { timeout: SLOW_MS }, () => {
  let home = ''
  let server: ServerProcess

  beforeAll(async () => {
    home = makeHome()
    const options = isOrdinary ? { account: ordinaryAccount } : {}
    await fillHome(home, options.account)
    server = start(home, isOrdinary ? { PAPERCLIP_AGENT_ISOLATION: 'none' } : {}, options)
    await urlOf(server)
  }, SLOW_MS)

  afterAll(async () => {
    await server.kill()
    await removeHome(home)
  }, SLOW_MS)

  test.skipIf(!isOrdinary)('A process of a run is refused without its token by every worker, whichever supervises it (T1)', async () => {
    const url = await urlOf(server)
    const file = path.join(home, 'statuses')
    const script = `
      const ask = () => fetch('${url}/api/cli-auth/me', { headers: { connection: 'close' } }).then(({ status }) => status)
      const statuses = []
      for (let at = 0; at < 12; at += 1) statuses.push(...await Promise.all(Array.from({ length: 8 }, ask)))
      require('node:fs').writeFileSync('${file}', statuses.join(' '))`
    const args = ['-i', process.execPath, '-e', `(async () => {${script}})()`]
    const { id } = (await send(`${url}/api/companies`, 'POST', { name: 'Acme' })).body as { id: string }
    const adapter = { adapterType: 'process', adapterConfig: { command: '/usr/bin/env', args } }
    const agent = (await send(`${url}/api/companies/${id}/agents`, 'POST', { name: 'Bold', role: 'engineer', ...adapter })).body as {
      id: string
    }
    await send(`${url}/api/companies/${id}/issues`, 'POST', { title: 'Work', status: 'todo', assigneeAgentId: agent.id })
    const statuses = await pollFor('the agent has asked', () => existsSync(file) && readFileSync(file, 'utf8'))
    expect(statuses).toBe(Array(96).fill('401').join(' '))
    const answered = await answeredBy(url, '/api/cli-auth/me')
    expect(Object.values(answered).reduce((sum, count) => sum + count, 0)).toBe(96)
    expect(Object.keys(answered)).toHaveLength(2)
  })

  test('No process is left when the one that started the workers is killed', async () => {
    expect(workersOf(server)).toHaveLength(2)
    process.kill(server.pid, 'SIGKILL')
    await server.exited
    await pollFor('no worker', () => processGroup(server.pid).length === 0)
    await pollFor('no Postgres', () => postgresProcessesUnder(server.home).length === 0)
  })

  test('An address that this machine does not have ends the start before there is a worker', async () => {
    const lost = start(temporaryHome(), { HOST: '203.0.113.1' })
    onTestFinished(() => lost.kill())
    expect((await lost.exited).code).toBe(1)
    expect(lost.stderr()).toContain('HOST: this machine has no address for 203.0.113.1:0')
    expect(processGroup(lost.pid)).toEqual([])
  })
})

/** Sends the head of a request, and its body when the function is called. @returns a function that gives the status of the answer */
async function beginRequest(url: string, target: string, body: unknown): Promise<() => Promise<number>> {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': text.length, expect: '100-continue' }
  const asking = request(url + target, { method: 'POST', agent: false, headers })
  const answered = once(asking, 'response') as Promise<[IncomingMessage]>
  asking.flushHeaders()
  await once(asking, 'continue')
  return async () => {
    asking.end(text)
    const [answer] = await answered
    answer.resume()
    return answer.statusCode ?? 0
  }
}

const openSocket = (url: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })
