import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeHome, removeHome, send, signalAll, spawnServerProcess, pollFor, databaseUrlOf } from '../dev/testing/serverProcess.ts'
import type { ServerProcess, Reply } from '../dev/testing/serverProcess.ts'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { createOutputFile } from '../dev/testing/runner.ts'

const SLOW_MS = 40_000
/** A supervisor of processes is given ten seconds by most who end it. */
const STOPPED_WITHIN_MS = 10_000
const MIB = 1024 * 1024
/** What a log may hold (`doc/SPEC.md`), with the line that says so. */
const LOG_BYTES = 8 * MIB + 1024
/** Far more than a server may keep of it, and as fast as a command can write. */
const FLOOD_BYTES = 160 * MIB
/** Some 20 MiB of it is garbage that is collected later; a server that kept what it reads would add all of it. */
const GROWTH_BYTES = 64 * MIB

/** A server's own clock goes ten seconds ahead with each SIGUSR2, so that what it does every ten seconds is due at once. */
const clock = `const { performance } = globalThis
  const now = performance.now.bind(performance)
  let ahead = 0
  performance.now = () => now() + ahead
  process.on('SIGUSR2', () => { ahead += 10_000 })`

let home = ''
let database: TestDatabase
let servers: ServerProcess[] = []
let companyId = ''

const server = (): ServerProcess => spawnServerProcess({ home, env: { DATABASE_URL: databaseUrlOf(database.connection) }, preload: clock })

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

/** Asks a server; the first of them unless another is named. */
async function ask(method: string, path: string, body?: unknown, at = servers[0]): Promise<Reply> {
  const reply = await send(`${await at?.url()}/api${path}`, method, body)
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

/** The server that watches over a run, by the pid it has noted of itself. */
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

/** An agent whose process is at work on an issue: it says its pid, and that it was told to end, which a stubborn one does not. */
async function startWorkingAgent(isStubborn = false): Promise<WorkingAgent> {
  const { file, lines } = createOutputFile()
  // A test that fails must not leave behind what the server should have ended.
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
     process.on('SIGTERM', () => { say('told'); ${isStubborn ? '' : 'process.exit(3)'} })
     say(process.pid); setInterval(() => {}, 1000)`,
  )
  const issue = { title: 'Work', status: 'todo', assigneeAgentId: agentId }
  const issueId = (await ask('POST', `/companies/${companyId}/issues`, issue)).body.id as string
  await pollFor('its process is at work', () => lines().length > 0)
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

/** Whether a process is the one that was given this file: its number may be another's by now. */
const runs = (pid: number, file: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(file)
  } catch {
    return false
  }
}

/** Memory of a process that is or was resident, in bytes. */
const memory = (pid: number, what: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

describe('a server process with processes of its own', { timeout: SLOW_MS }, () => {
  test('one that floods its output costs neither the log more than its cap nor the server its memory, and the server answers meanwhile', async () => {
    const writeFlood = async (bytes: number): Promise<string> => {
      const agentId = await createProcessAgent('/bin/sh', '-c', `yes 'so much to say' | head -c ${bytes}; echo; echo the end`)
      const { body } = await ask('POST', `/agents/${agentId}/heartbeat/invoke`)
      return body.id
    }
    const untilRunEnds = (runId: string): Promise<unknown> =>
      pollFor(`run ${runId} is over`, async () => {
        await ask('GET', '/health')
        return (await rowOf(runId)).status === 'succeeded'
      })
    // What a flood needs at all is there after a small one on each server.
    for (const runId of [await writeFlood(10 * MIB), await writeFlood(10 * MIB)]) await untilRunEnds(runId)
    // From now on the highest mark is that of what follows.
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

  test('a run that is cancelled through another server frees its issue at once, and its process ends with the next renewal', async () => {
    const { issueId, runId, pid, lines } = await startWorkingAgent()
    const own = await supervisorOf(runId)
    const other = servers.find((each) => each !== own)
    const cancelled = await ask('POST', `/heartbeat-runs/${runId}/cancel`, undefined, other)
    expect(cancelled.body).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' })
    const freed = { checkoutRunId: null, executionRunId: null }
    expect((await ask('GET', `/issues/${issueId}`, undefined, other)).body).toMatchObject(freed)
    own.signal('SIGUSR2')
    await pollFor('its process is gone', () => !isAlive(pid))
    expect(lines()).toEqual([String(pid), 'told'])
    await pollFor('its exit is noted', async () => (await rowOf(runId)).exitCode === 3)
    expect(await rowOf(runId)).toEqual({ status: 'cancelled', errorCode: 'cancelled', exitCode: 3, signal: null })
  })

  test('SIGKILL leaves its process to a server that comes after it, and its issue to the next run once the lease is out', async () => {
    const { agentId, issueId, runId, pid, lines } = await startWorkingAgent()
    const killed = await supervisorOf(runId)
    killed.signal('SIGKILL')
    await killed.exited
    expect(isAlive(pid)).toBe(true)
    servers = [...servers.filter((each) => each !== killed), server()]
    await pollFor('its process is ended', () => !isAlive(pid))
    expect(lines()).toEqual([String(pid), 'told'])
    // Live is live: until its lease is out nobody else has the issue.
    expect(await rowOf(runId)).toMatchObject({ status: 'running' })
    const other = await createProcessAgent('/bin/true')
    const taking = { agentId: other, expectedStatuses: ['todo', 'in_progress'] }
    const taken = await send(`${await servers[0]?.url()}/api/issues/${issueId}/checkout`, 'POST', taking)
    expect(taken).toMatchObject({ status: 409, body: { code: 'issue_held', details: { holder: { runId } } } })

    await database.sql.query('update heartbeat_runs set lease_expires_at = now() where id = $1', [runId])
    await pollFor('its run is ended', async () => (await rowOf(runId)).status === 'timed_out')
    expect(await rowOf(runId)).toMatchObject({ errorCode: 'lease_expired' })
    // The same wake is run once more, by a server that lives.
    await pollFor('another process is at work', () => lines().length === 3)
    const next = (await ask('GET', `/issues/${issueId}`)).body
    expect(next).toMatchObject({ status: 'in_progress', assigneeAgentId: agentId })
    expect(next.checkoutRunId).not.toBe(runId)
    expect(servers).toContain(await supervisorOf(next.checkoutRunId))
    await ask('POST', `/agents/${agentId}/pause`)
    for (const each of servers) each.signal('SIGUSR2')
    await pollFor('its process is gone', () => !isAlive(Number(lines()[2])))
  })

  test('SIGTERM ends its processes, the stubborn by force, and their runs, within ten seconds and with nothing left', async () => {
    const [first, ...others] = servers
    for (const each of others) expect(await each.stop()).toEqual({ code: 0, signal: null })
    servers = first === undefined ? [] : [first]
    const [cooperative, stubborn] = [await startWorkingAgent(), await startWorkingAgent(true)]
    const signalledAt = performance.now()
    expect(await first?.stop()).toEqual({ code: 0, signal: null })
    expect(performance.now() - signalledAt).toBeLessThan(STOPPED_WITHIN_MS)
    expect([cooperative.pid, stubborn.pid].filter(isAlive)).toEqual([])
    // On a busy machine the stubborn one may be told once more before it is forced.
    for (const { lines, pid } of [cooperative, stubborn]) expect([...new Set(lines())]).toEqual([String(pid), 'told'])
    const stopped = { status: 'cancelled', errorCode: 'server_stopped' }
    expect(await rowOf(cooperative.runId)).toEqual({ ...stopped, exitCode: 3, signal: null })
    expect(await rowOf(stubborn.runId)).toEqual({ ...stopped, exitCode: null, signal: 'SIGKILL' })
    const held = 'select count(*)::int as held from issues where coalesce(checkout_run_id, execution_run_id) is not null'
    expect(await queryOne(held)).toEqual({ held: 0 })
    expect(await queryOne('select count(*)::int as servers from servers where pid = $1', first?.pid)).toEqual({ servers: 0 })
    expect(first?.lines.filter((line) => Number(line['level']) >= 40)).toEqual([])
  })
})
