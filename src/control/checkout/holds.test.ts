import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { plantColumns, expectRefused } from '../../dev/testing/holds.ts'
import { nodesOf } from '../../dev/testing/planNode.ts'
import type { PlanNode } from '../../dev/testing/planNode.ts'
import { expireLease, nextPagePath, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import type { PageDb } from '../../platform/db/types.ts'
import { listHolds as readHolds } from './holds.ts'

const server = useServer()
const listHolds = async (here: World, query = '') => (await server().board.get(`/api/companies/${here.company.id}/locks${query}`)).body
const ids = (rows: readonly { issueId: string }[]) => rows.map((row) => row.issueId)

/** The acts that a read of the holds of a company looks at. */
async function actsReadIn(here: World): Promise<number> {
  const { store, database } = server()
  const plans: PlanNode[] = []
  const runPage: PageDb['runPage'] = async (statement, params, maxRows) => {
    const { rows } = await database.sql.query(`explain (analyze, format json) ${statement.text}`, statement.values(params))
    plans.push(rows[0]['QUERY PLAN'][0].Plan as PlanNode)
    return await store.read.runPage(statement, params, maxRows)
  }
  const reading = { ...store, read: { ...store.read, runPage } }
  const system = { kind: 'system', task: 'scheduler' } as const
  await readHolds(
    { actor: system, companyId: here.company.id, requestId: null, store: reading, idempotency: null },
    { state: 'all', limit: 50 },
  )
  return plans
    .flatMap(nodesOf)
    .filter((node) => node['Relation Name'] === 'activity_log')
    .reduce((sum, node) => sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'], 0)
}

describe('the list of holds of a company', () => {
  test('The last act of a run that made half of the log is found without a look at the acts of others behind it', async () => {
    const here = await world(server())
    const { run } = await here.held()
    const act = async (runId: string | null): Promise<unknown> =>
      await server().database.sql.query(
        `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, run_id)
         select $1::uuid, 'system', 'test', 'issue.updated', 'company', $1::uuid::text, $2 from generate_series(1, 5000)`,
        [here.company.id, runId],
      )
    await act(run.id)
    await act(null)
    await server().database.sql.query('vacuum analyze activity_log')
    expect(await actsReadIn(here)).toBe(1)
  })

  test('The list shows the holder, its lease, the start of the hold, the epoch and the number of waiting wakes', async () => {
    const here = await world(server())
    const { issue, run, agent } = await here.held()
    await here.issue()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Soon?' })
    const row = await server().board.get(`/api/issues/${issue.id}`)
    expect(await listHolds(here)).toEqual([
      {
        issueId: issue.id,
        identifier: issue.identifier,
        title: row.body.title,
        issueStatus: 'in_progress',
        projectId: null,
        assigneeAgentId: agent.id,
        assigneeUserId: null,
        checkoutRunId: run.id,
        executionRunId: run.id,
        heldSince: row.body.executionLockedAt,
        lockEpoch: 1,
        holder: {
          runId: run.id,
          agentId: agent.id,
          agentName: agent.name,
          status: 'running',
          live: true,
          leaseExpiresAt: expect.any(String),
          lastSeenAt: expect.any(String),
        },
        live: true,
        lastAct: { action: 'issue.checked_out', at: expect.any(String) },
        waitingWakes: 1,
        waiting: [{ agentId: agent.id, agentName: agent.name, since: expect.any(String) }],
      },
    ])
  })

  test('The list selects live, dead or all holds; a missing or foreign run is a dead holder', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const live = await here.held()
    const lapsed = await here.held()
    await expireLease(server(), lapsed.run.id)
    const [ghost, foreign] = [await here.issue(), await here.issue()]
    await plantColumns(server(), ghost.id, { checkoutRunId: randomUUID() })
    await plantColumns(server(), foreign.id, { executionRunId: (await elsewhere.run(await elsewhere.agent())).id })
    const dead = [lapsed.issue.id, ghost.id, foreign.id].toSorted()
    expect(ids(await listHolds(here, '?state=live'))).toEqual([live.issue.id])
    expect(ids(await listHolds(here, '?state=dead'))).toEqual(dead)
    expect(ids(await listHolds(here, '?state=all'))).toEqual([live.issue.id, ...dead].toSorted())
    const byId = Object.fromEntries((await listHolds(here)).map((row: { issueId: string }) => [row.issueId, row]))
    expect(byId[lapsed.issue.id]).toMatchObject({ live: false, holder: { runId: lapsed.run.id, live: false, status: 'running' } })
    expect(byId[ghost.id]).toMatchObject({ live: false, holder: null })
    expect(byId[foreign.id]).toMatchObject({ live: false, holder: null })
    await expectRefused(server(), () => server().board.get(`/api/companies/${here.company.id}/locks?state=odd`), 400, 'validation_failed')
  })

  test('The list shows the last act of the holder, the project, and the three oldest of the wakes that wait', async () => {
    const here = await world(server())
    const project = await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Engines' })
    const { issue, run } = await here.held()
    await server().board.patch(`/api/issues/${issue.id}`, { projectId: project.body.id })
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'I begin.' })
    const waiting = [await here.agent(), await here.agent(), await here.agent(), await here.agent()]
    for (const [place, { id }] of waiting.entries())
      await server().database.sql.query(
        `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, created_at)
         values ($1, $2, $3, 'on_demand', 'test', 'deferred_issue_execution', 'system', 'test', now() + $4 * interval '1 second')`,
        [here.company.id, id, issue.id, place],
      )
    const [row] = await listHolds(here)
    expect(row).toMatchObject({ projectId: project.body.id, lastAct: { action: 'issue.comment_added' }, waitingWakes: 4 })
    expect(row.waiting.map(({ agentName }: { agentName: string }) => agentName)).toEqual(waiting.slice(0, 3).map(({ name }) => name))
    expect((await server().board.get(`/api/issues/${issue.id}/lock`)).body).toMatchObject({ waiting: row.waiting, lastAct: row.lastAct })
  })

  test('When two columns name two runs, the live run is the holder', async () => {
    const here = await world(server())
    const { issue, run: first, agent } = await here.held()
    const second = await here.run(agent)
    await plantColumns(server(), issue.id, { executionRunId: second.id })
    expect(await listHolds(here)).toMatchObject([{ holder: { runId: second.id } }])
    await expireLease(server(), second.id)
    expect(await listHolds(here)).toMatchObject([{ holder: { runId: first.id, live: true }, live: true }])
  })

  test('Every agent of the company can read the list page by page', async () => {
    const here = await world(server())
    const held = [await here.held(), await here.held(), await here.held()]
    const { client } = await here.agent()
    const first = await client.get(`/api/companies/${here.company.id}/locks?limit=2`)
    const next = nextPagePath(first)
    const second = await client.get(next)
    expect([...ids(first.body), ...ids(second.body)]).toEqual(held.map((each) => each.issue.id).toSorted())
    expect(second.headers).not.toHaveProperty('link')
  })

  test('The list shows holds of the caller’s own company only', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    await elsewhere.held()
    const { client } = await here.agent()
    await expectRefused(server(), () => client.get(`/api/companies/${elsewhere.company.id}/locks`), 404, 'not_found')
    expect(await listHolds(here)).toEqual([])
  })
})

describe('the hold of one issue', () => {
  test('The history shows each change of the hold with its actor and reason, newest first', async () => {
    const here = await world(server())
    const { issue, run: first, agent } = await here.held()
    await first.client.post(`/api/heartbeat-runs/${first.id}/finish`, { status: 'failed' })
    const second = await here.run(agent)
    await second.client.patch(`/api/issues/${issue.id}`, { title: 'Adopted' })
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`, { reason: 'too slow' })
    const third = await here.run(agent)
    await here.checkout(third, issue.id)
    await third.client.post(`/api/issues/${issue.id}/release`)
    const { body } = await third.client.get(`/api/issues/${issue.id}/lock`)
    expect(body).toMatchObject({ issueId: issue.id, issueStatus: 'todo', holder: null, live: false, lockEpoch: 6, waitingWakes: 0 })
    expect(body.history.map((row: { action: string; actorId: string; runId: string }) => [row.action, row.actorId, row.runId])).toEqual([
      ['issue.released', agent.id, third.id],
      ['issue.checked_out', agent.id, third.id],
      ['issue.admin_force_release', 'local-board', null],
      ['issue.checkout_lock_adopted', agent.id, second.id],
      ['issue.lock_cleared', agent.id, first.id],
      ['issue.checked_out', agent.id, first.id],
    ])
    expect(body.history.map((row: { details: { lockEpoch: number } }) => row.details.lockEpoch)).toEqual([6, 5, 4, 3, 2, 1])
    expect(body.history[2].details).toMatchObject({ reason: 'too slow', evictedRunIds: [second.id] })
  })

  test('A hold is read by id or identifier, and in the caller’s own company only', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const { issue } = await here.held()
    expect((await server().board.get(`/api/issues/${issue.identifier}/lock`)).body).toMatchObject({ issueId: issue.id, live: true })
    const { client } = await elsewhere.agent()
    for (const id of [issue.id, issue.identifier, randomUUID()]) {
      await expectRefused(server(), () => client.get(`/api/issues/${id}/lock`), 404, 'not_found')
    }
  })
})
