import { expect, test } from 'vitest'
import { budgetSums, spend } from '../../dev/testing/budgets.ts'
import { race } from '../../dev/testing/race.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'

const server = useServer()

const limit = async (here: World) => {
  const policy = { scopeType: 'company', scopeId: here.company.id, amount: 10_000, reserveCents: 100 }
  expect(await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, policy)).toMatchObject({ status: 200 })
}

async function countsOf(companyId: string): Promise<object> {
  const { rows } = await server().database.sql.query(
    `select (select count(*)::int from cost_events where company_id = $1) as events,
       (select sum(microcents)::float8 from cost_rollups where company_id = $1 and grain = '20m') as summed,
       (select sum(event_count)::int from run_costs where company_id = $1) as "ofRuns",
       (select count(*)::int from activity_log where company_id = $1 and action = 'cost.reported') as audited`,
    [companyId],
  )
  return rows[0]
}

test('An event that is sent again by its externalId answers as before, and is counted once in every sum and window (I11)', async () => {
  const here = await world(server())
  await limit(here)
  const agent = await here.agent()
  const run = await here.run(agent)
  const event = { companyId: here.company.id, agentId: agent.id, cents: 30, externalId: 'call-1' }
  const first = await spend(server(), event, run.client)
  const again = await spend(server(), { ...event, cents: 99 }, run.client)
  expect(again).toEqual(first)
  expect(await countsOf(here.company.id)).toEqual({ events: 1, summed: 30_000_000, ofRuns: 1, audited: 1 })
  expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 30_000_000, reserved: 70_000_000, kept: 70_000_000 })
})

test('Of eight reports of one event at once one is counted, and all are answered with it', async () => {
  const here = await world(server())
  await limit(here)
  const agent = await here.agent()
  const run = await here.run(agent)
  for (let round = 1; round <= 5; round += 1) {
    const event = { companyId: here.company.id, agentId: agent.id, cents: 10, externalId: `call ${round}` }
    const answers = await race(Array.from({ length: 8 }), () => spend(server(), event, round % 2 === 0 ? run.client : server().board))
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
    expect(await countsOf(here.company.id)).toMatchObject({ events: round, summed: round * 10_000_000, audited: round })
  }
  expect((await budgetSums(server(), here.company.id)).spent).toBe(50_000_000)
})

test('A correction of all of an event that is sent again by its externalId answers as before, and takes nothing more', async () => {
  const here = await world(server())
  await limit(here)
  const agent = await here.agent()
  const event = await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 30 })
  const correction = { companyId: here.company.id, agentId: agent.id, cents: -30, correctsId: event.id, externalId: 'refund-1' }
  const answers = await race(Array.from({ length: 4 }), () => spend(server(), correction))
  expect(new Set([...answers, await spend(server(), correction)].map(({ id }) => id)).size).toBe(1)
  expect(await countsOf(here.company.id)).toMatchObject({ events: 2, summed: 0, audited: 2 })
  expect((await budgetSums(server(), here.company.id)).spent).toBe(0)
})

test('An event whose issue is gone when it is sent again answers as before', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const issue = await here.issue()
  const event = { companyId: here.company.id, agentId: agent.id, cents: 30, externalId: 'call-1', issueId: issue.id }
  const first = await spend(server(), event)
  expect(await server().board.del(`/api/issues/${issue.id}`)).toMatchObject({ status: 200 })
  expect(await spend(server(), event)).toEqual(first)
  expect(await countsOf(here.company.id)).toMatchObject({ events: 1, audited: 1 })
})

test('The name of an event is not that of a correction or of the correction of another event, so that none is lost', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const run = await here.run(agent)
  const of = { companyId: here.company.id, agentId: agent.id }
  const [first, second] = [await spend(server(), { ...of, cents: 30 }), await spend(server(), { ...of, cents: 40 })]
  const sent = (fields: object, client = server().board) =>
    client.post(`/api/companies/${of.companyId}/cost-events`, {
      agentId: agent.id,
      provider: 'anthropic',
      model: 'claude',
      occurredAt: new Date().toISOString(),
      ...fields,
    })
  await spend(server(), { ...of, cents: 0, externalId: 'taken' }, run.client)
  const refused = await sent({ costCents: 900, correctsId: first.id, externalId: 'taken' })
  expect(refused).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
  await spend(server(), { ...of, cents: 900, correctsId: first.id, externalId: 'more' })
  expect(await sent({ costCents: -5, correctsId: second.id, externalId: 'more' })).toMatchObject({ status: 422 })
  expect(await sent({ costCents: 5, externalId: 'more' }, run.client)).toMatchObject({ status: 422 })
  expect(await countsOf(of.companyId)).toMatchObject({ events: 4, summed: 970_000_000, audited: 4 })
})
