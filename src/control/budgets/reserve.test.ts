import { describe, expect, test } from 'vitest'
import { budgetSums, spend } from '../../dev/testing/budgets.ts'
import { countDeadlocks, expectRefused, waitForLockWaiter } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'
import { tickBudgets } from './watch.ts'
import { reap } from '../../scheduler/reap.ts'

const server = useServer()
const NOTHING = { reserved: 0, reservations: 0, kept: 0 }
const open = (agent: TestAgent, fields: Record<string, unknown> = {}) => server().board.post(`/api/agents/${agent.id}/runs`, fields)
const setLimit = async (here: World, fields: Record<string, unknown>) => {
  const answer = await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, {
    scopeType: 'company',
    scopeId: here.company.id,
    ...fields,
  })
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

/** 5 in `npm test`, 500 in `npm run check:full`. */
const ROUNDS = Number(process.env['BUDGET_ROUNDS'] ?? 5)

test('Of 32 agents that start at once on a budget for five, five start, and what they reserved is given back however they end (I11)', async () => {
  const here = await world(server())
  await setLimit(here, { amount: 500, reserveCents: 100 })
  const agents = await Promise.all(Array.from({ length: 32 }, () => here.agent()))
  const before = await countDeadlocks(server())
  const ends = [
    (id: string, token: string) => server().bearer(token).post(`/api/heartbeat-runs/${id}/finish`, { status: 'succeeded' }),
    (id: string) => server().board.post(`/api/heartbeat-runs/${id}/cancel`),
    (id: string) => server().board.post(`/api/heartbeat-runs/${id}/finish`, { status: 'failed', error: 'crashed' }),
    async (id: string) => {
      await expireLease(server(), id)
      await reap(server().store)
    },
  ]
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = await race(agents, (agent) => open(agent))
    const started = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status }) => status === 409)
    expect([started.length, refused.length]).toEqual([5, 27])
    for (const { body } of refused)
      expect(body).toMatchObject({ code: 'budget_exhausted', details: { leftCents: 0, neededCents: 100, next: 'wait' } })
    expect(await budgetSums(server(), here.company.id)).toEqual({ spent: 0, reserved: 500_000_000, reservations: 5, kept: 500_000_000 })
    for (const [at, { body }] of started.entries()) await ends[(round + at) % ends.length]?.(body.run.id, body.token)
    expect(await budgetSums(server(), here.company.id)).toMatchObject(NOTHING)
  }
  expect(await countDeadlocks(server())).toBe(before)
}, 1_000_000)

describe('reservations', () => {
  test('A run uses up what it has reserved by what it reports, and gives the rest back', async () => {
    const here = await world(server())
    await setLimit(here, { amount: 1000, reserveCents: 100 })
    const agent = await here.agent()
    const run = await here.run(agent)
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 30 }, run.client)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 30_000_000, reserved: 70_000_000, kept: 70_000_000 })
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 100 }, run.client)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 130_000_000, reserved: 0, kept: 0 })
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 130_000_000, ...NOTHING })
  })

  test('Without more a run reserves a dollar, then what the dearest of the last runs cost, and never more than the whole limit', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 50 })
    const first = await here.run(agent)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reserved: 50_000_000 })
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 20 }, first.client)
    await first.client.post(`/api/heartbeat-runs/${first.id}/finish`, { status: 'succeeded' })
    await here.run(agent)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 20_000_000, reserved: 20_000_000 })
  })

  test('The configuration of the agent says what its runs reserve, and an agent may ask for more and never for less', async () => {
    const here = await world(server())
    await setLimit(here, { amount: 1000, reserveCents: 400 })
    const agent = await here.agent({ runtimeConfig: { budget: { reserveCents: 200 } } })
    const run = await here.run(agent, { reserveCents: 0 })
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reserved: 200_000_000 })
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    await here.run(agent, { reserveCents: 300 })
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reserved: 300_000_000 })
    const board = await open(await here.agent(), { reserveCents: 10 })
    expect(board.status).toBe(201)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reserved: 310_000_000 })
  })

  test('The limit of a project counts from the checkout of its issue, and a claim passes it by', async () => {
    const here = await world(server())
    const project = (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Engines' })).body
    await setLimit(here, { scopeType: 'project', scopeId: project.id, amount: 100, reserveCents: 100 })
    const [first, second] = [await here.issue({ projectId: project.id }), await here.issue({ projectId: project.id })]
    const [one, other] = [await here.run(await here.agent()), await here.run(await here.agent())]
    expect(await budgetSums(server(), here.company.id)).toMatchObject(NOTHING)
    expect((await here.checkout(one, first.id)).status).toBe(200)
    const refused = await expectRefused(server(), () => here.checkout(other, second.id), 409, 'budget_exhausted')
    expect(refused.body.details).toMatchObject({ scopeType: 'project', scopeId: project.id, leftCents: 0, retryable: true, next: 'wait' })
    expect((await here.checkout(one, second.id)).status).toBe(200)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reservations: 1, reserved: 100_000_000 })
    await one.client.post(`/api/heartbeat-runs/${one.id}/finish`, { status: 'succeeded' })
    expect(await budgetSums(server(), here.company.id)).toMatchObject(NOTHING)
  })

  test('A run that is opened for an issue reserves of the limit of its project, and none begins behind a crossed one', async () => {
    const here = await world(server())
    const project = (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Engines' })).body
    await setLimit(here, { scopeType: 'project', scopeId: project.id, amount: 100, reserveCents: 60 })
    const issue = await here.issue({ projectId: project.id })
    const agent = await here.agent()
    const opened = await open(agent, { issueId: issue.id })
    expect(opened.status).toBe(201)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ reservations: 1, reserved: 60_000_000 })
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 110 }, server().bearer(opened.body.token))
    const other = await here.agent()
    const refused = await expectRefused(server(), () => open(other, { issueId: issue.id }), 409, 'budget_exhausted')
    expect(refused.body.details).toMatchObject({ scopeType: 'project', retryable: false, next: 'ask_board' })
    expect((await open(other)).status).toBe(201)
  })

  test('A limit that is only a warning reserves nothing and refuses nothing', async () => {
    const here = await world(server())
    await setLimit(here, { amount: 100, hardStopEnabled: false })
    const agent = await here.agent()
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 200 })
    await here.run(agent)
    expect(await budgetSums(server(), here.company.id)).toMatchObject(NOTHING)
    const { body } = await server().board.get(`/api/companies/${here.company.id}/budgets/overview`)
    expect(body.policies).toMatchObject([{ status: 'warning', observedAmount: 200 }])
    expect(body.activeIncidents).toMatchObject([{ thresholdType: 'soft', approvalId: null }])
  })

  test('The largest limit that can be set is read, charged and watched like any other', async () => {
    const here = await world(server())
    const agent = await here.agent()
    await setLimit(here, { amount: 2_147_483_647, warnPercent: 99 })
    await setLimit(here, { amount: 2_147_483_647, warnPercent: 99, windowKind: 'lifetime', hardStopEnabled: false })
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 200 })
    await tickBudgets(server().store)
    const { body } = await server().board.get(`/api/companies/${here.company.id}/budgets/overview`)
    expect(body.policies).toMatchObject([
      { status: 'ok', observedAmount: 200 },
      { status: 'ok', observedAmount: 200 },
    ])
  })

  test('A limit that begins counts what was spent before it, also while events are written', async () => {
    const here = await world(server())
    const agents = await Promise.all(Array.from({ length: 8 }, () => here.agent()))
    for (let round = 0; round < 5; round += 1) {
      const amount = 1_000_000 + round
      await race([...agents, null], async (agent) =>
        agent === null
          ? await setLimit(here, { amount, isActive: true, hardStopEnabled: round % 2 === 0 })
          : await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 10 }),
      )
      await setLimit(here, { amount, hardStopEnabled: true })
      expect((await budgetSums(server(), here.company.id)).spent).toBe((round + 1) * 80_000_000)
    }
  })

  test('An event that waits for a limit which begins is charged to it, although there was none when it was reported', async () => {
    const here = await world(server())
    const { id: agentId } = await here.agent()
    const beginning = await server().database.sql.connect()
    await beginning.query('begin')
    await beginning.query("insert into budget_policies (company_id, scope_type, scope_id, amount) values ($1, 'agent', $2, 100)", [
      here.company.id,
      agentId,
    ])
    const reported = spend(server(), { companyId: here.company.id, agentId, cents: 30 })
    await waitForLockWaiter(server())
    await beginning.query('commit')
    beginning.release()
    await reported
    expect((await budgetSums(server(), here.company.id)).spent).toBe(30_000_000)
  })
})
