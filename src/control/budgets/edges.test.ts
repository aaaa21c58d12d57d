import { describe, expect, test } from 'vitest'
import { budgetSums, passGrace, spend } from '../../dev/testing/budgets.ts'
import { expectRefused, runRow } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'
import { tickBudgets } from './index.ts'

const server = useServer()
const overview = async (here: World) => (await server().board.get(`/api/companies/${here.company.id}/budgets/overview`)).body
const setLimit = async (here: World, policy: object) => {
  const answer = await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, policy)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

describe('an event that is dated into a later month', () => {
  test('It stops nothing and warns of nothing before that month begins, and stops then', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 500 })
    await setLimit(here, { scopeType: 'company', scopeId: here.company.id, amount: 500, hardStopEnabled: false })
    const { sql } = server().database
    const { rows } = await sql.query<{ at: string }>(
      `select to_char(date_trunc('month', now() at time zone 'UTC') + interval '1 month 1 hour', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at`,
    )
    for (const occurredAt of [rows[0]?.at, '9999-12-31T23:59:58Z'])
      await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 600, occurredAt })
    await tickBudgets(server().store)
    expect((await overview(here)).activeIncidents).toEqual([])
    await here.run(agent)
    // The month begins.
    await sql.query(
      `delete from budget_windows where company_id = $1 and window_start = date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'`,
      [here.company.id],
    )
    await sql.query(
      `update budget_windows set window_start = window_start - interval '1 month' where company_id = $1 and window_start < now() + interval '40 days'`,
      [here.company.id],
    )
    await tickBudgets(server().store)
    expect((await server().board.get(`/api/agents/${agent.id}`)).body).toMatchObject({ status: 'paused', pauseReason: 'budget' })
  })
})

describe('a limit that is nearly reached', () => {
  test('A trial compares what was spent to the millionth of a cent, as the limit itself does', async () => {
    const here = await world(server())
    const agent = await here.agent()
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 99 })
    await server().board.post(`/api/companies/${here.company.id}/cost-events`, {
      agentId: agent.id,
      provider: 'anthropic',
      model: 'claude',
      costMicrocents: 600_000,
      occurredAt: new Date().toISOString(),
    })
    const policy = { scopeType: 'agent', scopeId: agent.id, amount: 100 }
    expect(await setLimit(here, { ...policy, dryRun: true })).toMatchObject({ observedAmount: 100, wouldStop: false, wouldWarn: true })
    expect(await setLimit(here, policy)).toMatchObject({ observedAmount: 100, status: 'warning' })
    expect(await setLimit(here, { ...policy, amount: 124, dryRun: true })).toMatchObject({ wouldWarn: false })
    expect(await setLimit(here, { ...policy, amount: 99, dryRun: true })).toMatchObject({ wouldStop: true })
  })
})

describe('an agent whose limit is used up', () => {
  test('Its run in the grace of the stop cannot begin the grace anew by a lower budget', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 500 })
    const run = await here.run(agent)
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 600 }, run.client)
    await tickBudgets(server().store)
    const { sql } = server().database
    await sql.query("update budget_incidents set created_at = now() - interval '1 day' where company_id = $1", [here.company.id])
    await sql.query("update heartbeat_runs set started_at = now() - interval '2 days' where id = $1", [run.id])
    const lower = () => run.client.patch(`/api/agents/${agent.id}/budgets`, { budgetMonthlyCents: 400 })
    await expectRefused(server(), lower, 409, 'agent_paused')
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
  })
})

describe('a project whose limit is used up', () => {
  const exhausted = async () => {
    const here = await world(server())
    const C = `/api/companies/${here.company.id}`
    const project = (await server().board.post(`${C}/projects`, { name: 'Engines' })).body
    await setLimit(here, { scopeType: 'project', scopeId: project.id, amount: 100 })
    const agent = await here.agent()
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 200, projectId: project.id })
    await tickBudgets(server().store)
    const [run, issue] = [await here.run(agent), await here.issue()]
    expect((await here.checkout(run, issue.id)).status).toBe(200)
    const moveBy = (client: Client) => client.patch(`/api/issues/${issue.id}`, { projectId: project.id })
    return { here, agent, run, issue, project, moveBy }
  }

  test('A run that holds an issue of no project cannot move it there, and reserves of a limit that has something left', async () => {
    const { here, run, project, moveBy } = await exhausted()
    await expectRefused(server(), () => moveBy(run.client), 409, 'budget_exhausted')
    await setLimit(here, { scopeType: 'project', scopeId: project.id, amount: 1000, reserveCents: 50 })
    expect((await moveBy(run.client)).status).toBe(200)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reserved: 50_000_000, kept: 50_000_000 })
  })

  test('An agent takes no issue out of a project with a limit, and does not delete the project; the board does', async () => {
    const here = await world(server())
    const C = `/api/companies/${here.company.id}`
    const [limited, free] = await Promise.all(
      ['Engines', 'Wings'].map(async (name) => (await server().board.post(`${C}/projects`, { name })).body),
    )
    const policy = await setLimit(here, { scopeType: 'project', scopeId: limited.id, amount: 1000, reserveCents: 50 })
    const run = await here.run(await here.agent())
    const issue = await here.issue({ projectId: limited.id })
    expect((await here.checkout(run, issue.id)).status).toBe(200)
    const moveTo = (client: Client, projectId: string | null) => client.patch(`/api/issues/${issue.id}`, { projectId })
    for (const projectId of [free.id, null]) await expectRefused(server(), () => moveTo(run.client, projectId), 403, 'field_not_permitted')
    await expectRefused(server(), () => run.client.del(`/api/projects/${limited.id}`), 403, 'field_not_permitted')
    expect((await moveTo(run.client, limited.id)).status).toBe(200)
    expect((await moveTo(server().board, free.id)).status).toBe(200)
    expect((await moveTo(run.client, null)).status).toBe(200)
    expect((await run.client.del(`/api/projects/${free.id}`)).status).toBe(200)
    await setLimit(here, { scopeType: 'project', scopeId: limited.id, amount: policy.amount, isActive: false })
    expect((await run.client.del(`/api/projects/${limited.id}`)).status).toBe(200)
  })

  test('A run whose issue the board moves there is ordered to stop, and ends when its grace is over', async () => {
    const { run, moveBy } = await exhausted()
    expect((await moveBy(server().board)).status).toBe(200)
    const beat = await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)
    expect(beat.body.commands).toMatchObject([{ type: 'stop', reason: 'budget' }])
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
    await passGrace(server(), run)
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
  })

  test('A run whose start committed after the event that crosses its limit had begun ends as well', async () => {
    const { run, moveBy } = await exhausted()
    expect((await moveBy(server().board)).status).toBe(200)
    const { sql } = server().database
    await sql.query("update heartbeat_runs set started_at = now() - interval '1 hour' where id = $1", [run.id])
    await sql.query("update budget_incidents set created_at = now() - interval '2 hours' where scope_type = 'project'")
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
  })
})
