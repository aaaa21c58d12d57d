import { describe, expect, test } from 'vitest'
import { auditsOf, keyClientForRun, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'
import { flushSkips } from './skipCounters.ts'

const server = useServer()
const board = () => server().board

/** The agents that were woken for an issue, with the reasons, oldest first. Each must have a queued run. */
async function wokenFor(issueId: string): Promise<[agentId: string, reason: string][]> {
  const wakes = (await wakesOf(server(), issueId)).filter((wake) => wake.status === 'queued')
  for (const wake of wakes) expect(await runRow(server(), wake.runId ?? '')).toMatchObject({ status: 'queued' })
  return wakes.map((wake) => [wake.agentId, wake.reason])
}

/** An assigned issue for which no wake is queued any more. */
async function quietIssue(here: World, agent: TestAgent, fields: Record<string, unknown> = {}) {
  const issue = await here.issue({ assigneeAgentId: agent.id, ...fields })
  for (const wake of await wakesOf(server(), issue.id)) await board().post(`/api/heartbeat-runs/${wake.runId}/cancel`)
  return issue
}

/** Inserts a wake that waits for the holder of an issue. */
const deferFor = async (issueId: string, agent: TestAgent): Promise<void> => {
  expect((await board().post(`/api/agents/${agent.id}/wakeup`, { payload: { issueId } })).body.reason).toBe('issue_execution_deferred')
}

describe('A change of an issue wakes agents in its transaction', () => {
  test('An assignment wakes the assignee at creation, later, and by another agent, but not while the issue is in the backlog', async () => {
    const here = await world(server())
    const [ann, ben] = [await here.agent(), await here.agent()]
    const { id: created } = await here.issue({ assigneeAgentId: ann.id })
    expect(await wokenFor(created)).toEqual([[ann.id, 'issue_assigned']])
    const { id: later } = await here.issue({ status: 'backlog', assigneeAgentId: ann.id })
    expect(await wokenFor(later)).toEqual([])
    await board().patch(`/api/issues/${later}`, { status: 'todo' })
    expect(await wokenFor(later)).toEqual([[ann.id, 'issue_status_changed']])
    const { id: given } = await here.issue()
    await keyClientForRun(ann, await here.run(ann)).patch(`/api/issues/${given}`, { assigneeAgentId: ben.id })
    expect(await wokenFor(given)).toEqual([[ben.id, 'issue_assigned']])
  })

  test('A comment wakes the assignee, unless the assignee wrote it or the issue is closed', async () => {
    const here = await world(server())
    const [ann, ben] = [await here.agent(), await here.agent()]
    const issue = await quietIssue(here, ann)
    const run = await here.run(ann)
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'I have looked at it' })
    expect(await wokenFor(issue.id)).toEqual([])
    await keyClientForRun(ben, await here.run(ben)).post(`/api/issues/${issue.id}/comments`, { body: 'And?' })
    expect(await wokenFor(issue.id)).toEqual([[ann.id, 'issue_commented']])
    const closed = await quietIssue(here, ann)
    await board().patch(`/api/issues/${closed.id}`, { status: 'done' })
    await board().post(`/api/issues/${closed.id}/comments`, { body: 'Thanks' })
    expect(await wokenFor(closed.id)).toEqual([])
    await board().post(`/api/issues/${closed.id}/comments`, { body: 'No, again', reopen: true })
    expect(await wokenFor(closed.id)).toEqual([[ann.id, 'issue_reopened_via_comment']])
  })

  test('A mention wakes its agent beside the holder, also one that waits for the issue already, but not its own author', async () => {
    const here = await world(server())
    const { issue, run, agent } = await here.held()
    const other = await here.agent({ name: 'Otto' })
    await deferFor(issue.id, other)
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: `@Otto, what do you think? I am @${agent.name}.` })
    expect(await wokenFor(issue.id)).toEqual([[other.id, 'issue_comment_mentioned']])
    expect((await wakesOf(server(), issue.id)).filter((wake) => wake.status === 'deferred_issue_execution')).toHaveLength(1)
  })

  test('A decision on an approval wakes the agent that requested it', async () => {
    const here = await world(server())
    for (const [verb, reason] of [
      ['approve', 'approval_approved'],
      ['reject', 'approval_rejected'],
      ['request-revision', 'approval_revision_requested'],
    ]) {
      const agent = await here.agent()
      const asked = await agent.client.post(`/api/companies/${here.company.id}/approvals`, {
        type: 'approve_ceo_strategy',
        payload: { plan: 'More' },
      })
      expect(asked.status, asked.text).toBe(201)
      expect((await board().post(`/api/approvals/${asked.body.id}/${verb}`)).status).toBe(200)
      const { rows } = await server().database.sql.query(
        'select w.status, w.reason, r.status as run from wakes w join heartbeat_runs r on r.id = w.run_id where w.agent_id = $1',
        [agent.id],
      )
      expect(rows).toEqual([{ status: 'queued', reason, run: 'queued' }])
      // An agent that lives elsewhere opens that run and no second one.
      const { rows: queued } = await server().database.sql.query<{ id: string }>('select run_id as id from wakes where agent_id = $1', [
        agent.id,
      ])
      expect((await here.run(agent)).id).toBe(queued[0]?.id)
    }
  })

  test('The end of the last blocker wakes the assignee of the blocked issue', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const [first, last] = [await here.issue(), await here.issue()]
    const blocked = await quietIssue(here, agent, { blockedByIssueIds: [first.id, last.id] })
    await board().patch(`/api/issues/${first.id}`, { status: 'done' })
    expect(await wokenFor(blocked.id)).toEqual([])
    await board().patch(`/api/issues/${last.id}`, { status: 'done' })
    expect(await wokenFor(blocked.id)).toEqual([[agent.id, 'issue_blockers_resolved']])
  })

  test('The end of the last child wakes the assignee of its parent', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const parent = await quietIssue(here, agent)
    const children = [await here.issue({ parentId: parent.id }), await here.issue({ parentId: parent.id })]
    await board().patch(`/api/issues/${children[0]?.id}`, { status: 'done' })
    expect(await wokenFor(parent.id)).toEqual([])
    await board().patch(`/api/issues/${children[1]?.id}`, { status: 'cancelled' })
    expect(await wokenFor(parent.id)).toEqual([[agent.id, 'issue_children_completed']])
  })

  test('A release and a force-release queue the next waiting wake', async () => {
    const here = await world(server())
    for (const how of ['release', 'admin/force-release?clearAssignee=true']) {
      const { issue } = await here.held()
      const [next, last] = [await here.agent(), await here.agent()]
      await deferFor(issue.id, next)
      await deferFor(issue.id, last)
      expect((await board().post(`/api/issues/${issue.id}/${how}`)).status).toBe(200)
      expect(await wokenFor(issue.id)).toEqual([[next.id, 'on_demand']])
    }
  })

  test('A checkout by the board wakes the agent that gets the issue', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const issue = await here.issue()
    const answer = await board().post(`/api/issues/${issue.id}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] })
    expect(answer.status).toBe(200)
    expect(await wokenFor(issue.id)).toEqual([[agent.id, 'issue_checked_out']])
  })

  test('An agent with wakeOnDemand off is woken neither for an issue nor for an approval, and the skips are counted', async () => {
    const here = await world(server())
    const agent = await here.agent({ name: 'Deaf', runtimeConfig: { heartbeat: { wakeOnDemand: false } } })
    const issue = await here.issue({ assigneeAgentId: agent.id })
    await board().post(`/api/issues/${issue.id}/comments`, { body: 'Hello?' })
    const { body: approval } = await agent.client.post(`/api/companies/${here.company.id}/approvals`, {
      type: 'approve_ceo_strategy',
      payload: { plan: 'Less' },
    })
    await board().post(`/api/approvals/${approval.id}/approve`)
    expect((await lastAudit(server(), approval.id, 'approval.requester_wakeup_failed')).details).toMatchObject({
      why: 'wake_on_demand_off',
    })
    await flushSkips(server().store)
    const { rows } = await server().database.sql.query(
      `select (select count(*)::int from wakes where agent_id = $1) as wakes, (select count(*)::int from heartbeat_runs where agent_id = $1) as runs,
         (select count::int from wake_skips where agent_id = $1 and reason = 'wake_on_demand_off') as skips`,
      [agent.id],
    )
    expect(rows).toEqual([{ wakes: 0, runs: 0, skips: 3 }])
  })
})

describe('The loop bound', () => {
  /** Inserts as many wakes by agents as the bound permits within an hour. */
  const reachLoopBound = async (issueId: string, agent: TestAgent): Promise<void> => {
    await server().database.sql.query(
      `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, finished_at)
       select company_id, $2::uuid, id, 'automation', 'issue_commented', 'completed', 'agent', $2::text, now() from issues, generate_series(1, 20) where id = $1`,
      [issueId, agent.id],
    )
  }

  test('Beyond the bound one wake is closed and audited for the board, and later requests are counted in it', async () => {
    const here = await world(server())
    const [ann, ben] = [await here.agent(), await here.agent()]
    const { body: issue } = await ben.client.post(`/api/companies/${here.company.id}/issues`, {
      title: 'Ping',
      status: 'todo',
      assigneeAgentId: ann.id,
    })
    for (const wake of await wakesOf(server(), issue.id)) await board().post(`/api/heartbeat-runs/${wake.runId}/cancel`)
    const speaker = keyClientForRun(ben, await here.run(ben))
    const comment = async () => expect((await speaker.post(`/api/issues/${issue.id}/comments`, { body: 'Ping' })).status).toBe(201)
    await comment()
    expect(await wokenFor(issue.id)).toEqual([[ann.id, 'issue_commented']])
    for (const wake of await wakesOf(server(), issue.id)) await board().post(`/api/heartbeat-runs/${wake.runId}/cancel`)

    await reachLoopBound(issue.id, ann)
    for (let count = 0; count < 3; count += 1) await comment()
    expect(await wokenFor(issue.id)).toEqual([])
    const closed = (await wakesOf(server(), issue.id)).filter((wake) => wake.closeReason === 'loop_bound')
    expect(closed).toMatchObject([{ agentId: ann.id, status: 'skipped', runId: null, coalescedCount: 2 }])
    expect(await auditsOf(server(), closed[0]?.id ?? '')).toMatchObject([
      { action: 'wake.closed', actorType: 'agent', actorId: ben.id, agentId: ann.id, details: { why: 'loop_bound', issueId: issue.id } },
    ])

    // A person is no loop, and the count starts again after the comment of a person.
    await board().post(`/api/issues/${issue.id}/comments`, { body: 'Go on' })
    expect(await wokenFor(issue.id)).toEqual([[ann.id, 'issue_commented']])
    for (const wake of await wakesOf(server(), issue.id))
      if (wake.status === 'queued') await board().post(`/api/heartbeat-runs/${wake.runId}/cancel`)
    await comment()
    expect(await wokenFor(issue.id)).toEqual([[ann.id, 'issue_commented']])
  })

  test('The bound limits an agent that wakes itself for an issue, and wakes older than an hour do not count', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { id: issueId } = await here.issue({ status: 'backlog', assigneeAgentId: agent.id })
    await reachLoopBound(issueId, agent)
    const wake = () => agent.client.post(`/api/agents/${agent.id}/wakeup`, { payload: { issueId } })
    expect((await wake()).body).toMatchObject({ status: 'skipped', reason: 'wakeup_skipped' })
    expect((await wakesOf(server(), issueId)).filter((each) => each.closeReason === 'loop_bound')).toHaveLength(1)
    await server().database.passTime('61 minutes')
    expect((await wake()).body).toMatchObject({ status: 'queued', issueId })
  })

  test('The bound limits an agent that wakes itself for no issue', async () => {
    const here = await world(server())
    const agent = await here.agent()
    for (let count = 0; count < 20; count += 1) {
      const answer = await agent.client.post(`/api/agents/${agent.id}/wakeup`, { payload: { taskKey: `task ${count}` } })
      expect(answer.body).toMatchObject({ status: 'queued' })
    }
    const last = { payload: { taskKey: 'one more' } }
    expect((await agent.client.post(`/api/agents/${agent.id}/wakeup`, last)).body).toMatchObject({ status: 'skipped' })
    expect((await board().post(`/api/agents/${agent.id}/wakeup`, last)).body).toMatchObject({ status: 'queued' })
  })
})
