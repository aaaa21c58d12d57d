import { describe, expect, test } from 'vitest'
import { auditsOf, NO_HOLD, holdRow, runRow, wakesOf } from '../dev/testing/holds.ts'
import { race } from '../dev/testing/race.ts'
import { auditCount, expireLease, lastAudit, useServer, world } from '../dev/testing/world.ts'
import { reap } from './reap.ts'

const server = useServer()

describe('The reaper (LOCK_PROTOCOL §3)', () => {
  test('An expired run ends as timed_out with lease_expired, its lock columns are cleared and the waiting wake is queued', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Are you there?' })
    await expireLease(server(), run.id)
    expect(await reap(server().store)).toBe(1)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'timed_out', errorCode: 'lease_expired' })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, status: 'in_progress', assigneeAgentId: agent.id, lockEpoch: 2 })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
    expect(await lastAudit(server(), run.id, 'heartbeat.run_finished')).toMatchObject({
      actorType: 'system',
      actorId: 'reaper',
      agentId: agent.id,
      details: { status: 'timed_out', errorCode: 'lease_expired', issueIds: [issue.id] },
    })
    expect((await lastAudit(server(), issue.id, 'issue.lock_cleared')).details).toMatchObject({ runId: run.id, why: 'run_finished' })
  })

  test('Live and ended runs are not changed', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: live } = await heldIssue()
    const ended = await run(await agent())
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    await expireLease(server(), ended.id)
    const audits = await auditCount(server())
    expect(await reap(server().store)).toBe(0)
    expect(await runRow(server(), live.id)).toMatchObject({ status: 'running' })
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: live.id })
    expect(await auditCount(server())).toBe(audits)
  })

  test('A queued run whose lease expired is ended as well, and its wake gets another run', async () => {
    const { agent, issue } = await world(server())
    const given = await issue({ assigneeAgentId: (await agent()).id })
    const [wake] = await wakesOf(server(), given.id)
    await expireLease(server(), wake?.runId ?? '')
    expect(await reap(server().store)).toBe(1)
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'timed_out', errorCode: 'lease_expired' })
    const [again] = await wakesOf(server(), given.id)
    expect(again).toMatchObject({ id: wake?.id, status: 'queued' })
    expect(again?.runId).not.toBe(wake?.runId)
  })

  test('Several servers at once end each run once', async () => {
    const here = await world(server())
    const second = await server().startPeer()
    const expired = await Promise.all(Array.from({ length: 12 }, () => here.held()))
    for (const { run } of expired) await expireLease(server(), run.id)
    const ended = await race([server(), second, server(), second], (each) => reap(each.store))
    await second.stop()
    expect(ended.reduce((sum, count) => sum + count, 0)).toBe(12)
    for (const { issue, run } of expired) {
      expect((await auditsOf(server(), run.id)).filter((row) => row.action === 'heartbeat.run_finished')).toHaveLength(1)
      expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
    }
  })

  test('A takeover of the issue at the same time stays, whichever of the two is first', async () => {
    const { held: heldIssue, run, checkout } = await world(server())
    for (let round = 0; round < 5; round += 1) {
      const { issue, run: dead, agent } = await heldIssue()
      const next = await run(agent)
      await expireLease(server(), dead.id)
      const [taken] = await Promise.all([checkout(next, issue.id), reap(server().store)])
      expect(taken.status).toBe(200)
      expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: next.id, executionRunId: next.id })
      expect(await runRow(server(), dead.id)).toMatchObject({ status: 'timed_out' })
    }
  })

  test('One call ends more runs than one batch contains', async () => {
    const { company, agent } = await world(server())
    await server().database.sql.query(
      `insert into heartbeat_runs (company_id, agent_id, status, lease_expires_at)
       select $1, $2, 'running', now() - interval '1 minute' from generate_series(1, 130)`,
      [company.id, (await agent()).id],
    )
    expect(await reap(server().store)).toBe(130)
  })

  test('A run that waits for a lock delays no other run', async () => {
    const { held: heldIssue } = await world(server())
    const [locked, other] = [await heldIssue(), await heldIssue()]
    const { sql } = server().database
    await sql.query("update heartbeat_runs set lease_expires_at = now() - interval '1 hour' where id = $1", [locked.run.id])
    await expireLease(server(), other.run.id)
    const connection = await sql.connect()
    try {
      await connection.query('begin')
      await connection.query('select from heartbeat_runs where id = $1 for update', [locked.run.id])
      const reaping = reap(server().store)
      const waiting = async (): Promise<string[]> => {
        const { rows } = await sql.query<{ began: string }>(
          "select xact_start::text as began from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        return rows.map(({ began }) => began)
      }
      await expect.poll(waiting).toHaveLength(1)
      const began = await waiting()
      await expect.poll(() => runRow(server(), other.run.id)).toMatchObject({ status: 'timed_out' })
      expect(await waiting()).toEqual(began)
      await connection.query('rollback')
      expect(await reaping).toBe(2)
    } finally {
      connection.release(true)
    }
  })

  test('A run that cannot be ended delays no other run', async () => {
    const { held: heldIssue } = await world(server())
    const [stuck, other] = [await heldIssue(), await heldIssue()]
    await server().database.sql.query("update heartbeat_runs set lease_expires_at = now() - interval '1 hour' where id = $1", [
      stuck.run.id,
    ])
    await expireLease(server(), other.run.id)
    await server().database.sql.query(`create function refuse_end() returns trigger language plpgsql as $$
      begin raise exception 'this run does not end'; end $$`)
    await server().database.sql.query(`create trigger refuse_end before update of status on heartbeat_runs for each row
      when (old.id = '${stuck.run.id}') execute function refuse_end()`)
    await expect(reap(server().store)).rejects.toThrow('expired runs could not be ended')
    expect(await runRow(server(), other.run.id)).toMatchObject({ status: 'timed_out' })
    expect(await runRow(server(), stuck.run.id)).toMatchObject({ status: 'running' })
    await server().database.sql.query('drop trigger refuse_end on heartbeat_runs')
    expect(await reap(server().store)).toBe(1)
  })
})

test.each(['checkout', 'write', 'claim', 'release'] as const)(
  'One ordinary %s recovers the issue of a dead run before the reaper has run (I3)',
  async (how) => {
    const { company, held: heldIssue, run } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    const next = await run(agent)
    const path = `/api/issues/${issue.id}`
    const request = {
      checkout: () => next.client.post(`${path}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] }),
      write: () => next.client.patch(path, { title: 'Onwards' }),
      claim: () => next.client.post(`/api/companies/${company.id}/issues/claim`),
      release: () => next.client.post(`${path}/release`),
    }[how]
    expect((await request()).status).toBe(200)
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: how === 'release' ? null : next.id, lockEpoch: 2 })
  },
)
