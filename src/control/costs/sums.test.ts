import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { addCostEvents, CENT } from '../../dev/testing/costEvents.ts'
import { expectRefused } from '../../dev/testing/holds.ts'
import { nextPagePath, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
const LISTS = ['by-agent', 'by-agent-model', 'by-provider', 'by-biller', 'by-project', 'window-spend', 'events'] as const
const FINANCE_READS = ['finance-summary', 'finance-by-biller', 'finance-by-kind', 'finance-events'] as const

const costsOf = async (companyId: string, path: string): Promise<Answer> => {
  const answer = await server().board.get(`/api/companies/${companyId}/costs/${path}`)
  expect(answer.status, answer.text).toBe(200)
  return answer
}

const project = async (companyId: string, name: string): Promise<{ id: string }> =>
  (await server().board.post(`/api/companies/${companyId}/projects`, { name })).body

const noSubscription = { subscriptionInputTokens: 0, subscriptionCachedInputTokens: 0, subscriptionOutputTokens: 0 }
const at = '2026-03-10T12:00:00.000Z'

describe('the sums of costs', () => {
  let here: World
  let ada: TestAgent
  let bob: TestAgent
  let website: { id: string }

  beforeAll(async () => {
    here = await world(server())
    ada = await here.agent()
    bob = await here.agent()
    website = await project(here.company.id, 'Website')
    const [run, other] = [randomUUID(), randomUUID()]
    await addCostEvents(server(), here.company.id, [
      { agentId: ada.id, occurredAt: at, microcents: 3 * CENT, inputTokens: 100, cachedInputTokens: 10, outputTokens: 5, runId: run },
      { agentId: ada.id, occurredAt: at, microcents: 2 * CENT, inputTokens: 50, model: 'opus', projectId: website.id },
      {
        agentId: ada.id,
        occurredAt: at,
        billingType: 'subscription_included',
        inputTokens: 7,
        cachedInputTokens: 8,
        outputTokens: 9,
        runId: run,
      },
      { agentId: bob.id, occurredAt: at, microcents: 9 * CENT, provider: 'openai', biller: 'openrouter', model: 'gpt', runId: other },
      { agentId: bob.id, occurredAt: at, provider: 'openai', biller: 'openrouter', model: 'new', inputTokens: 40, isPriced: false },
      { agentId: bob.id, occurredAt: '2026-04-01T00:00:00.000Z', microcents: CENT, projectId: website.id },
    ])
  })

  test('The summary has the spending of all time next to the budget of a month, and that of a range', async () => {
    await server().board.patch(`/api/companies/${here.company.id}`, { budgetMonthlyCents: 40 })
    expect((await costsOf(here.company.id, 'summary')).body).toEqual({
      companyId: here.company.id,
      spendCents: 15,
      budgetCents: 40,
      utilizationPercent: 37.5,
      unpricedEventCount: 1,
    })
    const ofMarch = await costsOf(here.company.id, 'summary?from=2026-03-01&to=2026-04-01T00:00:00Z')
    expect(ofMarch.body).toMatchObject({ spendCents: 14, utilizationPercent: 35 })
    expect((await costsOf(here.company.id, 'summary?from=2026-04-01')).body).toMatchObject({ spendCents: 1, unpricedEventCount: 0 })
  })

  test('The costs by agent have the costliest first, and runs and tokens of subscriptions apart', async () => {
    expect((await costsOf(here.company.id, 'by-agent?to=2026-04-01')).body).toEqual([
      {
        agentId: bob.id,
        agentName: bob.name,
        agentStatus: 'idle',
        costCents: 9,
        inputTokens: 40,
        cachedInputTokens: 0,
        outputTokens: 0,
        unpricedEventCount: 1,
        apiRunCount: 1,
        subscriptionRunCount: 0,
        ...noSubscription,
      },
      {
        agentId: ada.id,
        agentName: ada.name,
        agentStatus: 'idle',
        costCents: 5,
        inputTokens: 157,
        cachedInputTokens: 18,
        outputTokens: 14,
        unpricedEventCount: 0,
        apiRunCount: 1,
        subscriptionRunCount: 1,
        subscriptionInputTokens: 7,
        subscriptionCachedInputTokens: 8,
        subscriptionOutputTokens: 9,
      },
    ])
  })

  test('The costs by agent and model have a row for each kind of billing of a model', async () => {
    const { body } = await costsOf(here.company.id, 'by-agent-model?to=2026-04-01')
    const rows = body as { agentId: string; model: string; billingType: string; costCents: number }[]
    expect(rows.map(({ agentId, model, billingType, costCents }) => [agentId, model, billingType, costCents])).toEqual([
      [bob.id, 'gpt', 'metered_api', 9],
      [ada.id, 'claude', 'metered_api', 3],
      [ada.id, 'opus', 'metered_api', 2],
      ...[
        [ada.id, 'claude', 'subscription_included', 0],
        [bob.id, 'new', 'metered_api', 0],
      ].toSorted((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1)),
    ])
    expect(Object.keys(rows[0] ?? {}).join(' ')).toBe(
      'agentId agentName provider biller billingType model costCents inputTokens cachedInputTokens outputTokens unpricedEventCount',
    )
  })

  test('The costs by provider and by biller have the runs, and the numbers of providers and models', async () => {
    const { body: providers } = await costsOf(here.company.id, 'by-provider?to=2026-04-01')
    expect(providers[0]).toEqual({
      provider: 'openai',
      biller: 'openrouter',
      billingType: 'metered_api',
      model: 'gpt',
      costCents: 9,
      inputTokens: 0,
      cachedInputTokens: 0,
      outputTokens: 0,
      unpricedEventCount: 0,
      apiRunCount: 1,
      subscriptionRunCount: 0,
      ...noSubscription,
    })
    expect(providers).toHaveLength(5)
    const { body: billers } = await costsOf(here.company.id, 'by-biller?to=2026-04-01')
    expect(billers).toMatchObject([
      { biller: 'openrouter', costCents: 9, providerCount: 1, modelCount: 2, apiRunCount: 1, subscriptionRunCount: 0 },
      { biller: 'anthropic', costCents: 5, providerCount: 1, modelCount: 2, apiRunCount: 1, subscriptionRunCount: 1 },
    ])
  })

  test('The costs by project have a row without a project, so that the rows add up to the summary', async () => {
    expect((await costsOf(here.company.id, 'by-project')).body).toEqual([
      {
        projectId: null,
        projectName: null,
        costCents: 12,
        inputTokens: 147,
        cachedInputTokens: 18,
        outputTokens: 14,
        unpricedEventCount: 1,
      },
      {
        projectId: website.id,
        projectName: 'Website',
        costCents: 3,
        inputTokens: 50,
        cachedInputTokens: 0,
        outputTokens: 0,
        unpricedEventCount: 0,
      },
    ])
  })

  test('An agent of the company reads costs, and only the board reads quotas', async () => {
    for (const path of ['summary', ...LISTS, ...FINANCE_READS])
      expect((await ada.client.get(`/api/companies/${here.company.id}/costs/${path}`)).status, path).toBe(200)
    await expectRefused(server(), () => ada.client.get(`/api/companies/${here.company.id}/costs/quota-windows`), 403, 'board_required')
  })

  test('A foreign company answers like a missing one', async () => {
    const outsider = await (await world(server())).agent()
    for (const path of ['summary', ...LISTS, ...FINANCE_READS])
      for (const companyId of [here.company.id, randomUUID()])
        expect(await outsider.client.get(`/api/companies/${companyId}/costs/${path}`)).toMatchObject({
          status: 404,
          body: { error: 'Company not found' },
        })
  })

  test('A range that ends before it begins, or is no range of instants, gets 400', async () => {
    const ranged = ['summary', ...LISTS.filter((path) => path !== 'window-spend'), ...FINANCE_READS]
    const ranges = ['from=2026-03-01&to=2026-03-01', 'from=2026-03-02T00:00:00Z&to=2026-03-01T23:59:59.999Z', 'from=march', 'to=2026-13-01']
    for (const path of ranged)
      for (const range of ranges)
        await expectRefused(
          server(),
          () => server().board.get(`/api/companies/${here.company.id}/costs/${path}?${range}`),
          400,
          'validation_failed',
        )
  })
})

describe('costs that are rounded, corrected, or of what was deleted', () => {
  test('Parts of a cent add up, and are rounded once in each sum', async () => {
    const here = await world(server())
    const [one, other] = [await here.agent(), await here.agent()]
    const small = { occurredAt: at, microcents: 0.4 * CENT }
    await addCostEvents(server(), here.company.id, [
      ...Array.from({ length: 4 }, () => ({ ...small, agentId: one.id })),
      { ...small, agentId: other.id },
    ])
    expect((await costsOf(here.company.id, 'summary')).body.spendCents).toBe(2)
    expect((await costsOf(here.company.id, 'by-agent')).body).toMatchObject([{ costCents: 2 }, { costCents: 0 }])
    expect((await costsOf(here.company.id, 'events')).body[0]).toMatchObject({ costCents: 0, costMicrocents: 400_000 })
  })

  test('A correction takes from the sums of the instant that it names', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const [wrong] = await addCostEvents(server(), here.company.id, [{ agentId: agent.id, occurredAt: at, microcents: 10 * CENT }])
    const correction = { agentId: agent.id, occurredAt: at, microcents: -10 * CENT, correctsId: wrong ?? '' }
    await addCostEvents(server(), here.company.id, [correction, { ...correction, microcents: -CENT }])
    expect((await costsOf(here.company.id, 'by-agent')).body).toMatchObject([{ agentId: agent.id, costCents: -1 }])
    expect((await costsOf(here.company.id, 'summary')).body).toMatchObject({ spendCents: -1, utilizationPercent: 0 })
  })

  test('A deleted agent and a deleted project keep their costs, without a name', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { id: projectId } = await project(here.company.id, 'Gone')
    await addCostEvents(server(), here.company.id, [{ agentId: agent.id, projectId, occurredAt: at, microcents: 5 * CENT }])
    expect((await server().board.del(`/api/agents/${agent.id}`)).status).toBe(200)
    expect((await server().board.del(`/api/projects/${projectId}`)).status).toBe(200)
    expect((await costsOf(here.company.id, 'by-agent')).body).toMatchObject([
      { agentId: agent.id, agentName: null, agentStatus: null, costCents: 5 },
    ])
    expect((await costsOf(here.company.id, 'by-agent-model')).body).toMatchObject([{ agentName: null, costCents: 5 }])
    expect((await costsOf(here.company.id, 'by-project')).body).toMatchObject([{ projectId, projectName: null, costCents: 5 }])
  })

  test('A list of sums has the 1,000 costliest rows', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const events = Array.from({ length: 1001 }, (_, index) => ({
      agentId: agent.id,
      occurredAt: at,
      microcents: (index + 1) * CENT,
      model: `model ${index}`,
    }))
    await addCostEvents(server(), here.company.id, events)
    const { body } = await costsOf(here.company.id, 'by-provider')
    expect(body).toHaveLength(1000)
    expect([body[0].costCents, body[999].costCents]).toEqual([1001, 2])
  })
})

describe('windows that end now', () => {
  test('An event counts in each window that it is within, and providers of the last 30 days have a row of quotas', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const ago = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString()
    const spent = (hours: number, microcents: number, provider = 'anthropic') => ({
      agentId: agent.id,
      occurredAt: ago(hours),
      microcents,
      provider,
    })
    await addCostEvents(server(), here.company.id, [
      spent(4.9, CENT),
      spent(5.1, 2 * CENT),
      spent(23.9, 4 * CENT),
      spent(24.1, 8 * CENT),
      spent(167.9, 16 * CENT),
      spent(168.1, 32 * CENT),
      spent(1, 3 * CENT, 'openai'),
      spent(29 * 24, CENT, 'lately'),
      spent(32 * 24, CENT, 'long ago'),
    ])
    const { body } = await costsOf(here.company.id, 'window-spend')
    const rows = body as { provider: string; window: string; windowHours: number; costCents: number }[]
    expect(rows.map(({ provider, window, windowHours, costCents }) => [provider, window, windowHours, costCents])).toEqual([
      ['anthropic', '7d', 168, 31],
      ['anthropic', '24h', 24, 7],
      ['openai', '5h', 5, 3],
      ['openai', '24h', 24, 3],
      ['openai', '7d', 168, 3],
      ['anthropic', '5h', 5, 1],
    ])
    const unanswered = { ok: false, error: 'This server does not ask providers for their quotas', windows: [] }
    expect((await costsOf(here.company.id, 'quota-windows')).body).toEqual(
      ['anthropic', 'lately', 'openai'].map((provider) => ({ provider, ...unanswered })),
    )
  })
})

describe('the list of cost events', () => {
  test('It has the newest first, page by page, within a range', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const days = ['01', '02', '03', '04', '05'].map((day) => `2026-05-${day}T08:00:00.000Z`)
    await addCostEvents(
      server(),
      here.company.id,
      days.map((occurredAt, index) => ({ agentId: agent.id, occurredAt, microcents: index * CENT + 1 })),
    )
    const first = await costsOf(here.company.id, `events?from=${days[1] ?? ''}&to=${days[4] ?? ''}&limit=2`)
    const second = await server().board.get(nextPagePath(first))
    const occurred = (answer: Answer): string[] => (answer.body as { occurredAt: string }[]).map(({ occurredAt }) => occurredAt)
    expect([occurred(first), occurred(second), nextPagePath(second)]).toEqual([[days[3], days[2]], [days[1]], ''])
    expect(second.body).toEqual([
      {
        id: expect.any(String) as string,
        companyId: here.company.id,
        agentId: agent.id,
        issueId: null,
        projectId: null,
        goalId: null,
        heartbeatRunId: null,
        billingCode: null,
        provider: 'anthropic',
        biller: 'anthropic',
        billingType: 'metered_api',
        model: 'claude',
        inputTokens: 0,
        cachedInputTokens: 0,
        outputTokens: 0,
        costCents: 1,
        costMicrocents: CENT + 1,
        isPriced: true,
        source: 'reported',
        externalId: null,
        correctsId: null,
        occurredAt: days[1],
        createdAt: expect.any(String) as string,
      },
    ])
  })
})

describe('a list of costs as CSV', () => {
  test('Every list is a file of its rows, with a column for each field', async () => {
    const here = await world(server())
    const agent = await here.agent()
    await addCostEvents(server(), here.company.id, [
      { agentId: agent.id, occurredAt: new Date(Date.now() - 1000).toISOString(), microcents: CENT, model: '=HYPERLINK("x"),y' },
    ])
    await server().board.post(`/api/companies/${here.company.id}/finance-events`, {
      eventKind: 'platform_fee',
      biller: '-2+3',
      amountCents: 5,
      occurredAt: at,
      metadataJson: { note: 'a, b' },
    })
    const names = [...LISTS.filter((name) => name !== 'events'), ...FINANCE_READS.slice(1), 'events']
    for (const name of names) {
      const json = await costsOf(here.company.id, name)
      const csv = await costsOf(here.company.id, `${name}?format=csv`)
      expect(csv.headers['content-type'], name).toMatch(/^text\/csv; charset=utf-8/)
      expect(csv.headers['content-disposition'], name).toMatch(/^attachment; filename="[a-z-]+\.csv"$/)
      const lines = csv.text.split('\r\n')
      expect(lines[0], name).toBe(Object.keys(json.body[0] as object).join(','))
      expect(lines, name).toHaveLength((json.body as unknown[]).length + 2)
      expect(lines.at(-1)).toBe('')
    }
    const models = await costsOf(here.company.id, 'by-agent-model?format=csv&fields=model,costCents')
    expect(models.text).toBe('model,costCents\r\n"\'=HYPERLINK(""x""),y",1\r\n')
    const money = await costsOf(here.company.id, 'finance-events?format=csv&fields=biller,metadataJson')
    expect(money.text).toBe('biller,metadataJson\r\n\'-2+3,"{""note"":""a, b""}"\r\n')
  })

  test('A page as CSV names its next page, which is CSV too', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const events = ['2026-05-01T08:00:00.000Z', '2026-05-02T08:00:00.000Z'].map((occurredAt) => ({ agentId: agent.id, occurredAt }))
    await addCostEvents(server(), here.company.id, events)
    const first = await costsOf(here.company.id, 'events?format=csv&limit=1&fields=occurredAt')
    expect(first.text).toBe('occurredAt\r\n2026-05-02T08:00:00.000Z\r\n')
    const second = await server().board.get(nextPagePath(first))
    expect([second.text, nextPagePath(second)]).toEqual(['occurredAt\r\n2026-05-01T08:00:00.000Z\r\n', ''])
  })

  test('A list without rows is a line of titles, and another format gets 400', async () => {
    const here = await world(server())
    expect((await costsOf(here.company.id, 'by-project?format=csv')).text).toBe(
      'projectId,projectName,costCents,inputTokens,cachedInputTokens,outputTokens,unpricedEventCount\r\n',
    )
    await expectRefused(
      server(),
      () => server().board.get(`/api/companies/${here.company.id}/costs/by-agent?format=xml`),
      400,
      'validation_failed',
    )
  })
})
