import { describe, expect, test } from 'vitest'
import { race, tally } from '../testing/race.ts'
import { actionsOf, expire, lastAudit, useServer, world } from '../testing/world.ts'

const server = useServer()

describe('checkout', () => {
  test('gives the issue to the run: state, audit and message agree', async () => {
    const { held } = await world(server())
    const { issue, run, agent } = await held()
    const { body } = await server().board.get(`/api/issues/${issue.id}`)
    expect(body).toMatchObject({
      status: 'in_progress',
      assigneeAgentId: agent.id,
      assigneeUserId: null,
      checkoutRunId: run.id,
      executionRunId: run.id,
      executionAgentNameKey: agent.name.toLowerCase(),
      lockEpoch: 1,
    })
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.checked_out'])
    const row = await lastAudit(server(), issue.id, 'issue.checked_out')
    expect(row).toMatchObject({
      actorType: 'agent',
      actorId: agent.id,
      runId: run.id,
      details: { agentId: agent.id, runId: run.id, lockEpoch: 1 },
    })
    expect(server().messages.filter((message) => message.entityId === issue.id && message.action === 'issue.checked_out')).toHaveLength(1)
  })

  test('of 32 runs that check out one issue, exactly one holds it', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const agents = await Promise.all(Array.from({ length: 32 }, () => agent()))
    const runs = await Promise.all(agents.map((each) => run(each)))
    const contested = await issue()
    const answers = await race(runs, (each) => checkout(each, contested.id))
    expect(tally(answers)).toEqual({ 200: 1, 409: 31 })
    expect(await actionsOf(server(), contested.id)).toEqual(['issue.created', 'issue.checked_out'])
  })

  test('takes over from a run whose lease ran out', async () => {
    const { held, agent: anotherAgent, run, checkout } = await world(server())
    const { issue, run: dead, agent } = await held()
    await expire(server(), dead.id)
    const other = await run(await anotherAgent())
    expect((await checkout(other, issue.id)).body).toMatchObject({ code: 'issue_assigned' })
    const next = await run(agent)
    expect(await checkout(next, issue.id)).toMatchObject({ status: 200 })
    expect((await lastAudit(server(), issue.id, 'issue.checked_out')).details).toMatchObject({ previousCheckoutRunId: dead.id })
  })
})
