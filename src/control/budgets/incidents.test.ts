import { describe, expect, test } from 'vitest'
import { passGrace, spend } from '../../dev/testing/budgets.ts'
import { expectRefused, holdRow, NO_HOLD, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'
import { tickBudgets } from './index.ts'

const server = useServer()
const overview = async (here: World) => (await server().board.get(`/api/companies/${here.company.id}/budgets/overview`)).body
const hardIncident = async (here: World) =>
  (await overview(here)).activeIncidents.find(({ thresholdType }: { thresholdType: string }) => thresholdType === 'hard')
const resolve = (here: World, incidentId: string, body: Record<string, unknown>) =>
  server().board.post(`/api/companies/${here.company.id}/budget-incidents/${incidentId}/resolve`, body)
const agentOf = async (agent: TestAgent) => (await server().board.get(`/api/agents/${agent.id}`)).body

/** An agent with a budget of 5 dollars whose run on another host holds an issue and has spent 6. */
async function overspent() {
  const here = await world(server())
  const agent = await here.agent({ budgetMonthlyCents: 500 })
  const run = await here.run(agent)
  const issue = await here.issue({ assigneeAgentId: agent.id })
  expect((await here.checkout(run, issue.id)).status).toBe(200)
  await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 600 }, run.client)
  return { here, agent, run, issue, incident: await hardIncident(here) }
}

describe('a hard limit that is crossed', () => {
  test('The event that crosses it records one incident for each threshold, the approval and the order to stop, as acts of the server', async () => {
    const { here, agent, run, incident } = await overspent()
    expect(incident).toMatchObject({
      scopeId: agent.id,
      amountLimit: 500,
      amountObserved: 600,
      status: 'open',
      approvalStatus: 'pending',
      enforcedAt: null,
    })
    expect(await lastAudit(server(), incident.id, 'budget.hard_threshold_crossed')).toMatchObject({
      actorType: 'system',
      actorId: 'budgets',
    })
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 100 }, run.client)
    expect((await overview(here)).activeIncidents).toHaveLength(2)
    expect((await overview(here)).pendingApprovalCount).toBe(1)
  })

  test('A run on another host is ordered to stop by its next heartbeat, may report until its grace is over, and then loses its holds', async () => {
    const { here, agent, run, issue, incident } = await overspent()
    const beat = () => run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)
    expect((await beat()).body.commands).toEqual([{ type: 'stop', reason: 'budget', incidentId: incident.id, graceSeconds: 30 }])
    await tickBudgets(server().store)
    expect(await agentOf(agent)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    expect((await overview(here)).pausedAgentCount).toBe(1)
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 1 }, run.client)
    expect((await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'I stop here.' })).status).toBe(201)
    const free = await here.issue()
    await expectRefused(server(), () => here.checkout(run, free.id), 409, 'agent_not_invokable')
    await passGrace(server(), run)
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
    expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
    expect((await beat()).status).toBe(401)
  })

  test('A run that went on when the limit was raised has its whole grace at the next stop', async () => {
    const { here, agent, run, incident } = await overspent()
    const beat = async () => (await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)).body.commands
    expect(await beat()).toMatchObject([{ incidentId: incident.id }])
    await tickBudgets(server().store)
    expect((await resolve(here, incident.id, { action: 'raise_budget_and_resume', amount: 1000 })).status).toBe(200)
    await passGrace(server(), run)
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 500 }, run.client)
    await tickBudgets(server().store)
    expect(await beat()).toMatchObject([{ incidentId: (await hardIncident(here)).id, graceSeconds: 30 }])
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
    await passGrace(server(), run)
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
  })

  test('A run that never sends a heartbeat ends when its lease would have', async () => {
    const { run, incident } = await overspent()
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
    await server().database.sql.query("update budget_incidents set created_at = now() - interval '301 seconds' where id = $1", [
      incident.id,
    ])
    await server().database.sql.query("update heartbeat_runs set started_at = now() - interval '400 seconds' where id = $1", [run.id])
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
  })

  test('To raise the limit resumes the agent, wakes it for its issue and approves what asked for it, in one transaction', async () => {
    const { here, agent, run, issue, incident } = await overspent()
    await tickBudgets(server().store)
    await server().board.post(`/api/heartbeat-runs/${run.id}/cancel`)
    await expectRefused(
      server(),
      () => resolve(here, incident.id, { action: 'raise_budget_and_resume', amount: 600 }),
      422,
      'unprocessable',
    )
    await expectRefused(server(), () => resolve(here, incident.id, { action: 'raise_budget_and_resume' }), 400, 'validation_failed')
    const answer = await resolve(here, incident.id, { action: 'raise_budget_and_resume', amount: 2000, decisionNote: 'It is worth it.' })
    expect(answer).toMatchObject({ status: 200, body: { status: 'resolved', approvalStatus: 'approved' } })
    expect(await agentOf(agent)).toMatchObject({ status: 'idle', pauseReason: null, budgetMonthlyCents: 2000, spentMonthlyCents: 600 })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
    expect(await lastAudit(server(), incident.id, 'budget.incident_resolved')).toMatchObject({
      actorType: 'user',
      details: { action: 'raise_budget_and_resume', amount: 2000, decisionNote: 'It is worth it.' },
    })
    expect(await actionsOf(server(), incident.approvalId)).toEqual(['approval.created', 'approval.approved'])
    await expectRefused(server(), () => resolve(here, incident.id, { action: 'keep_paused' }), 422, 'illegal_transition')
    expect((await here.run(agent)).id).toBeTypeOf('string')
  })

  test('To keep the scope stopped rejects what asked for more, and a repeated decision changes nothing', async () => {
    const { here, agent, incident } = await overspent()
    await tickBudgets(server().store)
    for (let time = 0; time < 2; time += 1)
      expect((await resolve(here, incident.id, { action: 'keep_paused' })).body).toMatchObject({
        status: 'dismissed',
        approvalStatus: 'rejected',
      })
    await tickBudgets(server().store)
    expect(await agentOf(agent)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    expect((await overview(here)).activeIncidents).toMatchObject([{ thresholdType: 'soft' }])
  })

  test('The approval sets the limit that it shows, and resumes', async () => {
    const { here, agent, incident } = await overspent()
    await tickBudgets(server().store)
    const { body } = await server().board.get(`/api/approvals/${incident.approvalId}`)
    expect(body).toMatchObject({
      type: 'budget_override_required',
      payload: { amountLimit: 500, amountObserved: 600, proposedAmount: 1100 },
    })
    expect((await server().board.post(`/api/approvals/${incident.approvalId}/approve`, { payloadHash: body.payloadHash })).status).toBe(200)
    expect(await agentOf(agent)).toMatchObject({ status: 'idle', budgetMonthlyCents: 1100 })
    expect(await hardIncident(here)).toBeUndefined()
  })

  test('An approval of that type that an agent asks for by itself changes no limit', async () => {
    const { here, agent, incident } = await overspent()
    const other = await here.run(await here.agent())
    const { incidentId: _, ...payload } = {
      incidentId: incident.id,
      scopeType: 'agent',
      scopeId: agent.id,
      policyId: incident.policyId,
      proposedAmount: 999_999,
    }
    const asked = await other.client.post(`/api/companies/${here.company.id}/approvals`, { type: 'budget_override_required', payload })
    expect(asked.status, asked.text).toBe(201)
    await server().board.get(`/api/approvals/${asked.body.id}`)
    expect((await server().board.post(`/api/approvals/${asked.body.id}/approve`)).status).toBe(200)
    expect(await agentOf(agent)).toMatchObject({ budgetMonthlyCents: 500 })
    expect((await hardIncident(here)).id).toBe(incident.id)
  })

  test('When the window turns, the incident ends and the agent goes on', async () => {
    const { here, agent, incident } = await overspent()
    await tickBudgets(server().store)
    const { sql } = server().database
    await sql.query(
      "update budget_incidents set window_start = window_start - interval '1 month', window_end = now() where company_id = $1",
      [here.company.id],
    )
    await sql.query("update budget_windows set window_start = window_start - interval '1 month' where company_id = $1", [here.company.id])
    await tickBudgets(server().store)
    expect(await agentOf(agent)).toMatchObject({ status: 'idle' })
    expect(await lastAudit(server(), incident.id, 'budget.incident_resolved')).toMatchObject({ details: { action: 'window_ended' } })
    expect((await server().board.get(`/api/approvals/${incident.approvalId}`)).body).toMatchObject({ status: 'cancelled' })
    expect((await overview(here)).activeIncidents).toEqual([])
  })

  test('A limit that is raised with the configuration of the agent ends the stop as well, and one that is lowered begins it', async () => {
    const { here, agent } = await overspent()
    await tickBudgets(server().store)
    await server().board.patch(`/api/agents/${agent.id}`, { budgetMonthlyCents: 5000 })
    await tickBudgets(server().store)
    expect(await agentOf(agent)).toMatchObject({ status: 'idle' })
    await server().board.patch(`/api/agents/${agent.id}/budgets`, { budgetMonthlyCents: 100 })
    expect(await hardIncident(here)).toMatchObject({ amountLimit: 100, amountObserved: 600 })
    await tickBudgets(server().store)
    expect(await agentOf(agent)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
  })

  test('A company and a project that are stopped are paused, and go on when their limit is raised', async () => {
    const here = await world(server())
    const path = `/api/companies/${here.company.id}`
    const project = (await server().board.post(`${path}/projects`, { name: 'Engines' })).body
    const agent = await here.agent()
    const issue = await here.issue({ projectId: project.id, assigneeAgentId: agent.id })
    for (const [scopeType, scopeId, read] of [
      ['company', here.company.id, path],
      ['project', project.id, `/api/projects/${project.id}`],
    ] as const) {
      await server().board.post(`${path}/budgets/policies`, { scopeType, scopeId, amount: 100 })
      await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 100, projectId: project.id })
      await tickBudgets(server().store)
      expect((await server().board.get(read)).body).toMatchObject({ pauseReason: 'budget' })
      const incident = await hardIncident(here)
      expect(incident).toMatchObject({ scopeType, scopeId })
      const raised = await resolve(here, incident.id, { action: 'raise_budget_and_resume', amount: 10_000 })
      expect(raised.status, raised.text).toBe(200)
      expect((await server().board.get(read)).body).toMatchObject({ pauseReason: null })
      expect((await wakesOf(server(), issue.id)).filter(({ status }) => status === 'queued')).toHaveLength(1)
    }
  })
})

test('A person who makes a stopped company active ends its pause, and its limit still starts nothing', async () => {
  const here = await world(server())
  const path = `/api/companies/${here.company.id}`
  const agent = await here.agent()
  await server().board.post(`${path}/budgets/policies`, { scopeType: 'company', scopeId: here.company.id, amount: 100 })
  await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 100 })
  await tickBudgets(server().store)
  expect((await server().board.get(path)).body).toMatchObject({ status: 'paused', pauseReason: 'budget' })
  expect((await server().board.patch(path, { status: 'active' })).body).toMatchObject({
    status: 'active',
    pauseReason: null,
    pausedAt: null,
  })
  await expectRefused(server(), () => server().board.post(`/api/agents/${agent.id}/runs`, {}), 409, 'budget_exhausted')
})

describe('power over budgets', () => {
  test('An agent lowers its own budget at once, and to raise it is a proposal', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 500 })
    const path = `/api/agents/${agent.id}/budgets`
    expect(await agent.client.patch(path, { budgetMonthlyCents: 400 })).toMatchObject({ status: 200, body: { budgetMonthlyCents: 400 } })
    for (const budgetMonthlyCents of [500, 0]) {
      const asked = await agent.client.patch(path, { budgetMonthlyCents })
      expect(asked).toMatchObject({ status: 202, body: { budgetMonthlyCents: 400, approval: { status: 'pending' } } })
    }
    const other = await here.agent()
    await expectRefused(server(), () => other.client.patch(path, { budgetMonthlyCents: 1 }), 403, 'not_self')
    expect(await agentOf(agent)).toMatchObject({ budgetMonthlyCents: 400 })
  })

  test('No agent sets a policy or ends an incident, and a foreign incident does not exist', async () => {
    const { here, agent, incident } = await overspent()
    const other = await world(server())
    await expectRefused(
      server(),
      () =>
        agent.client.post(`/api/companies/${here.company.id}/budgets/policies`, { scopeType: 'agent', scopeId: agent.id, amount: 9999 }),
      403,
      'board_required',
    )
    await expectRefused(
      server(),
      () => agent.client.post(`/api/companies/${here.company.id}/budget-incidents/${incident.id}/resolve`, { action: 'keep_paused' }),
      403,
      'board_required',
    )
    await expectRefused(server(), () => resolve(other, incident.id, { action: 'keep_paused' }), 404, 'not_found')
    for (const scope of [
      { scopeType: 'agent', scopeId: agent.id },
      { scopeType: 'company', scopeId: here.company.id },
    ])
      await expectRefused(
        server(),
        () => server().board.post(`/api/companies/${other.company.id}/budgets/policies`, { ...scope, amount: 1 }),
        404,
        'not_found',
      )
  })

  test('A limit that was off and is on again stops once more, and a trial shows what is reserved', async () => {
    const here = await world(server())
    const path = `/api/companies/${here.company.id}/budgets/policies`
    const agent = await here.agent()
    const limit = { scopeType: 'agent', scopeId: agent.id, windowKind: 'lifetime', amount: 500, reserveCents: 200 }
    await server().board.post(path, limit)
    await here.run(agent)
    expect((await server().board.post(path, { ...limit, dryRun: true })).body).toMatchObject({ reservedAmount: 200, wouldStop: false })
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 500 })
    const first = await hardIncident(here)
    await server().board.post(path, { ...limit, hardStopEnabled: false })
    await tickBudgets(server().store)
    expect(await hardIncident(here)).toBeUndefined()
    await server().board.post(path, limit)
    const second = await hardIncident(here)
    expect(second).toMatchObject({ status: 'open', amountLimit: 500 })
    expect(second.id).not.toBe(first.id)
  })

  test('A stop that cannot be carried out delays no other, and the task reports it', async () => {
    const [stuck, free] = [await overspent(), await overspent()]
    const blocking = await server().database.sql.connect()
    try {
      await blocking.query(`create function refuse_pause() returns trigger language plpgsql as $$ begin raise exception 'stuck'; end $$`)
      await blocking.query(
        `create trigger refuse_pause before update of status on agents for each row when (old.id = '${stuck.agent.id}') execute function refuse_pause()`,
      )
      await expect(tickBudgets(server().store)).rejects.toThrow('some limits could not be enforced')
    } finally {
      await blocking.query('drop trigger if exists refuse_pause on agents')
      await blocking.query('drop function if exists refuse_pause')
      blocking.release()
    }
    expect(await agentOf(free.agent)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    expect(await agentOf(stuck.agent)).toMatchObject({ status: 'idle' })
    await tickBudgets(server().store)
    expect(await agentOf(stuck.agent)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
  })

  test('The largest limit is a limit like every other one', async () => {
    const here = await world(server())
    const { status, body } = await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, {
      scopeType: 'company',
      scopeId: here.company.id,
      amount: 2_147_483_647,
      warnPercent: 99,
    })
    expect({ status, body }).toMatchObject({ status: 200, body: { amount: 2_147_483_647, status: 'ok' } })
    await tickBudgets(server().store)
  })

  test('A limit that is tried says what it would stop and writes nothing', async () => {
    const { here, agent, run } = await overspent()
    await expectNothingWritten(async () => {
      const { body } = await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, {
        scopeType: 'company',
        scopeId: here.company.id,
        amount: 600,
        dryRun: true,
      })
      expect(body).toMatchObject({
        dryRun: true,
        wouldStop: true,
        observedAmount: 600,
        remainingAmount: 0,
        runIds: [run.id],
        agentIds: [agent.id],
      })
    })
  })
})

async function expectNothingWritten(act: () => Promise<void>): Promise<void> {
  const count = async () => (await server().database.sql.query('select count(*)::int as rows from activity_log')).rows[0]
  const before = await count()
  await act()
  expect(await count()).toEqual(before)
}
