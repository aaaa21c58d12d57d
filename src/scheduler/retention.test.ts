import { describe, expect, test } from 'vitest'
import { auditsOf } from '../dev/testing/holds.ts'
import { addLargestLogs } from '../dev/testing/manyRows.ts'
import { race } from '../dev/testing/race.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'
import { applyRetention } from './retention.ts'

const server = useServer()
const sql = () => server().database.sql
const RETENTION = { logDays: 30, wakeDays: 30, runDays: 90 }

const count = async (table: string, where: string, values: unknown[]): Promise<number> => {
  const { rows } = await sql().query<{ count: number }>(`select count(*)::int as count from ${table} where ${where}`, values)
  return rows[0]?.count ?? 0
}

/** A run that ended so many days ago, with a log, an event, a wake and an eviction. */
async function oldRun(here: World, days: number) {
  const { agent, run, issue } = await here.held()
  await server().board.post(`/api/issues/${issue.id}/admin/force-release?clearAssignee=true`)
  await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
  const { rows } = await sql().query<{ id: string }>(
    `insert into wakes (company_id, agent_id, issue_id, source, reason, status, run_id, requested_by_actor_type, requested_by_actor_id, finished_at)
     values ($1, $2, $3, 'on_demand', 'asked', 'completed', $4, 'user', 'local-board', now() - make_interval(days => $5)) returning id`,
    [here.company.id, agent.id, issue.id, run.id, days],
  )
  await sql().query(
    `insert into heartbeat_run_log_chunks (run_id, start_offset, byte_size, content, created_at) values ($1, 0, 3, 'log', now() - make_interval(days => $2))`,
    [run.id, days],
  )
  await sql().query(
    `insert into heartbeat_run_events (company_id, run_id, agent_id, seq, event_type, created_at)
     values ($1, $2, $3, 1, 'lifecycle', now() - make_interval(days => $4))`,
    [here.company.id, run.id, agent.id, days],
  )
  await sql().query(
    `update heartbeat_runs set created_at = now() - make_interval(days => $2), finished_at = now() - make_interval(days => $2) where id = $1`,
    [run.id, days],
  )
  return { runId: run.id, wakeId: rows[0]?.id ?? '', issueId: issue.id }
}

const rowsLeft = async ({ runId, wakeId }: { runId: string; wakeId: string }) => ({
  run: await count('heartbeat_runs', 'id = $1', [runId]),
  eviction: await count('issue_lock_evictions', 'run_id = $1', [runId]),
  wake: await count('wakes', 'id = $1', [wakeId]),
  log: await count('heartbeat_run_log_chunks', 'run_id = $1', [runId]),
  event: await count('heartbeat_run_events', 'run_id = $1', [runId]),
})

describe('applyRetention', () => {
  test('Logs, events and wakes are deleted after 30 days, runs and their evictions after 90 days, and audit rows never', async () => {
    const here = await world(server())
    const [fresh, month, quarter] = [await oldRun(here, 29), await oldRun(here, 31), await oldRun(here, 91)]
    const audits = await count('activity_log', 'true', [])
    expect(await applyRetention(server().store, RETENTION)).toMatchObject({ chunks: 2, events: 2, wakes: 2, runs: 1 })
    expect(await rowsLeft(fresh)).toEqual({ run: 1, eviction: 1, wake: 1, log: 1, event: 1 })
    expect(await rowsLeft(month)).toEqual({ run: 1, eviction: 1, wake: 0, log: 0, event: 0 })
    expect(await rowsLeft(quarter)).toEqual({ run: 0, eviction: 0, wake: 0, log: 0, event: 0 })
    const retentionAudits = (await auditsOf(server(), here.company.id)).filter((row) => row.action === 'retention.records_forgotten')
    expect(retentionAudits).toMatchObject([{ actorType: 'system', actorId: 'retention', details: { runs: 1, wakes: 2 } }])
    expect(await count('activity_log', 'true', [])).toBe(audits + 1)
    expect((await server().board.get(`/api/heartbeat-runs/${month.runId}/log`)).status).toBe(404)
    expect((await server().board.get(`/api/heartbeat-runs/${quarter.runId}`)).status).toBe(404)
    expect((await server().board.get(`/api/issues/${quarter.issueId}/lock`)).status).toBe(200)
    expect(await applyRetention(server().store, RETENTION)).toEqual({ answers: 0, chunks: 0, events: 0, wakes: 0, runs: 0 })
  })

  test('Unfinished records stay however old they are, and 0 days keeps everything', async () => {
    const here = await world(server())
    const { run, issue } = await here.held()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Still there?' })
    await sql().query("update heartbeat_runs set created_at = now() - interval '2 years' where id = $1", [run.id])
    await sql().query("update wakes set created_at = now() - interval '2 years' where issue_id = $1", [issue.id])
    const ancient = await oldRun(here, 700)
    const nothing = { answers: 0, chunks: 0, events: 0, wakes: 0, runs: 0 }
    expect(await applyRetention(server().store, { logDays: 0, wakeDays: 0, runDays: 0 })).toEqual(nothing)
    expect(await rowsLeft(ancient)).toEqual({ run: 1, eviction: 1, wake: 1, log: 1, event: 1 })
    expect(await applyRetention(server().store, RETENTION)).toMatchObject({ wakes: 1, runs: 1 })
    expect(await count('heartbeat_runs', 'id = $1', [run.id])).toBe(1)
    expect(await count('wakes', "issue_id = $1 and status = 'deferred_issue_execution'", [issue.id])).toBe(1)
  })

  test('Two servers at once delete more than one batch, each row once', async () => {
    const here = await world(server())
    const who = await here.agent()
    await sql().query(
      `with old as (
         insert into heartbeat_runs (company_id, agent_id, status, created_at, finished_at)
         select $1, $2, 'succeeded', now() - interval '100 days', now() - interval '100 days' from generate_series(1, 450) returning id)
       insert into wakes (company_id, agent_id, source, reason, status, run_id, requested_by_actor_type, requested_by_actor_id, finished_at)
       select $1, $2, 'timer', 'heartbeat_timer', 'completed', id, 'system', 'timer', now() - interval '100 days' from old`,
      [here.company.id, who.id],
    )
    const second = await server().startPeer()
    const deleted = await race([server(), second], (each) => applyRetention(each.store, RETENTION))
    await second.stop()
    expect(deleted.reduce((sum, each) => sum + each.runs, 0)).toBe(450)
    expect(deleted.reduce((sum, each) => sum + each.wakes, 0)).toBe(450)
    expect(await count('heartbeat_runs', 'agent_id = $1', [who.id])).toBe(0)
  })

  test('Runs whose logs are kept without limit lose the largest logs in parts before they are deleted, in short transactions (T5)', async () => {
    const here = await world(server())
    const who = await here.agent()
    const mostAtOnce = await addLargestLogs(server(), here.company.id, who.id, 5)
    expect(await applyRetention(server().store, { ...RETENTION, logDays: 0 })).toMatchObject({ runs: 5 })
    expect(await count('heartbeat_run_log_chunks', 'byte_size = 65536', [])).toBe(0)
    expect(await mostAtOnce()).toBe(200)
  })

  test('Stored answers to repeated requests are all deleted after a day', async () => {
    await sql().query(
      `insert into idempotency_keys (actor, route, key, request_hash, status, answer, created_at)
       select 'user:x', 'POST /', n::text, '', 200, '', now() - make_interval(hours => 25) from generate_series(1, 1100) n`,
    )
    expect(await applyRetention(server().store, RETENTION)).toMatchObject({ answers: 1100 })
  })

  test('A company that is being deleted is skipped without waiting', async () => {
    const here = await world(server())
    const old = await oldRun(here, 91)
    const connection = await sql().connect()
    await connection.query('begin')
    await connection.query('select 1 from companies where id = $1 for no key update', [here.company.id])
    expect(await applyRetention(server().store, RETENTION)).toMatchObject({ runs: 0 })
    await connection.query('rollback')
    connection.release()
    expect(await applyRetention(server().store, RETENTION)).toMatchObject({ runs: 1 })
    expect((await rowsLeft(old)).run).toBe(0)
  })
})
