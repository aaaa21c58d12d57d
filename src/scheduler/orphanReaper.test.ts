import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { processIdentity } from '../adapters/index.ts'
import { createLog } from '../platform/kernel/log.ts'
import { NO_HOLD, holdRow, runRow, waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { expireLease, useServer, world } from '../dev/testing/world.ts'
import { createOrphanReaper } from './orphanReaper.ts'
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

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const started = await child()
  const over = once(started, 'exit')
  started.kill('SIGKILL')
  await over
  return started.pid
}

const isChildRunning = (process: ChildProcess): boolean => process.exitCode === null && process.signalCode === null
const waitForExit = (process: ChildProcess): Promise<void> => waitUntil('the child has exited', async () => !isChildRunning(process))
/** Every test has a host key of its own, so that its servers are on a host of their own. */
const host = (): string => `host ${randomUUID()}`
const orphanReaperOn = (hostKey: string) => createOrphanReaper(server().store, { id: randomUUID(), hostKey, pid: process.pid }, silent)

/** Inserts a server of a host whose last renewal was so many seconds ago. */
async function peerServer(hostKey: string, pid: number, silentSeconds = 0): Promise<string> {
  const id = randomUUID()
  await sql().query('insert into servers (id, host_key, pid, last_seen_at) values ($1, $2, $3, now() - make_interval(secs => $4))', [
    id,
    hostKey,
    pid,
    silentSeconds,
  ])
  return id
}

/** A run that holds an issue and is supervised by a server, with the identity of its process. */
async function supervisedRun(supervisorId: string, identity: object | null) {
  const here = await world(server())
  const { run, issue, agent } = await here.held()
  await sql().query('update heartbeat_runs set supervisor_id = $2, process_identity = $3 where id = $1', [
    run.id,
    supervisorId,
    identity === null ? null : JSON.stringify(identity),
  ])
  return { runId: run.id, issueId: issue.id, agentId: agent.id, client: run.client }
}

/** The end of every expired run (LOCK_PROTOCOL §3), with the known cause in its error. */
const SERVER_DIED = { status: 'timed_out', errorCode: 'lease_expired', error: expect.stringContaining('has died') as string }

const endOf = async (runId: string) => {
  const { status, errorCode, error } = (await server().board.get(`/api/heartbeat-runs/${runId}`)).body
  return { status, errorCode, error }
}

const isServerKnown = async (serverId: string): Promise<boolean> =>
  (await sql().query('select 1 from servers where id = $1', [serverId])).rowCount === 1

describe('The runs of a dead server of this host', () => {
  test('The child processes are killed at once, the runs end when their leases have expired, and then the server is deleted', async () => {
    const [here, pid, started] = [host(), await deadPid(), await child()]
    const dead = await peerServer(here, pid)
    const { runId, issueId } = await supervisedRun(dead, processIdentity(started.pid))
    await server().board.post(`/api/issues/${issueId}/comments`, { body: 'What now?' })
    const orphanReaper = orphanReaperOn(here)
    await orphanReaper.tick()
    await waitForExit(started)
    // A live run ends only through its agent or the board.
    expect(await runRow(server(), runId)).toMatchObject({ status: 'running' })
    expect([orphanReaper.isServerDead(dead), await isServerKnown(dead)]).toEqual([true, true])

    await expireLease(server(), runId)
    await orphanReaper.tick()
    expect(await endOf(runId)).toEqual(SERVER_DIED)
    expect(await holdRow(server(), issueId)).toMatchObject(NO_HOLD)
    expect(await wakesOf(server(), issueId)).toMatchObject([{ status: 'queued' }])
    expect(await isServerKnown(dead)).toBe(false)
  })

  test('The error of the run names the dead server even when the reaper ends it first', async () => {
    const here = host()
    const dead = await peerServer(here, await deadPid())
    const { runId } = await supervisedRun(dead, null)
    const orphanReaper = orphanReaperOn(here)
    await orphanReaper.tick()
    await expireLease(server(), runId)
    await reap(server().store, (id) => orphanReaper.isServerDead(id))
    expect(await endOf(runId)).toEqual(SERVER_DIED)
  })

  test('The child process of a run that the board has cancelled meanwhile is killed as well', async () => {
    const [here, started] = [host(), await child()]
    const dead = await peerServer(here, await deadPid())
    const { runId } = await supervisedRun(dead, processIdentity(started.pid))
    await server().board.post(`/api/heartbeat-runs/${runId}/cancel`)
    await orphanReaperOn(here).tick()
    await waitForExit(started)
    expect(await runRow(server(), runId)).toMatchObject({ status: 'cancelled' })
    expect(await isServerKnown(dead)).toBe(false)
  })

  test('A child process without a recorded identity is found by the run id in its environment', async () => {
    const here = host()
    const dead = await peerServer(here, await deadPid())
    const { runId } = await supervisedRun(dead, null)
    const started = await child({ PAPERCLIP_RUN_ID: runId })
    await orphanReaperOn(here).tick()
    await waitForExit(started)
  })

  test('A process that got the pid of the child process later is not killed', async () => {
    const [here, stranger] = [host(), await child()]
    const dead = await peerServer(here, await deadPid())
    const identity = processIdentity(stranger.pid)
    await supervisedRun(dead, { ...identity, startTime: (identity.startTime ?? 0) - 1 })
    await orphanReaperOn(here).tick()
    expect(isChildRunning(stranger)).toBe(true)
  })

  test('A server is dead also when another process has its pid', async () => {
    const [here, stranger] = [host(), await child()]
    const dead = await peerServer(here, stranger.pid, 3600)
    const orphanReaper = orphanReaperOn(here)
    await orphanReaper.tick()
    expect(orphanReaper.isServerDead(dead)).toBe(true)
    expect(isChildRunning(stranger)).toBe(true)
  })
})

test('A run that cannot be ended does not keep the child processes of other servers alive', async () => {
  const [here, first, second] = [host(), await child(), await child()]
  const stuck = await supervisedRun(await peerServer(here, await deadPid()), processIdentity(first.pid))
  await supervisedRun(await peerServer(here, await deadPid()), processIdentity(second.pid))
  await expireLease(server(), stuck.runId)
  await sql().query(`
    create function test_stuck() returns trigger language plpgsql as $$ begin raise exception 'stuck'; end $$;
    create trigger test_stuck before update on heartbeat_runs for each row when (old.id = '${stuck.runId}') execute function test_stuck()`)
  onTestFinished(async () => void (await sql().query('drop function test_stuck cascade')))
  await expect(orphanReaperOn(here).tick()).rejects.toThrow('could not be ended')
  await Promise.all([waitForExit(first), waitForExit(second)])
})

describe('The runs of other servers', () => {
  test.each([
    ['a server that lives', async () => ({ mine: host(), pid: process.pid })],
    ['a server of another host', async () => ({ mine: host(), theirs: host(), pid: await deadPid() })],
  ])('The child process of %s is not killed', async (_, make) => {
    const { mine, theirs, pid } = { theirs: undefined, ...(await make()) }
    const started = await child()
    const other = await peerServer(theirs ?? mine, pid)
    const { runId } = await supervisedRun(other, processIdentity(started.pid))
    await expireLease(server(), runId)
    const orphanReaper = orphanReaperOn(mine)
    await orphanReaper.tick()
    expect(isChildRunning(started)).toBe(true)
    expect(await runRow(server(), runId)).toMatchObject({ status: 'running' })
    expect([orphanReaper.isServerDead(other), await isServerKnown(other)]).toEqual([false, true])
    await reap(server().store, (id) => orphanReaper.isServerDead(id))
    expect(await runRow(server(), runId)).toMatchObject({ status: 'timed_out', errorCode: 'lease_expired' })
  })
})
