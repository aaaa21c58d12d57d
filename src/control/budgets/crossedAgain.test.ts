import { expect, test } from 'vitest'
import { budgetSums, passGrace, spend } from '../../dev/testing/budgets.ts'
import { runRow } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, TestRun, World } from '../../dev/testing/world.ts'
import { tickBudgets } from './index.ts'

const server = useServer()

const agentOf = async (agent: TestAgent) => (await server().board.get(`/api/agents/${agent.id}`)).body
const commandsOf = async (run: TestRun) => (await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)).body.commands

async function hardIncidents(here: World) {
  const { rows } = await server().database.sql.query<{ id: string; status: string; enforced: boolean; audited: number }>(
    `select id, status, enforced_at is not null as enforced, (select count(*)::int from activity_log where entity_id = bi.id::text
       and action = 'budget.hard_threshold_crossed') as audited
     from budget_incidents bi where company_id = $1 and threshold_type = 'hard' order by created_at`,
    [here.company.id],
  )
  return rows
}

/** An agent that has crossed its limit of 5 dollars and was stopped, before a correction took all of it away. */
async function corrected() {
  const here = await world(server())
  const agent = await here.agent({ budgetMonthlyCents: 500 })
  const run = await here.run(agent)
  const spending = { companyId: here.company.id, agentId: agent.id }
  const event = await spend(server(), { ...spending, cents: 600 }, run.client)
  await tickBudgets(server().store)
  await server().board.post(`/api/heartbeat-runs/${run.id}/cancel`)
  await spend(server(), { ...spending, cents: -600, correctsId: event.id })
  const [incident] = await hardIncidents(here)
  return { here, agent, spending, incident }
}

/** A new run spends the whole limit once more. */
async function crossAgain({ here, agent, spending }: Awaited<ReturnType<typeof corrected>>): Promise<TestRun> {
  const run = await here.run(agent)
  await spend(server(), { ...spending, cents: 550 }, run.client)
  return run
}

async function expectStopped({ here, agent }: Awaited<ReturnType<typeof corrected>>, run: TestRun): Promise<void> {
  const incident = (await hardIncidents(here)).at(-1)
  expect(incident).toMatchObject({ status: 'open', enforced: false, audited: 1 })
  expect(await commandsOf(run)).toMatchObject([{ type: 'stop', incidentId: incident?.id }])
  await tickBudgets(server().store)
  expect(await agentOf(agent)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
  await passGrace(server(), run)
  await tickBudgets(server().store)
  expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'budget_exhausted' })
  expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 550_000_000, reserved: 0, reservations: 0 })
}

test('A limit that is set again as it was, below which corrections had taken the spending, stops when it is crossed again (I11)', async () => {
  const scene = await corrected()
  const answer = await server().board.post(`/api/companies/${scene.here.company.id}/budget-incidents/${scene.incident?.id}/resolve`, {
    action: 'raise_budget_and_resume',
    amount: 500,
  })
  expect(answer).toMatchObject({ status: 200, body: { status: 'resolved' } })
  const run = await crossAgain(scene)
  expect((await hardIncidents(scene.here)).map(({ status }) => status)).toEqual(['resolved', 'open'])
  await expectStopped(scene, run)
})

test.each(['open', 'dismissed'])(
  'The limit stops again, too, where a person resumed the agent and left the incident %s',
  async (status) => {
    const scene = await corrected()
    const { here, agent, incident } = scene
    const path = `/api/companies/${here.company.id}/budget-incidents/${incident?.id}/resolve`
    if (status === 'dismissed') expect(await server().board.post(path, { action: 'keep_paused' })).toMatchObject({ body: { status } })
    expect(await server().board.post(`/api/agents/${agent.id}/resume`)).toMatchObject({ status: 200 })
    const run = await crossAgain(scene)
    await expectStopped(scene, run)
    expect((await hardIncidents(here)).map((each) => each.status)).toEqual([status === 'open' ? 'resolved' : status, 'open'])
  },
)

test('Events beyond a limit that is crossed add no incident, and corrections none', async () => {
  const scene = await corrected()
  await server().board.post(`/api/agents/${scene.agent.id}/resume`)
  const run = await crossAgain(scene)
  const more = await spend(server(), { ...scene.spending, cents: 100 }, run.client)
  await spend(server(), { ...scene.spending, cents: -10, correctsId: more.id })
  expect(await hardIncidents(scene.here)).toHaveLength(2)
})
