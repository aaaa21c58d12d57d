import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { addCostEvents } from '../../dev/testing/costEvents.ts'
import { expectRefused } from '../../dev/testing/holds.ts'
import { auditCount, lastAudit, nextPagePath, useServer, world } from '../../dev/testing/world.ts'
import type { Answer } from '../../dev/testing/world.ts'

const server = useServer()
const at = '2026-03-10T12:00:00.000Z'
const fee = { eventKind: 'platform_fee', biller: 'openrouter', amountCents: 250, occurredAt: at }

async function setup() {
  const here = await world(server())
  const path = `/api/companies/${here.company.id}/finance-events`
  const report = (body: object, headers?: Record<string, string>) => server().board.post(path, body, headers)
  const read = async (name: string): Promise<Answer> => {
    const answer = await server().board.get(`/api/companies/${here.company.id}/costs/${name}`)
    expect(answer.status, answer.text).toBe(200)
    return answer
  }
  const count = async (): Promise<number> => ((await read('finance-events')).body as unknown[]).length
  return { ...here, report, read, count }
}

describe('a finance event', () => {
  test('A short report has the defaults, is audited, and stands in the list', async () => {
    const { company, report, read } = await setup()
    const { status, body } = await report(fee)
    expect(status).toBe(201)
    const none = { agentId: null, issueId: null, projectId: null, goalId: null, heartbeatRunId: null, costEventId: null }
    const unsaid = { provider: null, executionAdapterType: null, pricingTier: null, region: null, model: null, quantity: null, unit: null }
    expect(body).toEqual({
      id: expect.any(String) as string,
      companyId: company.id,
      ...none,
      ...unsaid,
      billingCode: null,
      description: null,
      externalInvoiceId: null,
      metadataJson: null,
      ...fee,
      direction: 'debit',
      currency: 'USD',
      estimated: false,
      createdAt: expect.any(String) as string,
    })
    expect(await lastAudit(server(), body.id, 'finance_event.reported')).toMatchObject({
      companyId: company.id,
      actorType: 'user',
      entityType: 'finance_event',
      details: { ...fee, direction: 'debit', currency: 'USD', estimated: false },
    })
    expect((await read('finance-events')).body).toEqual([body])
  })

  test('A report may name an agent, an issue, a project, a goal, a run and a cost event of the company', async () => {
    const { company, report, held } = await setup()
    const { agent, issue, run } = await held()
    const project = (await server().board.post(`/api/companies/${company.id}/projects`, { name: 'Website' })).body
    const goal = (await server().board.post(`/api/companies/${company.id}/goals`, { title: 'Grow' })).body
    const [costEventId] = await addCostEvents(server(), company.id, [{ agentId: agent.id, occurredAt: at }])
    const references = { agentId: agent.id, issueId: issue.id, projectId: project.id, goalId: goal.id, heartbeatRunId: run.id, costEventId }
    const details = {
      currency: 'eur',
      estimated: true,
      quantity: 0,
      unit: 'request',
      metadataJson: { pages: 2 },
      description: 'An invoice',
    }
    const { status, body, text } = await report({ ...fee, ...references, ...details })
    expect(status, text).toBe(201)
    expect(body).toMatchObject({ ...references, ...details, currency: 'EUR' })
    expect(await lastAudit(server(), body.id, 'finance_event.reported')).toMatchObject({ agentId: agent.id, runId: run.id })
  })

  test('A reference to a row of another company, or to none, is refused and records nothing', async () => {
    const { report, count } = await setup()
    const elsewhere = await setup()
    const { agent, issue, run } = await elsewhere.held()
    const ofOther = { agentId: agent.id, issueId: issue.id, heartbeatRunId: run.id }
    const missing = ['agentId', 'issueId', 'projectId', 'goalId', 'heartbeatRunId', 'costEventId'].map((name) => ({ [name]: randomUUID() }))
    for (const reference of [...missing, ...Object.entries(ofOther).map(([name, id]) => ({ [name]: id }))])
      await expectRefused(server(), () => report({ ...fee, ...reference }), 422, 'unknown_reference')
    expect(await count()).toBe(0)
  })

  test.each([
    ['an amount below zero', { amountCents: -1 }],
    ['a part of a cent', { amountCents: 0.5 }],
    ['an amount above ten billion', { amountCents: 1_000_000_000_001 }],
    ['a kind that does not exist', { eventKind: 'gift' }],
    ['a direction that does not exist', { direction: 'sideways' }],
    ['a currency of four letters', { currency: 'EURO' }],
    ['a currency with a digit', { currency: 'EU1' }],
    ['a time before the year 2000', { occurredAt: '1999-12-31T23:59:59.999Z' }],
    ['a time behind the year 2099', { occurredAt: '2100-01-01T00:00:00.000Z' }],
    ['no time', { occurredAt: undefined }],
    ['an empty biller', { biller: ' ' }],
    ['a quantity below zero', { quantity: -1 }],
  ])('A report with %s gets 400', async (_, wrong) => {
    const { report, count } = await setup()
    await expectRefused(server(), () => report({ ...fee, ...wrong }), 400, 'validation_failed')
    expect(await count()).toBe(0)
  })

  test('The least and the largest amount are taken', async () => {
    const { report, read } = await setup()
    for (const amountCents of [0, 1_000_000_000_000]) expect((await report({ ...fee, amountCents })).status).toBe(201)
    expect((await read('finance-summary')).body.debitCents).toBe(1_000_000_000_000)
  })

  test('A repeat with the same Idempotency-Key is the same event, and another body with it is refused', async () => {
    const { report, count } = await setup()
    const key = { 'Idempotency-Key': randomUUID() }
    const first = await report(fee, key)
    const audits = await auditCount(server())
    const second = await report(fee, key)
    expect([second.status, second.body, second.headers['idempotency-replayed']]).toEqual([201, first.body, 'true'])
    await expectRefused(server(), () => report({ ...fee, amountCents: 1 }, key), 422, 'idempotency_mismatch')
    expect([await count(), await auditCount(server())]).toEqual([1, audits])
  })

  test('An agent, a company of others and an archived company report nothing', async () => {
    const { company, agent, report } = await setup()
    const { client } = await agent()
    const path = `/api/companies/${company.id}/finance-events`
    await expectRefused(server(), () => client.post(path, fee), 403, 'board_required')
    await expectRefused(server(), () => server().board.post(`/api/companies/${randomUUID()}/finance-events`, fee), 404, 'not_found')
    await server().board.post(`/api/companies/${company.id}/archive`)
    await expectRefused(server(), () => report(fee), 409, 'company_not_active')
  })
})

describe('the sums of finance events', () => {
  test('They have one currency, and events in others are only counted', async () => {
    const { company, report, read } = await setup()
    await report(fee)
    await report({ ...fee, amountCents: 100, estimated: true, biller: 'aws', eventKind: 'log_storage_charge' })
    await report({ ...fee, amountCents: 400, direction: 'credit', eventKind: 'credit_refund' })
    await report({ ...fee, amountCents: 7, currency: 'eur' })
    expect((await read('finance-summary')).body).toEqual({
      companyId: company.id,
      currency: 'USD',
      debitCents: 350,
      creditCents: 400,
      netCents: -50,
      estimatedDebitCents: 100,
      eventCount: 3,
      otherCurrencyEventCount: 1,
    })
    expect((await read('finance-summary?currency=eur')).body).toMatchObject({
      currency: 'EUR',
      netCents: 7,
      eventCount: 1,
      otherCurrencyEventCount: 3,
    })
    expect((await read('finance-by-biller')).body).toEqual([
      { biller: 'aws', debitCents: 100, creditCents: 0, netCents: 100, estimatedDebitCents: 100, eventCount: 1, kindCount: 1 },
      { biller: 'openrouter', debitCents: 250, creditCents: 400, netCents: -150, estimatedDebitCents: 0, eventCount: 2, kindCount: 2 },
    ])
    expect((await read('finance-by-kind')).body).toEqual([
      { eventKind: 'platform_fee', debitCents: 250, creditCents: 0, netCents: 250, estimatedDebitCents: 0, eventCount: 1, billerCount: 1 },
      {
        eventKind: 'log_storage_charge',
        debitCents: 100,
        creditCents: 0,
        netCents: 100,
        estimatedDebitCents: 100,
        eventCount: 1,
        billerCount: 1,
      },
      {
        eventKind: 'credit_refund',
        debitCents: 0,
        creditCents: 400,
        netCents: -400,
        estimatedDebitCents: 0,
        eventCount: 1,
        billerCount: 1,
      },
    ])
  })

  test('They and the list have the events from an instant on and before another', async () => {
    const { report, read } = await setup()
    const times = ['2024-02-28T23:59:59.999Z', '2024-02-29T00:00:00.000Z', '2024-02-29T23:59:59.999Z', '2024-03-01T00:00:00.000Z']
    for (const [index, occurredAt] of times.entries()) await report({ ...fee, occurredAt, amountCents: 10 ** index })
    const leapDay = 'from=2024-02-29&to=2024-03-01'
    expect((await read(`finance-summary?${leapDay}`)).body).toMatchObject({ debitCents: 110, eventCount: 2 })
    expect((await read(`finance-by-biller?${leapDay}`)).body).toMatchObject([{ debitCents: 110 }])
    expect((await read(`finance-by-kind?${leapDay}`)).body).toMatchObject([{ debitCents: 110 }])
    const amounts = (answer: Answer): number[] => (answer.body as { amountCents: number }[]).map(({ amountCents }) => amountCents)
    const first = await read(`finance-events?${leapDay}&limit=1`)
    const second = await server().board.get(nextPagePath(first))
    expect([amounts(first), amounts(second), nextPagePath(second)]).toEqual([[100], [10], ''])
  })

  test('The list has 100 rows unless it is asked for up to 500', async () => {
    const { company, read } = await setup()
    await server().database.sql.query(
      `insert into finance_events (company_id, event_kind, biller, amount_cents, occurred_at)
         select $1, 'platform_fee', 'aws', i, now() from generate_series(1, 501) i`,
      [company.id],
    )
    expect((await read('finance-events')).body).toHaveLength(100)
    expect((await read('finance-events?limit=500')).body).toHaveLength(500)
    for (const limit of [0, 501])
      await expectRefused(
        server(),
        () => server().board.get(`/api/companies/${company.id}/costs/finance-events?limit=${limit}`),
        400,
        'validation_failed',
      )
  })
})
