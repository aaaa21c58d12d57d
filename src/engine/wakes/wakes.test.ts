import { describe, expect, test } from 'vitest'
import { runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const comment = (issueId: string, body = 'Hello') => server().board.post(`/api/issues/${issueId}/comments`, { body })

/** Inserts a wake that waits for a held issue, as an import may insert one. */
const defer = async (issueId: string, agentId: string, minutes: number): Promise<string> => {
  const { rows } = await server().database.sql.query<{ id: string }>(
    `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, created_at)
     select company_id, $2, id, 'on_demand', 'asked', 'deferred_issue_execution', 'user', 'local-board', now() + make_interval(mins => $3)
     from issues where id = $1 returning id`,
    [issueId, agentId, minutes],
  )
  return rows[0]?.id ?? ''
}

describe('enqueueWake', () => {
  test('A wake for a free issue has a queued run that holds nothing', async () => {
    const { agent, issue } = await world(server())
    const worker = await agent()
    const given = await issue({ assigneeAgentId: worker.id })
    const [wake] = await wakesOf(server(), given.id)
    expect(wake).toMatchObject({ agentId: worker.id, status: 'queued', reason: 'issue_assigned', coalescedCount: 0 })
    const { body } = await server().board.get(`/api/heartbeat-runs/${wake?.runId}`)
    expect(body).toMatchObject({ status: 'queued', issueId: given.id, invocationSource: 'assignment', wakeupRequestId: wake?.id })
    expect((await server().board.get(`/api/issues/${given.id}`)).body).toMatchObject({
      checkoutRunId: null,
      executionRunId: null,
      lockEpoch: 0,
    })
  })

  test('A queued run blocks no other: another run of the agent takes the issue', async () => {
    const { agent, issue, run, checkout } = await world(server())
    const worker = await agent()
    const given = await issue({ assigneeAgentId: worker.id })
    expect((await checkout(await run(worker), given.id)).status).toBe(200)
  })

  test('A second request for the same agent and issue joins the first, queued or waiting', async () => {
    const { agent, issue, held: heldIssue } = await world(server())
    const given = await issue({ assigneeAgentId: (await agent()).id })
    for (let count = 1; count <= 2; count += 1) {
      await comment(given.id)
      expect(await wakesOf(server(), given.id)).toMatchObject([{ status: 'queued', coalescedCount: count }])
    }
    const { issue: taken } = await heldIssue()
    for (const count of [0, 1, 2]) {
      await comment(taken.id)
      expect(await wakesOf(server(), taken.id)).toMatchObject([{ status: 'deferred_issue_execution', coalescedCount: count, runId: null }])
    }
  })

  test('Of eight concurrent requests one inserts a wake and seven join it', async () => {
    const { held: heldIssue } = await world(server())
    const { issue } = await heldIssue()
    expect(countByStatus(await race(Array.from({ length: 8 }), () => comment(issue.id)))).toEqual({ 201: 8 })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ coalescedCount: 7 }])
  })

  test('A dead holder lets no wake wait', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await expireLease(server(), run.id)
    await comment(issue.id)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
  })

  test.each(['paused', 'terminated', 'pending_approval'])('An agent that is %s is not woken', async (status) => {
    const { agent, issue } = await world(server())
    const worker = await agent()
    const given = await issue({ assigneeAgentId: worker.id, status: 'backlog' })
    await server().database.sql.query('update agents set status = $2 where id = $1', [worker.id, status])
    await comment(given.id)
    expect(await wakesOf(server(), given.id)).toEqual([])
  })
})

describe('promoteWake', () => {
  test('A free issue promotes one waiting wake at a time, the oldest first, and closes invalid ones with the reason', async () => {
    const { held: heldIssue, agent, run, checkout } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const [paused, first, second] = [await agent(), await agent(), await agent()]
    const [pausedWake, firstWake, secondWake] = [
      await defer(issue.id, paused.id, 1),
      await defer(issue.id, first.id, 2),
      await defer(issue.id, second.id, 3),
    ]
    await server().board.post(`/api/agents/${paused.id}/pause`)
    await server().board.post(`/api/issues/${issue.id}/release`)
    const promoted = (await wakesOf(server(), issue.id)).find((wake) => wake.id === firstWake)
    expect(await wakesOf(server(), issue.id)).toMatchObject([
      { id: pausedWake, status: 'skipped', closeReason: 'agent_not_invokable' },
      { id: firstWake, status: 'queued' },
      { id: secondWake, status: 'deferred_issue_execution' },
    ])
    expect(await actionsOf(server(), pausedWake)).toEqual(['wake.closed'])
    expect((await lastAudit(server(), firstWake, 'wake.promoted')).details).toEqual({
      agentId: first.id,
      issueId: issue.id,
      runId: promoted?.runId,
      reason: 'asked',
    })
    expect(await runRow(server(), promoted?.runId ?? '')).toMatchObject({ status: 'queued' })
    expect(holder.agentId).toBe(owner.id)

    // The promoted agent takes and releases the issue, and the wake of the other agent is next.
    const working = await run(first, { issueId: issue.id })
    expect(working.id).toBe(promoted?.runId)
    await checkout(working, issue.id)
    await working.client.post(`/api/issues/${issue.id}/release`)
    expect((await wakesOf(server(), issue.id)).find((wake) => wake.id === secondWake)).toMatchObject({ status: 'queued' })
  })

  test('A wake of an agent that is not the assignee is closed, and so is a wake for a closed issue', async () => {
    const { held: heldIssue, agent } = await world(server())
    const other = await agent()
    const assigned = await heldIssue()
    await defer(assigned.issue.id, other.id, 1)
    await assigned.run.client.post(`/api/heartbeat-runs/${assigned.run.id}/finish`, { status: 'succeeded' })
    expect(await wakesOf(server(), assigned.issue.id)).toMatchObject([{ status: 'skipped', closeReason: 'not_assignee' }])
    const closed = await heldIssue()
    await defer(closed.issue.id, closed.agent.id, 1)
    await closed.run.client.patch(`/api/issues/${closed.issue.id}`, { status: 'done' })
    expect(await wakesOf(server(), closed.issue.id)).toMatchObject([{ status: 'skipped', closeReason: 'issue_closed' }])
  })

  test.each([
    ['finish', 'the holder finishes'],
    ['release', 'the holder releases it'],
    ['force-release', 'the board ends the hold'],
    ['cancel', 'the board cancels the run'],
    ['reassign', 'the board assigns it to the agent that waits'],
    ['move', 'the holder moves it on'],
  ])('A waiting wake is queued and not stranded when the hold ends by %s', async (how) => {
    const { held: heldIssue, agent } = await world(server())
    const { issue, run, agent: owner } = await heldIssue()
    const next = how === 'reassign' ? await agent() : owner
    await defer(issue.id, next.id, 0)
    const path = `/api/issues/${issue.id}`
    const actions: Record<string, () => Promise<{ status: number }>> = {
      finish: () => run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }),
      release: () => run.client.post(`${path}/release`),
      'force-release': () => server().board.post(`${path}/admin/force-release`),
      cancel: () => server().board.post(`/api/heartbeat-runs/${run.id}/cancel`),
      reassign: () => server().board.patch(path, { assigneeAgentId: next.id }),
      move: () => run.client.patch(path, { status: 'in_review' }),
    }
    expect((await actions[how]?.())?.status).toBe(200)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ agentId: next.id, status: 'queued' }])
    const [wake] = await wakesOf(server(), issue.id)
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'queued' })
  })
})
