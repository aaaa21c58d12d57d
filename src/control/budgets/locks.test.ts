// A limit is the last lock of a transaction, also where it changes with the column of its company or agent.

import { beforeEach, describe, expect, test } from 'vitest'
import { waitForLockWaiter } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Answer, TestAgent, TestRun, World } from '../../dev/testing/world.ts'

const server = useServer()

let here: World
let agent: TestAgent
let run: TestRun
beforeEach(async () => {
  here = await world(server())
  agent = await here.agent({ budgetMonthlyCents: 500, permissions: { canCreateAgents: true } })
  run = await here.run(agent)
})

/** A statement that takes a lock, with its parameters. */
type Lock = readonly [string, unknown[]]
const shareWriters = (): Lock => ['select pg_advisory_xact_lock_shared(7071, hashtext($1))', [here.company.id]]
const lockPolicy = (scopeId = agent.id): Lock => ['select from budget_policies where scope_id = $1 for no key update', [scopeId]]
const lockRun = (): Lock => ['select from heartbeat_runs where id = $1 for no key update', [run.id]]
const lockIssue = (id: string): Lock => ['select from issues where id = $1 for no key update', [id]]

/** Holds what another transaction holds while a request waits for it, and takes what that one takes next: the request may not have it. */
async function crossing(first: Lock, next: Lock, request: () => Promise<Answer>): Promise<Answer> {
  const other = await server().database.sql.connect()
  try {
    await other.query('begin')
    await other.query(first[0], first[1])
    const asked = request()
    asked.catch(() => {})
    const early = await Promise.race([waitForLockWaiter(server()), asked])
    expect(early?.text).toBeUndefined()
    await other.query("set local lock_timeout = '100ms'")
    await other.query(next[0], next[1])
    await other.query('rollback')
    return await asked
  } finally {
    await other.query('rollback')
    other.release()
  }
}

describe('a budget that is set with an agent', () => {
  test('A change of the agent waits for cost events that are being written without the lock of the limit, for which they wait next', async () => {
    const change = (budgetMonthlyCents: number) => server().board.patch(`/api/agents/${agent.id}`, { budgetMonthlyCents })
    await change(0)
    const answer = await crossing(shareWriters(), lockPolicy(), () => change(300))
    expect(answer).toMatchObject({ status: 200, body: { budgetMonthlyCents: 300 } })
  })

  test.for(['issue', 'run'] as const)(
    'A hire with a budget locks its %s before it keeps the cost events of that run waiting',
    async (kind) => {
      const issue = await here.issue({ assigneeAgentId: agent.id })
      await server().board.patch(`/api/companies/${here.company.id}`, { requireBoardApprovalForNewAgents: true })
      const hire = { name: 'New', role: 'engineer', budgetMonthlyCents: 100, sourceIssueId: issue.id }
      const answer = await crossing(kind === 'issue' ? lockIssue(issue.id) : lockRun(), shareWriters(), () =>
        run.client.post(`/api/companies/${here.company.id}/agent-hires`, hire),
      )
      expect(answer.status, answer.text).toBe(201)
      const { id } = answer.body.agent
      expect([answer.body.agent, (await server().board.get(`/api/agents/${id}`)).body]).toMatchObject([
        { budgetMonthlyCents: 100 },
        { budgetMonthlyCents: 100 },
      ])
    },
  )

  test('The approval of a higher budget locks the issue of its requester before the limit, as the end of a run does', async () => {
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const { body } = await run.client.patch(`/api/agents/${agent.id}/budgets`, { budgetMonthlyCents: 900 })
    expect((await server().board.post(`/api/issues/${issue.id}/approvals`, { approvalId: body.approval.id })).status).toBe(201)
    const answer = await crossing(lockIssue(issue.id), lockPolicy(), () =>
      server().board.post(`/api/approvals/${body.approval.id}/approve`),
    )
    expect(answer.status, answer.text).toBe(200)
    expect((await server().board.get(`/api/agents/${agent.id}`)).body).toMatchObject({ budgetMonthlyCents: 900 })
  })
})

test('The deletion of an agent locks its limit and that of its company in the order of cost events', async () => {
  await server().board.patch(`/api/companies/${here.company.id}`, { budgetMonthlyCents: 9000 })
  const { sql } = server().database
  const isBehind = async (): Promise<boolean> => {
    const { rows } = await sql.query<{ id: string }>(
      'select scope_id as id from budget_policies where company_id = $1 order by budget_policies.id',
      [here.company.id],
    )
    return rows.findIndex(({ id }) => id === agent.id) > rows.findIndex(({ id }) => id === here.company.id)
  }
  // Ids are drawn by lot.
  while (!(await isBehind())) agent = await here.agent({ budgetMonthlyCents: 500 })
  await here.run(agent)
  const answer = await crossing(lockPolicy(here.company.id), lockPolicy(), () => server().board.del(`/api/agents/${agent.id}`))
  expect(answer.status, answer.text).toBe(200)
  const { rows } = await sql.query('select from budget_policies where scope_id = $1', [agent.id])
  expect(rows).toEqual([])
})
