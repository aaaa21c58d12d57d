import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { budgetSums, spend } from '../../dev/testing/budgets.ts'
import { expectRefused } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'

const server = useServer()
const report = (here: World, client: Client, fields: Record<string, unknown>) =>
  client.post(`/api/companies/${here.company.id}/cost-events`, {
    provider: 'anthropic',
    model: 'claude',
    costCents: 1,
    occurredAt: new Date().toISOString(),
    ...fields,
  })
const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()
const spentOf = async (here: World) => (await server().board.get(`/api/companies/${here.company.id}/costs/summary`)).body.spendCents

describe('reports of costs', () => {
  test('An agent reports what it spent in its run, and run, issue and project are those of its credential', async () => {
    const here = await world(server())
    const [mine, other] = await Promise.all(
      ['Engines', 'Wings'].map(async (name) => (await server().board.post(`/api/companies/${here.company.id}/projects`, { name })).body),
    )
    const agent = await here.agent()
    const run = await here.run(agent)
    const issue = await here.issue({ projectId: mine.id })
    expect((await here.checkout(run, issue.id)).status).toBe(200)
    const { status, body } = await report(here, run.client, {
      agentId: agent.id,
      costCents: 12,
      projectId: other.id,
      inputTokens: 900,
      outputTokens: 30,
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      agentId: agent.id,
      heartbeatRunId: run.id,
      issueId: issue.id,
      projectId: mine.id,
      biller: 'anthropic',
      billingType: 'unknown',
      costCents: 12,
      costMicrocents: 12_000_000,
      isPriced: true,
      source: 'reported',
    })
    expect(await lastAudit(server(), body.id, 'cost.reported')).toMatchObject({
      actorType: 'agent',
      runId: run.id,
      details: { costMicrocents: 12_000_000, model: 'claude' },
    })
    expect((await server().board.get(`/api/agents/${agent.id}`)).body).toMatchObject({ spentMonthlyCents: 12 })
    expect((await server().board.get(`/api/companies/${here.company.id}`)).body).toMatchObject({ spentMonthlyCents: 12 })
  })

  test('An agent reports for itself alone, in its own run, and within the time of that run', async () => {
    const here = await world(server())
    const [agent, colleague] = [await here.agent(), await here.agent()]
    const [run, foreign] = [await here.run(agent), await here.run(colleague)]
    const own = { agentId: agent.id }
    await expectRefused(server(), () => report(here, run.client, { agentId: colleague.id }), 403, 'forbidden')
    await expectRefused(server(), () => report(here, run.client, { ...own, heartbeatRunId: foreign.id }), 422, 'run_id_mismatch')
    await expectRefused(server(), () => report(here, agent.client, { ...own, heartbeatRunId: foreign.id }), 422, 'unknown_reference')
    for (const occurredAt of ['2020-01-01T00:00:00.000Z', minutesAgo(5), new Date(Date.now() + 120_000).toISOString()])
      await expectRefused(server(), () => report(here, run.client, { ...own, occurredAt }), 422, 'unprocessable')
    await expectRefused(server(), () => report(here, agent.client, { ...own, occurredAt: minutesAgo(70) }), 422, 'unprocessable')
    expect((await report(here, agent.client, { ...own, occurredAt: minutesAgo(50) })).status).toBe(201)
    await expectRefused(server(), () => report(here, run.client, { ...own, correctsId: randomUUID() }), 403, 'field_not_permitted')
  })

  test('A run that goes on for months spends of the limit of the present one, whatever time its agent names', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const run = await here.run(agent)
    const { rows } = await server().database.sql.query<{ at: Record<'thisMonth' | 'lastMonth', string> }>(
      `update heartbeat_runs set started_at = now() - interval '40 days' where id = $1 returning json_build_object('thisMonth', now(), 'lastMonth',
         date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' - interval '2 hours') as at`,
      [run.id],
    )
    const of = (occurredAt: string | undefined) => report(here, run.client, { agentId: agent.id, occurredAt })
    await expectRefused(server(), () => of(rows[0]?.at.lastMonth), 422, 'unprocessable')
    expect((await of(rows[0]?.at.thisMonth)).status).toBe(201)
  })

  test('The time of an event is in the audit row as in the event, whatever offset and digits it was sent with', async () => {
    const here = await world(server())
    const { id: agentId } = await here.agent()
    const occurredAt = '2026-03-01T01:30:00.1239+02:00'
    const { body } = await report(here, server().board, { agentId, occurredAt })
    expect(body.occurredAt).toBe('2026-02-28T23:30:00.124Z')
    expect((await lastAudit(server(), body.id, 'cost.reported')).details.occurredAt).toBe(body.occurredAt)
  })

  test('An agent charges no project that its run does not work on, whatever issue it names', async () => {
    const here = await world(server())
    const project = (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Engines' })).body
    const issue = await here.issue({ projectId: project.id })
    const agent = await here.agent()
    const run = await here.run(agent)
    const { body } = await report(here, run.client, { agentId: agent.id, issueId: issue.id, projectId: project.id })
    expect(body).toMatchObject({ issueId: issue.id, projectId: null })
    const byBoard = await report(here, server().board, { agentId: agent.id, issueId: issue.id })
    expect(byBoard.body).toMatchObject({ projectId: project.id })
  })

  test('Small amounts add up, and a report has either whole cents or millionths', async () => {
    const here = await world(server())
    const { id: agentId } = await here.agent()
    for (let call = 0; call < 5; call += 1) {
      const { body } = await report(here, server().board, { agentId, costCents: undefined, costMicrocents: 400_000 })
      expect(body).toMatchObject({ costCents: 0, costMicrocents: 400_000 })
    }
    expect(await spentOf(here)).toBe(2)
    for (const fields of [
      { costMicrocents: 1 },
      { costCents: undefined },
      { costCents: -1 },
      { costCents: 0.5 },
      { inputTokens: -1 },
      { model: '' },
    ])
      await expectRefused(server(), () => report(here, server().board, { agentId, ...fields }), 400, 'validation_failed')
  })

  test('An event is counted once, however often and by however many requests it is repeated', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 10_000 })
    const run = await here.run(agent)
    const fields = { agentId: agent.id, costCents: 7 }
    const answers = await race(Array.from({ length: 8 }), () => report(here, run.client, { ...fields, externalId: 'call-1' }))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    const key = { 'Idempotency-Key': randomUUID() }
    for (let time = 0; time < 2; time += 1) {
      const path = `/api/companies/${here.company.id}/cost-events`
      const body = { provider: 'p', model: 'm', occurredAt: answers[0]?.body.occurredAt, ...fields }
      expect((await run.client.post(path, body, key)).status).toBe(201)
    }
    expect(await spentOf(here)).toBe(14)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 14_000_000 })
    const colleague = await here.agent()
    expect((await report(here, colleague.client, { agentId: colleague.id, externalId: 'call-1' })).status).toBe(201)
    expect(await spentOf(here)).toBe(15)
    await expectRefused(server(), () => report(here, run.client, { ...fields, externalId: `usage:${run.id}` }), 400, 'validation_failed')
  })

  test('The board reports anything: of any time, agent, issue, project and run of the company', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 100 })
    const old = await report(here, server().board, { agentId: agent.id, costCents: 5000, occurredAt: '2024-02-29T23:59:59.999Z' })
    expect(old).toMatchObject({ status: 201, body: { occurredAt: '2024-02-29T23:59:59.999Z' } })
    // A month that is over stops nothing.
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 0 })
    expect((await here.run(agent)).id).toBeTypeOf('string')
    const foreign = { agent: await elsewhere.agent(), issue: await elsewhere.issue() }
    await expectRefused(server(), () => report(here, server().board, { agentId: foreign.agent.id }), 404, 'not_found')
    await expectRefused(server(), () => report(here, server().board, { agentId: randomUUID() }), 404, 'not_found')
    for (const reference of [
      { issueId: foreign.issue.id },
      { projectId: randomUUID() },
      { goalId: randomUUID() },
      { heartbeatRunId: randomUUID() },
    ])
      await expectRefused(server(), () => report(here, server().board, { agentId: agent.id, ...reference }), 422, 'unknown_reference')
  })

  test('A part of a cent is rounded in the answer to a report as in the list, also below zero', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const event = await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 3 })
    const answers: { costCents: number }[] = [event]
    for (const costMicrocents of [-500_000, -1_500_000, -1]) {
      const answer = await report(here, server().board, { agentId: agent.id, correctsId: event.id, costCents: undefined, costMicrocents })
      expect(answer.status, answer.text).toBe(201)
      answers.push(answer.body)
    }
    expect(answers.map(({ costCents }) => costCents)).toEqual([3, -1, -2, 0])
    const { body } = await server().board.get(`/api/companies/${here.company.id}/costs/events`)
    expect(body).toEqual(expect.arrayContaining(answers))
  })

  test('A correction is a row of its own, and is counted where the event was', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 1000 })
    const event = await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 300 })
    const correct = (costCents: number) =>
      report(here, server().board, {
        agentId: agent.id,
        provider: 'x',
        model: 'x',
        occurredAt: '2020-01-01T00:00:00.000Z',
        correctsId: event.id,
        costCents,
      })
    const answer = await correct(-200)
    expect(answer, answer.text).toMatchObject({
      status: 201,
      body: { correctsId: event.id, costCents: -200, provider: 'anthropic', model: 'claude', occurredAt: event.occurredAt },
    })
    expect(await spentOf(here)).toBe(100)
    expect(await budgetSums(server(), here.company.id)).toMatchObject({ spent: 100_000_000 })
    await expectRefused(server(), () => correct(-101), 422, 'unprocessable')
    await expectRefused(
      server(),
      () => report(here, server().board, { agentId: agent.id, correctsId: answer.body.id, costCents: 1 }),
      422,
      'unprocessable',
    )
  })
})
