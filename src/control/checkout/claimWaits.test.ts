import { expect, test } from 'vitest'
import { race } from '../../dev/testing/race.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, TestRun, World } from '../../dev/testing/world.ts'

const server = useServer()

const STATUSES = ['todo', 'in_review']
const claim = (here: World, who: TestRun) => who.client.post(`/api/companies/${here.company.id}/issues/claim`, { statuses: STATUSES })

/** An issue of an agent whose run has asked the board about it, and ended. */
async function asked(here: World, agent: TestAgent, status = 'in_review') {
  const issue = await here.issue()
  const run = await here.run(agent)
  await here.checkout(run, issue.id)
  const question = { kind: 'request_confirmation', continuationPolicy: 'wake_assignee', payload: { prompt: 'Ship it?' } }
  const made = await run.client.post(`/api/issues/${issue.id}/interactions`, question)
  expect(made.status, made.text).toBe(201)
  if (status === 'in_progress') await expireLease(server(), run.id)
  else {
    expect((await run.client.patch(`/api/issues/${issue.id}`, { status })).status).toBe(200)
    expect((await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })).status).toBe(200)
  }
  const path = `/api/issues/${issue.id}/interactions/${made.body.id as string}`
  return { issue, accept: () => server().board.post(`${path}/accept`), reject: () => server().board.post(`${path}/reject`, {}) }
}

test.each(['in_review', 'todo', 'in_progress'])(
  'A claim leaves out an issue in %s on which a question of the agent is pending, a checkout takes it, and so does a claim after the answer',
  async (status) => {
    const here = await world(server())
    const agent = await here.agent()
    const [first, second] = [await asked(here, agent, status), await asked(here, agent, status)]
    const run = await here.run(agent)
    expect(await claim(here, run)).toMatchObject({ status: 204, text: '' })
    expect((await server().board.get(`/api/issues/${first.issue.id}/why`)).body).toMatchObject({ why: 'waits_for_answer' })
    const checkout = { agentId: agent.id, expectedStatuses: [status] }
    expect((await run.client.post(`/api/issues/${second.issue.id}/checkout`, checkout)).status).toBe(200)
    expect((await first.reject()).status).toBe(200)
    expect((await claim(here, run)).body.issue).toMatchObject({ id: first.issue.id })
  },
)

test('A question of another agent, or of a person, keeps an agent from no issue', async () => {
  const here = await world(server())
  const asker = await here.agent()
  const other = await here.agent()
  const { issue } = await asked(here, asker)
  expect((await server().board.patch(`/api/issues/${issue.id}`, { assigneeAgentId: other.id })).status).toBe(200)
  expect((await claim(here, await here.run(other))).body.issue).toMatchObject({ id: issue.id })
})

test('Of an answer and a claim at once neither is lost: the claim has the issue, or the next one has, and the agent is woken', async () => {
  const here = await world(server())
  for (let round = 0; round < 20; round += 1) {
    const agent = await here.agent()
    const { issue, accept } = await asked(here, agent)
    const run = await here.run(agent)
    const [answer, taken] = await race([accept, () => claim(here, run)], (act) => act())
    expect(answer?.status).toBe(200)
    const found = taken?.status === 204 ? await claim(here, run) : taken
    expect(found?.body.issue).toMatchObject({ id: issue.id, checkoutRunId: run.id })
    const { rows } = await server().database.sql.query('select reason from wakes where issue_id = $1 and agent_id = $2', [
      issue.id,
      agent.id,
    ])
    expect(rows).toContainEqual({ reason: 'interaction_accepted' })
  }
})
