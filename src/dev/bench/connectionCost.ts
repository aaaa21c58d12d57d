import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApiClient } from './apiClient.ts'
import type { ApiClient } from './apiClient.ts'
import { startChild, startFlags, stopChild, thisCheckout } from './children.ts'
import { median } from './load.ts'
import { cpuMs } from './processes.ts'

// `npm run bench -- --connections`: what it costs a request to be the board without a credential. The server then finds out
// once per connection which process is at the other end, and a command line opens a connection for each request. The
// measure is the server's processor time beside that of the same request with a credential, on a connection of its own.

const TURNS = 5
const REQUESTS_PER_TURN = 400
const LIVE_RUNS = 8
const POLL_MS = 50

interface Case {
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly keepAlive: boolean
}

/** Sends one request. @throws on any status but 200 */
function get(
  port: number,
  target: string,
  { headers, agent }: { headers: Readonly<Record<string, string>>; agent: http.Agent },
): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: target, headers, agent }, (response) => {
        response.resume()
        response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${target}: ${response.statusCode}`))))
      })
      .on('error', reject)
  })
}

/** Processor time of the server for one request, in microseconds. */
async function costOf(
  server: { readonly port: number; readonly pid: number },
  target: string,
  { headers, keepAlive }: Case,
): Promise<number> {
  const agent = new http.Agent({ keepAlive, maxSockets: 4 })
  const before = cpuMs(server.pid)
  for (let sent = 0; sent < REQUESTS_PER_TURN; sent += 4)
    await Promise.all([1, 2, 3, 4].map(() => get(server.port, target, { headers, agent })))
  const spent = cpuMs(server.pid) - before
  agent.destroy()
  return (spent * 1000) / REQUESTS_PER_TURN
}

async function measure(server: { readonly port: number; readonly pid: number }, target: string, cases: readonly Case[]): Promise<void> {
  const costs = new Map(cases.map(({ name }) => [name, [] as number[]]))
  for (let turn = 0; turn <= TURNS; turn += 1)
    for (const each of cases) {
      const cost = await costOf(server, target, each)
      // The first turn warms up.
      if (turn > 0) costs.get(each.name)?.push(cost)
    }
  const floor = median(costs.get(cases[0]?.name ?? '') ?? [])
  for (const [name, values] of costs)
    process.stdout.write(`${name.padEnd(48)} ${median(values).toFixed(0).padStart(6)} us   ${(median(values) / floor).toFixed(2)}\n`)
}

/** Starts runs of processes that only wait, and waits until they run. */
async function startRuns(api: ApiClient, companyId: string): Promise<void> {
  for (let index = 0; index < LIVE_RUNS; index += 1) {
    const adapterConfig = { command: 'sleep', args: ['600'] }
    const agent = await api.post(`/api/companies/${companyId}/agents`, { name: `Sleeper ${index}`, adapterType: 'process', adapterConfig })
    const run = await api.post(`/api/agents/${String(agent['id'])}/heartbeat/invoke`, {})
    for (;;) {
      const { status, processPid } = await api.get(`/api/heartbeat-runs/${String(run['id'])}`)
      if (status === 'running' && processPid !== null) break
      await sleep(POLL_MS)
    }
  }
}

/** Measures and prints the costs. */
export async function benchConnections(): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))
  const env = { PAPERCLIP_HOME: path.join(home, 'server'), PORT: '0' }
  mkdirSync(env.PAPERCLIP_HOME)
  const child = await startChild({ checkout: thisCheckout, script: 'src/main.ts', env, flags: startFlags(thisCheckout) })
  const server = { port: child.port, pid: child.process.pid ?? 0 }
  const api = createApiClient(child.port)
  try {
    const companyId = String((await api.post('/api/companies', { name: 'Acme' }))['id'])
    const agent = await api.post(`/api/companies/${companyId}/agents`, { name: 'Ada' })
    const key = await api.post(`/api/agents/${String(agent['id'])}/keys`, {})
    const bearer = { authorization: `Bearer ${String(key['token'])}` }
    const cases: Case[] = [
      { name: 'key, a connection for each request', headers: bearer, keepAlive: false },
      { name: 'key, kept connections', headers: bearer, keepAlive: true },
      { name: 'board, a connection for each request', headers: {}, keepAlive: false },
      { name: 'board, kept connections', headers: {}, keepAlive: true },
    ]
    process.stdout.write(
      `${TURNS} turns of ${REQUESTS_PER_TURN} requests; the server's processor time for one, median; beside the first line\n`,
    )
    await measure(server, `/api/companies/${companyId}`, cases)
    await startRuns(api, companyId)
    process.stdout.write(`the same while ${LIVE_RUNS} local runs are live\n`)
    await measure(server, `/api/companies/${companyId}`, cases)
  } finally {
    await stopChild(child)
    rmSync(home, { recursive: true, force: true })
  }
}
