import { beforeEach, describe, expect, test } from 'vitest'
import { budgetSums, passGrace, spend } from '../../dev/testing/budgets.ts'
import { runRow } from '../../dev/testing/holds.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, TestRun, World } from '../../dev/testing/world.ts'
import { tickBudgets } from './index.ts'

const server = useServer()

let here: World
let agent: TestAgent
beforeEach(async () => {
  here = await world(server())
  agent = await here.agent({ budgetMonthlyCents: 500 })
})

const agentNow = async () => (await server().board.get(`/api/agents/${agent.id}`)).body
const hardIncident = async () => {
  const { rows } = await server().database.sql.query<{ id: string; status: string; approvalId: string }>(
    `select id, status, approval_id as "approvalId" from budget_incidents where company_id = $1 and threshold_type = 'hard'`,
    [here.company.id],
  )
  expect(rows).toHaveLength(1)
  return rows[0] ?? { id: '', status: '', approvalId: '' }
}
const spending = (cents: number, fields: object = {}, run?: TestRun) =>
  spend(server(), { companyId: here.company.id, agentId: agent.id, cents, ...fields }, run?.client)
const commandsOf = async (run: TestRun) => (await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)).body.commands

describe('A correction that takes what was spent below the limit', () => {
  test('Ends the stop: the incident is resolved, its approval cancelled, and the agent goes on', async () => {
    const event = await spending(600)
    await tickBudgets(server().store)
    expect(await agentNow()).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    await spending(-200, { correctsId: event.id })
    await tickBudgets(server().store)
    const incident = await hardIncident()
    expect(incident.status).toBe('resolved')
    expect(await lastAudit(server(), incident.id, 'budget.incident_resolved')).toMatchObject({ details: { action: 'spending_corrected' } })
    expect((await server().board.get(`/api/approvals/${incident.approvalId}`)).body).toMatchObject({ status: 'cancelled' })
    expect(await agentNow()).toMatchObject({ status: 'idle', pauseReason: null })
    const run = await here.run(agent)
    expect(await commandsOf(run)).toEqual([])
    await passGrace(server(), run)
    await tickBudgets(server().store)
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
  })

  test('Stops nothing any more where it comes before the order is carried out', async () => {
    const run = await here.run(agent)
    const event = await spending(600, {}, run)
    expect(await commandsOf(run)).toMatchObject([{ type: 'stop' }])
    await spending(-200, { correctsId: event.id })
    expect(await commandsOf(run)).toEqual([])
    await tickBudgets(server().store)
    const incident = await hardIncident()
    expect(incident.status).toBe('resolved')
    expect(await actionsOf(server(), incident.id)).not.toContain('budget.stop_enforced')
    expect(await agentNow()).toMatchObject({ pauseReason: null })
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 400_000_000 })
  })

  test('Leaves a scope that the board keeps stopped to the board, and stops no run behind its resume', async () => {
    const event = await spending(600)
    await tickBudgets(server().store)
    const { id } = await hardIncident()
    await server().board.post(`/api/companies/${here.company.id}/budget-incidents/${id}/resolve`, { action: 'keep_paused' })
    await spending(-200, { correctsId: event.id })
    await tickBudgets(server().store)
    expect(await agentNow()).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    expect(await server().board.post(`/api/agents/${agent.id}/resume`)).toMatchObject({ status: 200 })
    const run = await here.run(agent)
    await tickBudgets(server().store)
    expect(await commandsOf(run)).toEqual([])
    expect((await hardIncident()).status).toBe('dismissed')
  })

  test('Ends no stop where it leaves the limit used up, or where another limit of the scope is', async () => {
    const policy = { scopeType: 'agent', scopeId: agent.id, windowKind: 'lifetime', amount: 100 }
    const event = await spending(600)
    await spending(-100, { correctsId: event.id })
    await tickBudgets(server().store)
    expect((await hardIncident()).status).toBe('open')
    await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, policy)
    await tickBudgets(server().store)
    await spending(-1, { correctsId: event.id })
    await tickBudgets(server().store)
    expect(await agentNow()).toMatchObject({ status: 'paused', pauseReason: 'budget' })
  })
})
