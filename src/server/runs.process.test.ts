import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeHome, removeHome, send, signalAll, spawnServerProcess, pollFor, databaseEnvOf } from '../dev/testing/serverProcess.ts'
import type { ServerProcess, Reply } from '../dev/testing/serverProcess.ts'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { createOutputFile } from '../dev/testing/runner.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

const SLOW_MS = 180_000
/** Service managers usually wait ten seconds before they kill a process. */
const STOPPED_WITHIN_MS = 10_000
const MIB = 1024 * 1024
/** The largest log (`doc/SPEC.md`), plus the line that reports the cap. */
const LOG_BYTES = 8 * MIB + 1024
/** Far more output than a server may keep in memory, written as fast as a command can write. */
const FLOOD_BYTES = 160 * MIB
/** About 20 MiB is garbage that is collected later. A server that kept its input would grow by all of it. */
const GROWTH_BYTES = 64 * MIB

/** Each SIGUSR2 moves the clock of a server ten seconds forward, so that tasks of every ten seconds are due at once. */
const clock = `const { performance } = globalThis
  const now = performance.now.bind(performance)
  let ahead = 0
  performance.now = () => now() + ahead
  process.on('SIGUSR2', () => { ahead += 10_000 })`

let home = ''
let database: TestDatabase
let servers: ServerProcess[] = []
let companyId = ''

/** Without isolation a server that is root asks the board for its token. */
const BOARD_TOKEN = 'pcb_runs-91d3c6f27ab8e054-of-the-test'

// Without isolation: the commands of these tests report their process ids in files of this host. That isolated processes end
// with their server is tested in adapters/isolation.
const server = (): ServerProcess =>
  spawnServerProcess({
    home,
    env: { ...databaseEnvOf(database.connection, database.owner), PAPERCLIP_AGENT_ISOLATION: 'none', PAPERCLIP_BOARD_TOKEN: BOARD_TOKEN },
    preload: clock,
  })

beforeAll(async () => {
  home = makeHome()
  database = await cloneDatabase()
  servers = [server(), server()]
  companyId = (await ask('POST', '/companies', { name: 'Process Works' })).body.id
  await servers[1]?.url()
}, SLOW_MS)

afterAll(async () => {
  await Promise.all(servers.map((each) => each.kill()))
  await database.drop()
  await removeHome(home)
}, SLOW_MS)

/** Sends a request to a server, by default the first one. */
async function ask(method: string, path: string, body?: unknown, at = servers[0]): Promise<Reply> {
  const reply = await send(`${await at?.url()}/api${path}`, method, body, BOARD_TOKEN)
  expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
  return reply
}

const createProcessAgent = async (command: string, ...args: readonly string[]): Promise<string> => {
  const adapter = { adapterType: 'process', adapterConfig: { command, args, graceSec: 1 } }
  return (await ask('POST', `/companies/${companyId}/agents`, { name: 'Program', ...adapter })).body.id
}

const queryOne = async <T extends object>(text: string, ...values: readonly unknown[]): Promise<T> => {
  const { rows } = await database.sql.query<T>(text, [...values])
  const [row] = rows
  if (row === undefined) throw new Error(`no row: ${text}`)
  return row
}

interface RunRow {
  readonly status: string
  readonly errorCode: string | null
  readonly exitCode: number | null
  readonly signal: string | null
}

const rowOf = (runId: string): Promise<RunRow> =>
  queryOne('select status, error_code as "errorCode", exit_code as "exitCode", signal from heartbeat_runs where id = $1', runId)

/** Returns the server that supervises a run, found by the pid in its row. */
async function supervisorOf(runId: string): Promise<ServerProcess> {
  const { pid } = await queryOne<{ pid: number }>(
    'select s.pid from heartbeat_runs r join servers s on s.id = r.supervisor_id where r.id = $1',
    runId,
  )
  const found = servers.find((each) => each.pid === pid)
  if (found === undefined) throw new Error(`no server has the pid ${pid}`)
  return found
}

interface WorkingAgent {
  readonly agentId: string
  readonly issueId: string
  readonly runId: string
  readonly pid: number
  readonly lines: () => string[]
}

/** Starts an agent whose process works on an issue. The process writes its pid, and a line for SIGTERM, after which only a stubborn one continues. */
async function startWorkingAgent(isStubborn = false): Promise<WorkingAgent> {
  const { file, lines } = createOutputFile()
  // A test that fails must not leave processes that the server should have ended.
  onTestFinished(() =>
    signalAll(
      lines()
        .map(Number)
        .filter((pid) => pid > 0 && runs(pid, file)),
      'SIGKILL',
    ),
  )
  const agentId = await createProcessAgent(
    process.execPath,
    '-e',
    `const say = (line) => require('fs').appendFileSync(${JSON.stringify(file)}, line + '\\n')
     process.on('SIGTERM', () => { say('SIGTERM'); ${isStubborn ? '' : 'process.exit(3)'} })
     say(process.pid); setInterval(() => {}, 1000)`,
  )
  const issue = { title: 'Work', status: 'todo', assigneeAgentId: agentId }
  const issueId = (await ask('POST', `/companies/${companyId}/issues`, issue)).body.id as string
  await pollFor('its process is running', () => lines().length > 0)
  const holder = 'select checkout_run_id as "runId" from issues where id = $1'
  const { runId } = await queryOne<{ runId: string }>(holder, issueId)
  return { agentId, issueId, runId, pid: Number(lines()[0]), lines }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Whether a process is the one with this file in its command line. Its pid may belong to another process by now. */
const runs = (pid: number, file: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(file)
  } catch {
    return false
  }
}

/** Returns the current or the highest resident memory of a process, in bytes. */
const memory = (pid: number, what: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

describe('a server with supervised processes', { timeout: SLOW_MS }, () => {
  test('A process that floods its output fills the log up to its cap and no memory of the server, which keeps answering', async () => {
    const writeFlood = async (bytes: number): Promise<string> => {
      const agentId = await createProcessAgent('/bin/sh', '-c', `yes 'so many words' | head -c ${bytes}; echo; echo the end`)
      const { body } = await ask('POST', `/agents/${agentId}/heartbeat/invoke`)
      return body.id
    }
    const untilRunEnds = (runId: string): Promise<unknown> =>
      pollFor(`run ${runId} is over`, async () => {
        await ask('GET', '/health')
        return (await rowOf(runId)).status === 'succeeded'
      })
    // A small flood on each server first allocates the memory that every flood needs.
    for (const runId of [await writeFlood(10 * MIB), await writeFlood(10 * MIB)]) await untilRunEnds(runId)
    // Resets the high-water mark of the memory.
    for (const { pid } of servers) writeFileSync(`/proc/${pid}/clear_refs`, '5')
    const before = servers.map(({ pid }) => memory(pid, 'VmRSS'))
    const runId = await writeFlood(FLOOD_BYTES)
    await untilRunEnds(runId)
    const growth = servers.map(({ pid }, index) => memory(pid, 'VmHWM') - (before[index] ?? 0))
    expect(Math.max(...growth)).toBeLessThan(GROWTH_BYTES)

    const run = (await ask('GET', `/heartbeat-runs/${runId}`)).body
    expect(run).toMatchObject({ status: 'succeeded', exitCode: 0, error: null, logStore: 'postgres' })
    expect(run.logBytes).toBeGreaterThan(7 * MIB)
    expect(run.logBytes).toBeLessThan(LOG_BYTES)
    expect(Buffer.byteLength(run.stdoutExcerpt)).toBe(8 * 1024)
    expect(run.stdoutExcerpt.endsWith('\nthe end\n')).toBe(true)
    const { content } = (await ask('GET', `/heartbeat-runs/${runId}/log?offset=${run.logBytes - 1000}`)).body
    expect(content.trimEnd().split('\n').at(-1)).toContain('capped at')
    const capped = async (): Promise<unknown> => {
      const events = (await ask('GET', `/heartbeat-runs/${runId}/events`)).body as { message: string; payload: unknown }[]
      return events.find(({ message }) => message === 'output capped')?.payload
    }
    expect(await capped()).toEqual({ limitBytes: 8 * MIB })
  })

  test('A run that is cancelled through another server frees its issue at once, and its process ends with the next renewal', async () => {
    const { issueId, runId, pid, lines } = await startWorkingAgent()
    const own = await supervisorOf(runId)
    const other = servers.find((each) => each !== own)
    const cancelled = await ask('POST', `/heartbeat-runs/${runId}/cancel`, undefined, other)
    expect(cancelled.body).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' })
    const freed = { checkoutRunId: null, executionRunId: null }
    expect((await ask('GET', `/issues/${issueId}`, undefined, other)).body).toMatchObject(freed)
    own.signal('SIGUSR2')
    await pollFor('its process has ended', () => !isAlive(pid))
    expect(lines()).toEqual([String(pid), 'SIGTERM'])
    await pollFor('its exit is recorded', async () => (await rowOf(runId)).exitCode === 3)
    expect(await rowOf(runId)).toEqual({ status: 'cancelled', errorCode: 'cancelled', exitCode: 3, signal: null })
  })

  test('After SIGKILL of a server another server ends its process, and its issue is free once the lease has expired', async () => {
    const { agentId, issueId, runId, pid, lines } = await startWorkingAgent()
    const killed = await supervisorOf(runId)
    killed.signal('SIGKILL')
    await killed.exited
    expect(isAlive(pid)).toBe(true)
    servers = [...servers.filter((each) => each !== killed), server()]
    await pollFor('its process is ended', () => !isAlive(pid))
    expect(lines()).toEqual([String(pid), 'SIGTERM'])
    // The run is live until its lease has expired, and no other run gets the issue before.
    expect(await rowOf(runId)).toMatchObject({ status: 'running' })
    const other = await createProcessAgent('/bin/true')
    const taking = { agentId: other, expectedStatuses: ['todo', 'in_progress'] }
    const taken = await send(`${await servers[0]?.url()}/api/issues/${issueId}/checkout`, 'POST', taking, BOARD_TOKEN)
    expect(taken).toMatchObject({ status: 409, body: { code: 'issue_held', details: { holder: { runId } } } })

    await database.sql.query('update heartbeat_runs set lease_expires_at = now() where id = $1', [runId])
    await pollFor('its run is ended', async () => (await rowOf(runId)).status === 'timed_out')
    expect(await rowOf(runId)).toMatchObject({ errorCode: 'lease_expired' })
    // The same wake leads to another run, on a server that is alive.
    await pollFor('another process is running', () => lines().length === 3)
    const next = (await ask('GET', `/issues/${issueId}`)).body
    expect(next).toMatchObject({ status: 'in_progress', assigneeAgentId: agentId })
    expect(next.checkoutRunId).not.toBe(runId)
    expect(servers).toContain(await supervisorOf(next.checkoutRunId))
    await ask('POST', `/agents/${agentId}/pause`)
    for (const each of servers) each.signal('SIGUSR2')
    await pollFor('its process has ended', () => !isAlive(Number(lines()[2])))
  })

  test('SIGTERM of a server ends its processes and their runs within ten seconds, stubborn processes by force', async () => {
    const [first, ...others] = servers
    for (const each of others) expect(await each.stop()).toEqual({ code: 0, signal: null })
    servers = first === undefined ? [] : [first]
    const [cooperative, stubborn] = [await startWorkingAgent(), await startWorkingAgent(true)]
    const url = await first?.url()
    const signalledAt = performance.now()
    const stopping = first?.stop()
    // While the runs end, the port is still open for them (K42).
    const draining = await pollFor('the server says that it drains', async () => {
      const ready = await send(`${url}/readyz`)
      return ready.status === 503 && ready
    })
    expect(draining.body).toEqual({ status: 'not_ready', missing: ['draining'] })
    expect(await stopping).toEqual({ code: 0, signal: null })
    expect(performance.now() - signalledAt).toBeLessThan(onThisMachine(STOPPED_WITHIN_MS))
    expect([cooperative.pid, stubborn.pid].filter(isAlive)).toEqual([])
    // On a busy machine the stubborn process may receive a second SIGTERM before it is killed.
    for (const { lines, pid } of [cooperative, stubborn]) expect([...new Set(lines())]).toEqual([String(pid), 'SIGTERM'])
    const stopped = { status: 'cancelled', errorCode: 'server_stopped' }
    expect(await rowOf(cooperative.runId)).toEqual({ ...stopped, exitCode: 3, signal: null })
    expect(await rowOf(stubborn.runId)).toEqual({ ...stopped, exitCode: null, signal: 'SIGKILL' })
    const held = 'select count(*)::int as held from issues where coalesce(checkout_run_id, execution_run_id) is not null'
    expect(await queryOne(held)).toEqual({ held: 0 })
    expect(await queryOne('select count(*)::int as servers from servers where pid = $1', first?.pid)).toEqual({ servers: 0 })
    const warnings = first?.lines.filter((line) => Number(line['level']) >= 40).map(({ msg }) => msg)
    expect(warnings).toEqual([expect.stringContaining('AGENTS ARE NOT ISOLATED')])
  })
})
