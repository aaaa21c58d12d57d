import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { keyClientForRun, expectRefused, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const open = (client: Client, agentId: string, body?: Record<string, unknown>) => client.post(`/api/agents/${agentId}/runs`, body)

describe('openRun', () => {
  test('A run opened by the agent or the board is running and has a lease and a token of the agent', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const wanted = await issue()
    for (const client of [who.client, server().board]) {
      const { status, body } = await open(client, who.id, { issueId: wanted.id, externalRunId: 'ext-1' })
      expect(status).toBe(201)
      expect(body.run).toMatchObject({ agentId: who.id, status: 'running', issueId: wanted.id, leaseSeconds: 300, externalRunId: 'ext-1' })
      expect(body.leaseExpiresAt).toBe(body.run.leaseExpiresAt)
      expect((await server().bearer(body.token).get('/api/agents/me')).body).toMatchObject({ id: who.id })
      const row = await lastAudit(server(), body.run.id, 'heartbeat.run_started')
      expect(row.details).toEqual({ agentId: who.id, issueId: wanted.id, externalRunId: 'ext-1', leaseSeconds: 300 })
    }
  })

  test('An opened run holds no issue before it checks one out', async () => {
    const { agent, issue, run } = await world(server())
    const wanted = await issue()
    await run(await agent(), { issueId: wanted.id })
    expect((await server().board.get(`/api/issues/${wanted.id}`)).body).toMatchObject({ status: 'todo', checkoutRunId: null, lockEpoch: 0 })
  })

  test('The lease is as long as requested, from 30 to 3,600 seconds', async () => {
    const { agent } = await world(server())
    const who = await agent()
    for (const leaseSeconds of [30, 3600]) {
      const { body } = await open(who.client, who.id, { leaseSeconds })
      const { rows } = await server().database.sql.query(
        'select lease_seconds as seconds, round(extract(epoch from lease_expires_at - started_at))::int as granted from heartbeat_runs where id = $1',
        [body.run.id],
      )
      expect(rows).toEqual([{ seconds: leaseSeconds, granted: leaseSeconds }])
    }
    for (const leaseSeconds of [29, 3601, 0, -1, 30.5, '60', null]) {
      await expectRefused(server(), () => open(who.client, who.id, { leaseSeconds }), 400, 'validation_failed')
    }
  })

  test('A run that a wake queued for the same issue is started instead of a second one', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const given = await issue({ assigneeAgentId: who.id })
    const [wake] = await wakesOf(server(), given.id)
    expect(wake).toMatchObject({ status: 'queued' })
    const { body } = await open(who.client, who.id, { issueId: given.id, leaseSeconds: 60 })
    expect(body.run).toMatchObject({ id: wake?.runId, status: 'running', leaseSeconds: 60, wakeupRequestId: wake?.id })
    expect(await wakesOf(server(), given.id)).toMatchObject([{ status: 'claimed', runId: body.run.id }])
    expect((await open(who.client, who.id, { issueId: given.id })).body.run.id).not.toBe(body.run.id)
  })

  test('A queued run of another agent, of another issue or with an expired lease is not started', async () => {
    const { agent, issue } = await world(server())
    const [who, other] = [await agent(), await agent()]
    const [given, elsewhere] = [await issue({ assigneeAgentId: who.id }), await issue({ assigneeAgentId: who.id })]
    const [wake] = await wakesOf(server(), given.id)
    expect((await open(other.client, other.id, { issueId: given.id })).body.run.id).not.toBe(wake?.runId)
    expect((await open(who.client, who.id, { issueId: elsewhere.id })).body.run.id).not.toBe(wake?.runId)
    expect((await open(who.client, who.id)).body.run.id).not.toBe(wake?.runId)
    await expireLease(server(), wake?.runId ?? '')
    expect((await open(who.client, who.id, { issueId: given.id })).body.run.id).not.toBe(wake?.runId)
  })

  test('Of eight concurrent openings one starts the queued run', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const given = await issue({ assigneeAgentId: who.id })
    const [wake] = await wakesOf(server(), given.id)
    const answers = await race(Array.from({ length: 8 }), () => open(who.client, who.id, { issueId: given.id }))
    expect(countByStatus(answers)).toEqual({ 201: 8 })
    expect(answers.filter((answer) => answer.body.run.id === wake?.runId)).toHaveLength(1)
    expect(new Set(answers.map((answer) => answer.body.run.id)).size).toBe(8)
  })

  test('An agent that acts in another run opens a run, whichever id sorts first', async () => {
    const { agent, issue, run } = await world(server())
    const who = await agent()
    const acting = await run(who)
    for (const queuedId of ['00000000-0000-4000-8000-', 'ffffffff-ffff-4fff-bfff-'].map((start) => start + randomUUID().slice(24))) {
      const given = await issue({ assigneeAgentId: who.id })
      await server().database.sql.query('update heartbeat_runs set id = $2 where issue_id = $1', [given.id, queuedId])
      const { status, body } = await open(keyClientForRun(who, acting), who.id, { issueId: given.id })
      expect({ status, id: body.run?.id }).toEqual({ status: 201, id: queuedId })
      expect(await lastAudit(server(), queuedId, 'heartbeat.run_started')).toMatchObject({ actorId: who.id })
    }
    await expireLease(server(), acting.id)
    await expectRefused(server(), () => open(keyClientForRun(who, acting), who.id), 409, 'run_ended')
  })

  test('A run cannot open another run, and an agent cannot open one for a colleague', async () => {
    const { agent, run } = await world(server())
    const who = await agent()
    const acting = await run(who)
    await expectRefused(server(), () => open(acting.client, who.id), 403, 'forbidden')
    const colleague = await agent()
    await expectRefused(server(), () => open(who.client, colleague.id), 403, 'not_self')
  })

  test('Opening is refused for an agent that is paused, pending, terminated, over its budget or in a company that is not active', async () => {
    const { company, agent } = await world(server())
    const who = await agent({ budgetMonthlyCents: 5 })
    const set = (text: string) => server().database.sql.query(text, [who.id])
    for (const status of ['paused', 'pending_approval', 'terminated']) {
      await set(`update agents set status = '${status}' where id = $1`)
      const { body } = await expectRefused(server(), () => open(server().board, who.id), 409, 'agent_not_invokable')
      expect(body.details).toEqual({ status, next: 'ask_board' })
    }
    await set("update agents set status = 'idle' where id = $1")
    await set('update budget_windows set spent = 5 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)')
    await expectRefused(server(), () => open(server().board, who.id), 409, 'budget_exhausted')
    await set('update budget_windows set spent = 0 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)')
    await server().database.sql.query("update companies set status = 'archived' where id = $1", [company.id])
    await expectRefused(server(), () => open(server().board, who.id), 409, 'company_not_active')
  })

  test('Opening for an issue or agent of another company is the same 404 as for a missing one', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const who = await here.agent()
    const foreign = await elsewhere.issue()
    for (const issueId of [foreign.id, randomUUID()]) {
      const { body } = await expectRefused(server(), () => open(who.client, who.id, { issueId }), 404, 'not_found')
      expect(body.error).toBe('Issue not found')
    }
    await expectRefused(server(), () => open(server().board, randomUUID()), 404, 'not_found')
  })
})

test('A row inserted with only company, agent and status is a valid run with five minutes of lease (LOCK_PROTOCOL §2)', async () => {
  const { company, agent, issue, checkout } = await world(server())
  const who = await agent()
  const { rows } = await server().database.sql.query<{ id: string; seconds: number }>(
    `insert into heartbeat_runs (company_id, agent_id, status) values ($1, $2, 'running')
     returning id, round(extract(epoch from lease_expires_at - now()))::int as seconds`,
    [company.id, who.id],
  )
  const id = rows[0]?.id ?? ''
  expect(rows[0]?.seconds).toBe(300)
  const free = await issue()
  expect((await checkout({ id, agentId: who.id, token: '', client: keyClientForRun(who, id) }, free.id)).body).toMatchObject({
    checkoutRunId: id,
  })
  expect((await keyClientForRun(who, id).post(`/api/heartbeat-runs/${id}/finish`, { status: 'succeeded' })).status).toBe(200)
  expect(await runRow(server(), id)).toMatchObject({ status: 'succeeded' })
})
