import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { countDeadlocks, keyClientForRun, plantColumns, expectRefused, waitUntil, waitForLockWaiter } from '../../dev/testing/holds.ts'
import { auditCount, expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const sendHeartbeat = (client: Client, runId: string) => client.post(`/api/heartbeat-runs/${runId}/heartbeat`)

const leaseSecondsLeft = async (runId: string): Promise<number> => {
  const { rows } = await server().database.sql.query<{ left: number }>(
    'select floor(extract(epoch from lease_expires_at - clock_timestamp()))::int as left from heartbeat_runs where id = $1',
    [runId],
  )
  return rows[0]?.left ?? 0
}

const setLeaseSecondsLeft = (runId: string, seconds: number) =>
  server().database.sql.query('update heartbeat_runs set lease_expires_at = now() + make_interval(secs => $2) where id = $1', [
    runId,
    seconds,
  ])

describe('heartbeat', () => {
  test('A heartbeat renews the lease, lists the holds and the revoked issues of the run, and leaves no audit row', async () => {
    const { held: heldIssue, issue, checkout, agent } = await world(server())
    const { issue: kept, run } = await heldIssue()
    const lost = await issue()
    await checkout(run, lost.id)
    await server().board.post(`/api/issues/${lost.id}/admin/force-release`)
    await setLeaseSecondsLeft(run.id, 20)
    const audits = await auditCount(server())
    const { status, body } = await sendHeartbeat(run.client, run.id)
    expect(status).toBe(200)
    expect(body).toEqual({
      leaseExpiresAt: expect.any(String),
      commands: [{ type: 'drop_issue', issueId: lost.id }],
      holds: [{ issueId: kept.id, identifier: kept.identifier, lockEpoch: 1 }],
      revoked: [{ issueId: lost.id, identifier: lost.identifier, revokedAt: expect.any(String) }],
    })
    expect(await leaseSecondsLeft(run.id)).toBeGreaterThan(290)
    expect(await auditCount(server())).toBe(audits)
    const idle = await agent()
    expect((await server().board.get(`/api/agents/${idle.id}`)).body.lastHeartbeatAt).toBeNull()
    expect((await server().board.get(`/api/agents/${run.agentId}`)).body.lastHeartbeatAt).not.toBeNull()
  })

  test('A heartbeat with the agent’s API key works with and without the header and lists no hold of another run', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: holder, agent } = await heldIssue()
    const other = await run(agent)
    await plantColumns(server(), issue.id, { executionRunId: other.id })
    expect((await sendHeartbeat(agent.client, holder.id)).body.holds).toMatchObject([{ issueId: issue.id }])
    expect((await sendHeartbeat(keyClientForRun(agent, other), other.id)).body.holds).toMatchObject([{ issueId: issue.id }])
    await plantColumns(server(), issue.id, { executionRunId: null })
    expect((await sendHeartbeat(agent.client, other.id)).body.holds).toEqual([])
  })

  test('A heartbeat does not revive a run that ended or whose lease expired', async () => {
    const { agent, run } = await world(server())
    const who = await agent()
    const [lapsed, ended] = [await run(who), await run(who)]
    await expireLease(server(), lapsed.id)
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    for (const [dead, runStatus] of [
      [lapsed, 'running'],
      [ended, 'cancelled'],
    ] as const) {
      const { body } = await expectRefused(server(), () => sendHeartbeat(who.client, dead.id), 409, 'run_ended')
      expect(body.details).toMatchObject({ runStatus, retryable: false, next: 'new_run' })
      await expectRefused(server(), () => sendHeartbeat(keyClientForRun(who, dead), dead.id), 409, 'run_ended')
    }
    expect(await leaseSecondsLeft(lapsed.id)).toBeLessThan(0)
    await expectRefused(server(), () => sendHeartbeat(ended.client, ended.id), 401, 'unauthorized')
  })

  test('A heartbeat for another run is 422 by a run, 403 for a colleague’s run, 404 for a foreign or missing run, and 401 by the board', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const who = await here.agent()
    const [one, two] = [await here.run(who), await here.run(who)]
    const colleague = await here.run(await here.agent())
    const foreign = await elsewhere.run(await elsewhere.agent())
    await expectRefused(server(), () => sendHeartbeat(one.client, two.id), 422, 'run_id_mismatch')
    await expectRefused(server(), () => sendHeartbeat(who.client, colleague.id), 403, 'forbidden')
    await expectRefused(server(), () => sendHeartbeat(who.client, foreign.id), 404, 'not_found')
    await expectRefused(server(), () => sendHeartbeat(who.client, randomUUID()), 404, 'not_found')
    await expectRefused(server(), () => sendHeartbeat(server().board, one.id), 401, 'agent_required')
  })
})

describe('lease renewal by authenticated requests (LOCK_PROTOCOL §3)', () => {
  test('A request that names the run, reads included, renews its lease once a third has passed, never earlier, and never for a dead run', async () => {
    const { agent, run, issue } = await world(server())
    const who = await agent()
    const wanted = await issue()
    const fresh = await run(who, { leaseSeconds: 60 })
    await setLeaseSecondsLeft(fresh.id, 45)
    await fresh.client.get(`/api/issues/${wanted.id}`)
    expect(await leaseSecondsLeft(fresh.id)).toBeLessThanOrEqual(45)

    const due = await run(who, { leaseSeconds: 60 })
    await setLeaseSecondsLeft(due.id, 35)
    await due.client.get(`/api/issues/${wanted.id}`)
    expect(await leaseSecondsLeft(due.id)).toBeGreaterThan(55)

    const byHeader = await run(who, { leaseSeconds: 60 })
    await setLeaseSecondsLeft(byHeader.id, 35)
    await keyClientForRun(who, byHeader).post(`/api/issues/${wanted.id}/comments`, { body: 'Still here' })
    expect(await leaseSecondsLeft(byHeader.id)).toBeGreaterThan(55)

    const dead = await run(who, { leaseSeconds: 60 })
    await expireLease(server(), dead.id)
    await dead.client.get(`/api/issues/${wanted.id}`)
    expect(await leaseSecondsLeft(dead.id)).toBeLessThan(0)
  })

  test('A request of a colleague that names the run does not renew its lease', async () => {
    const { agent, run, issue } = await world(server())
    const who = await run(await agent(), { leaseSeconds: 60 })
    const colleague = await agent()
    const wanted = await issue()
    await setLeaseSecondsLeft(who.id, 35)
    await expectRefused(
      server(),
      () => keyClientForRun(colleague, who).post(`/api/issues/${wanted.id}/comments`, { body: 'Hi' }),
      422,
      'run_unknown',
    )
    expect(await leaseSecondsLeft(who.id)).toBeLessThanOrEqual(35)
  })
})

test.each(['heartbeat', 'any request'])(
  'A lease renewal by %s never waits for an agent that is being paused, so neither deadlocks (I13)',
  async (kind) => {
    const { agent, run, issue } = await world(server())
    const who = await run(await agent())
    const wanted = await issue()
    await setLeaseSecondsLeft(who.id, 100)
    // A pause locks the agent's row first and then the run's row.
    const pausing = await server().database.sql.connect()
    try {
      await pausing.query('begin')
      await pausing.query('select 1 from agents where id = $1 for no key update', [who.agentId])
      const renewal = kind === 'heartbeat' ? sendHeartbeat(who.client, who.id) : who.client.get(`/api/issues/${wanted.id}`)
      expect((await renewal).status).toBe(200)
      await pausing.query('select 1 from heartbeat_runs where id = $1 for no key update', [who.id])
      await pausing.query('commit')
    } finally {
      pausing.release()
    }
    expect(await leaseSecondsLeft(who.id)).toBeGreaterThan(290)
    expect(await countDeadlocks(server())).toBe(0)
  },
)

test('A run whose lease expires while its last request waits for a lock is dead when that request is decided', async () => {
  const { held: heldIssue } = await world(server())
  const { issue, run } = await heldIssue()
  const blocking = await server().database.sql.connect()
  try {
    await blocking.query('begin')
    await blocking.query('select 1 from heartbeat_runs where id = $1 for no key update', [run.id])
    await blocking.query("update heartbeat_runs set lease_expires_at = clock_timestamp() + interval '400 ms' where id = $1", [run.id])
    await blocking.query('commit; begin')
    await blocking.query('select 1 from heartbeat_runs where id = $1 for no key update', [run.id])
    const requests = [
      run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }),
      run.client.post(`/api/issues/${issue.id}/comments`, { body: 'Done' }),
      run.client.patch(`/api/issues/${issue.id}`, { title: 'Done' }),
    ]
    await waitForLockWaiter(server())
    await waitUntil('the lease has expired', async () => (await leaseSecondsLeft(run.id)) < 0)
    await blocking.query('rollback')
    const answers = await Promise.all(requests)
    expect(answers.map((answer) => answer.status)).toEqual([409, 401, 401])
  } finally {
    blocking.release()
  }
})
