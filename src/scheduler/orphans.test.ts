import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { processIdentity } from '../adapters/index.ts'
import { createLog } from '../kernel/log.ts'
import { free, holdRow, runRow, until, wakesOf } from '../testing/holds.ts'
import { expire, useServer, world } from '../testing/world.ts'
import { createOrphanage } from './orphans.ts'
import { reap } from './reap.ts'

const server = useServer()
const sql = () => server().database.sql
const silent = createLog('silent', false)

/** A process of this host, leader of its own group, as a run's child is. */
async function child(environment: Record<string, string> = {}): Promise<ChildProcess & { pid: number }> {
  const started = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore', env: environment })
  await once(started, 'spawn')
  const { pid } = started
  if (pid === undefined) throw new Error('no child')
  onTestFinished(() => void started.kill('SIGKILL'))
  return Object.assign(started, { pid })
}

/** The pid of a process that is no more. */
async function deadPid(): Promise<number> {
  const started = await child()
  const over = once(started, 'exit')
  started.kill('SIGKILL')
  await over
  return started.pid
}

const isThere = (process: ChildProcess): boolean => process.exitCode === null && process.signalCode === null
const gone = (process: ChildProcess): Promise<void> => until('the child is gone', async () => !isThere(process))
/** Every test has a host of its own, as far as servers know. */
const host = (): string => `host ${randomUUID()}`
const orphanageOn = (hostKey: string) => createOrphanage(server().store, { id: randomUUID(), hostKey, pid: process.pid }, silent)

/** A server of a host, last heard of so many seconds ago. */
async function neighbour(hostKey: string, pid: number, silentSeconds = 0): Promise<string> {
  const id = randomUUID()
  await sql().query('insert into servers (id, host_key, pid, last_seen_at) values ($1, $2, $3, now() - make_interval(secs => $4))', [
    id,
    hostKey,
    pid,
    silentSeconds,
  ])
  return id
}

/** A run that holds an issue, under the supervision of a server, with a child. */
async function watched(supervisorId: string, identity: object | null) {
  const here = await world(server())
  const { run, issue, agent } = await here.held()
  await sql().query('update heartbeat_runs set supervisor_id = $2, process_identity = $3 where id = $1', [
    run.id,
    supervisorId,
    identity === null ? null : JSON.stringify(identity),
  ])
  return { runId: run.id, issueId: issue.id, agentId: agent.id, client: run.client }
}

/** As every end by the lease (lock-protocol §3), and with what is known besides. */
const LOST = { status: 'timed_out', errorCode: 'lease_expired', error: expect.stringContaining('has died') as string }

const endOf = async (runId: string) => {
  const { status, errorCode, error } = (await server().board.get(`/api/heartbeat-runs/${runId}`)).body
  return { status, errorCode, error }
}

const knows = async (serverId: string): Promise<boolean> =>
  (await sql().query('select 1 from servers where id = $1', [serverId])).rowCount === 1

describe('what a dead server of this host has left behind', () => {
  test('its children end at once, its runs when their leases are out, and then it is forgotten', async () => {
    const [here, pid, started] = [host(), await deadPid(), await child()]
    const dead = await neighbour(here, pid)
    const { runId, issueId } = await watched(dead, processIdentity(started.pid))
    await server().board.post(`/api/issues/${issueId}/comments`, { body: 'What now?' })
    const orphanage = orphanageOn(here)
    await orphanage.tend()
    await gone(started)
    // Live is live: nobody's word but its own or the board's ends it.
    expect(await runRow(server(), runId)).toMatchObject({ status: 'running' })
    expect([orphanage.isLost(dead), await knows(dead)]).toEqual([true, true])

    await expire(server(), runId)
    await orphanage.tend()
    expect(await endOf(runId)).toEqual(LOST)
    expect(await holdRow(server(), issueId)).toMatchObject(free)
    expect(await wakesOf(server(), issueId)).toMatchObject([{ status: 'queued' }])
    expect(await knows(dead)).toBe(false)
  })

  test('whether the reaper or this comes first, the run says that its server has died', async () => {
    const here = host()
    const dead = await neighbour(here, await deadPid())
    const { runId } = await watched(dead, null)
    const orphanage = orphanageOn(here)
    await orphanage.tend()
    await expire(server(), runId)
    await reap(server().store, (id) => orphanage.isLost(id))
    expect(await endOf(runId)).toEqual(LOST)
  })

  test('a child whose run somebody else has ended meanwhile ends as well', async () => {
    const [here, started] = [host(), await child()]
    const dead = await neighbour(here, await deadPid())
    const { runId } = await watched(dead, processIdentity(started.pid))
    await server().board.post(`/api/heartbeat-runs/${runId}/cancel`)
    await orphanageOn(here).tend()
    await gone(started)
    expect(await runRow(server(), runId)).toMatchObject({ status: 'cancelled' })
    expect(await knows(dead)).toBe(false)
  })

  test('a child that nobody could note any more is known by the run in its environment', async () => {
    const here = host()
    const dead = await neighbour(here, await deadPid())
    const { runId } = await watched(dead, null)
    const started = await child({ PAPERCLIP_RUN_ID: runId })
    await orphanageOn(here).tend()
    await gone(started)
  })

  test('a process that was given the child’s number later is left alone', async () => {
    const [here, stranger] = [host(), await child()]
    const dead = await neighbour(here, await deadPid())
    const identity = processIdentity(stranger.pid)
    await watched(dead, { ...identity, startTime: (identity.startTime ?? 0) - 1 })
    await orphanageOn(here).tend()
    expect(isThere(stranger)).toBe(true)
  })

  test('a server is dead also when its number has been given to another process', async () => {
    const [here, stranger] = [host(), await child()]
    const dead = await neighbour(here, stranger.pid, 3600)
    const orphanage = orphanageOn(here)
    await orphanage.tend()
    expect(orphanage.isLost(dead)).toBe(true)
    expect(isThere(stranger)).toBe(true)
  })
})

test('a run that cannot be ended keeps the children of no other server alive', async () => {
  const [here, first, second] = [host(), await child(), await child()]
  const stuck = await watched(await neighbour(here, await deadPid()), processIdentity(first.pid))
  await watched(await neighbour(here, await deadPid()), processIdentity(second.pid))
  await expire(server(), stuck.runId)
  await sql().query(`
    create function test_stuck() returns trigger language plpgsql as $$ begin raise exception 'stuck'; end $$;
    create trigger test_stuck before update on heartbeat_runs for each row when (old.id = '${stuck.runId}') execute function test_stuck()`)
  onTestFinished(async () => void (await sql().query('drop function test_stuck cascade')))
  await expect(orphanageOn(here).tend()).rejects.toThrow('could not be settled')
  await Promise.all([gone(first), gone(second)])
})

describe('what is not a dead server’s of this host is left alone', () => {
  test.each([
    ['a server that lives', async () => ({ mine: host(), pid: process.pid })],
    ['a server of another host', async () => ({ mine: host(), theirs: host(), pid: await deadPid() })],
  ])('%s', async (_, make) => {
    const { mine, theirs, pid } = { theirs: undefined, ...(await make()) }
    const started = await child()
    const other = await neighbour(theirs ?? mine, pid)
    const { runId } = await watched(other, processIdentity(started.pid))
    await expire(server(), runId)
    const orphanage = orphanageOn(mine)
    await orphanage.tend()
    expect(isThere(started)).toBe(true)
    expect(await runRow(server(), runId)).toMatchObject({ status: 'running' })
    expect([orphanage.isLost(other), await knows(other)]).toEqual([false, true])
    await reap(server().store, (id) => orphanage.isLost(id))
    expect(await runRow(server(), runId)).toMatchObject({ status: 'timed_out', errorCode: 'lease_expired' })
  })
})
