import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { addCostEvents, CENT, spendNow } from '../../dev/testing/costEvents.ts'
import { countLockWaiters, waitForLockWaiter, waitUntil } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

const sql = (text: string, values: unknown[]) => server().database.sql.query(text, values)

async function setup() {
  const base = await world(server())
  const C = `/api/companies/${base.company.id}`
  const approval = (status: string, type = 'request_board_approval') =>
    sql(`insert into approvals (company_id, type, status, payload) values ($1, $2, $3, '{}')`, [base.company.id, type, status])
  return { ...base, C, approval }
}

describe('the dashboard', () => {
  test('Eight callers at once wait for two reads of the database at most, and each gets the numbers of its own company', async () => {
    const [here, elsewhere] = [await setup(), await setup()]
    for (let count = 0; count < 3; count += 1) await here.issue()
    const blocking = await server().database.sql.connect()
    onTestFinished(() => blocking.release(true))
    await blocking.query('begin; lock table webhook_endpoints in access exclusive mode')
    const asked = Array.from({ length: 8 }, () => server().board.get(`${here.C}/dashboard`))
    await waitForLockWaiter(server())
    const other = server().board.get(`${elsewhere.C}/dashboard`)
    await waitUntil('the other company is read, too', async () => (await countLockWaiters(server())) === 2)
    // Every request that was sent before this one has reached the server.
    expect((await server().board.get(`/api/companies/${here.company.id}`)).status).toBe(200)
    expect(await countLockWaiters(server())).toBe(2)
    await blocking.query('commit')
    expect(new Set((await Promise.all(asked)).map(({ body }) => body.tasks.open))).toEqual(new Set([3]))
    expect((await other).body).toMatchObject({ companyId: elsewhere.company.id, tasks: { open: 0 } })
  })

  test('The dashboard counts the current rows of its company, and none of another company', async () => {
    const { C, company, agent, issue, held: heldIssue, approval } = await setup()
    const elsewhere = await setup()
    await elsewhere.held()
    await elsewhere.approval('pending')
    await server().board.patch(C, { budgetMonthlyCents: 1000 })
    const { agent: holder } = await heldIssue()
    const [paused, errored] = [await agent(), await agent()]
    await server().board.post(`/api/agents/${paused.id}/pause`)
    await sql("update agents set status = 'error' where id = $1", [errored.id])
    await spendNow(server(), { companyId: company.id, agentId: errored.id }, 125)
    await spendNow(server(), { companyId: elsewhere.company.id, agentId: errored.id }, 50)
    const earlier = new Date()
    earlier.setUTCDate(0)
    await addCostEvents(server(), company.id, [{ agentId: errored.id, occurredAt: earlier.toISOString(), microcents: 10 * CENT }])
    const [policy, incident] = [
      randomUUID(),
      'budget_incidents (company_id, policy_id, scope_type, scope_id, metric, window_kind, window_start',
    ]
    await sql(
      "insert into budget_policies (id, company_id, scope_type, scope_id, amount, is_active) values ($1, $2, 'agent', $3, 1, false)",
      [policy, company.id, errored.id],
    )
    for (const [threshold, status] of [
      ['soft', 'open'],
      ['hard', 'open'],
      ['soft', 'resolved'],
    ])
      await sql(
        `insert into ${incident}, threshold_type, amount_limit, amount_observed, policy_revision, status)
           values ($1, $2, 'agent', $3, 'billed_cents', 'calendar_month_utc', now(), $4, 1, 1, 1, $5)`,
        [company.id, policy, errored.id, threshold, status],
      )
    for (const status of ['todo', 'backlog', 'blocked', 'done', 'cancelled']) await issue({ status })
    const hidden = await issue()
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    await approval('pending')
    await approval('pending', 'budget_override_required')
    await approval('approved')
    const { status, body } = await holder.client.get(`${C}/dashboard`)
    expect(status).toBe(200)
    expect(body).toEqual({
      companyId: company.id,
      agents: { active: 1, running: 0, paused: 1, error: 1 },
      tasks: { open: 4, inProgress: 1, blocked: 1, done: 1 },
      costs: { monthSpendCents: 125, monthBudgetCents: 1000, monthUtilizationPercent: 12.5 },
      stalled: 0,
      pendingApprovals: 2,
      stoppedWebhooks: 0,
      budgets: { activeIncidents: 2, pendingApprovals: 1, pausedAgents: 0, pausedProjects: 0 },
    })
  })

  test('The dashboard of an empty company has zeros, and that of a foreign or missing company gets 404', async () => {
    const { C } = await setup()
    const elsewhere = await setup()
    const outsider = await elsewhere.agent()
    expect((await server().board.get(`${C}/dashboard`)).body).toMatchObject({
      agents: { active: 0 },
      tasks: { open: 0 },
      costs: { monthSpendCents: 0, monthBudgetCents: 0, monthUtilizationPercent: 0 },
    })
    for (const place of [C, `/api/companies/${randomUUID()}`]) {
      for (const page of ['dashboard', 'sidebar-badges']) {
        expect(await outsider.client.get(`${place}/${page}`)).toMatchObject({ status: 404, body: { error: 'Company not found' } })
      }
    }
  })
})

describe('the sidebar badges', () => {
  test('The badges count pending approvals, agents whose latest run failed, and alerts that no other badge covers', async () => {
    const { C, company, agent, run, approval } = await setup()
    const badges = async () => (await server().board.get(`${C}/sidebar-badges`)).body
    expect(await badges()).toEqual({ inbox: 0, approvals: 0, failedRuns: 0, joinRequests: 0 })
    await approval('pending')
    await approval('revision_requested')
    await approval('rejected')
    const worker = await agent()
    const first = await run(worker)
    await first.client.post(`/api/heartbeat-runs/${first.id}/finish`, { status: 'failed' })
    expect(await badges()).toEqual({ inbox: 3, approvals: 2, failedRuns: 1, joinRequests: 0 })
    await sql("update agents set status = 'error' where id = $1", [worker.id])
    expect((await badges()).inbox).toBe(3)
    await run(worker)
    expect(await badges()).toEqual({ inbox: 3, approvals: 2, failedRuns: 0, joinRequests: 0 })
    await sql("update agents set status = 'idle' where id = $1", [worker.id])
    await spendNow(server(), { companyId: company.id, agentId: worker.id }, 80)
    await server().board.patch(C, { budgetMonthlyCents: 100 })
    expect((await badges()).inbox).toBe(3)
    await server().board.patch(C, { budgetMonthlyCents: 101 })
    expect((await badges()).inbox).toBe(2)
  })
})
