import { describe, expect, test } from 'vitest'
import { runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const say = (issueId: string, body = 'Hello') => server().board.post(`/api/issues/${issueId}/comments`, { body })

/** A wake as a later feature or an import may leave one: waiting for an issue that somebody holds. */
const defer = async (issueId: string, agentId: string, minutes: number): Promise<string> => {
  const { rows } = await server().database.sql.query<{ id: string }>(
    `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, created_at)
     select company_id, $2, id, 'on_demand', 'asked', 'deferred_issue_execution', 'user', 'local-board', now() + make_interval(mins => $3)
     from issues where id = $1 returning id`,
    [issueId, agentId, minutes],
  )
  return rows[0]?.id ?? ''
}

describe('asking that an agent be run for an issue', () => {
  test('nobody holds the issue: the wake has a run that waits in the queue and holds nothing', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const given = await issue({ assigneeAgentId: who.id })
    const [wake] = await wakesOf(server(), given.id)
    expect(wake).toMatchObject({ agentId: who.id, status: 'queued', reason: 'issue_assigned', coalescedCount: 0 })
    const { body } = await server().board.get(`/api/heartbeat-runs/${wake?.runId}`)
    expect(body).toMatchObject({ status: 'queued', issueId: given.id, invocationSource: 'assignment', wakeupRequestId: wake?.id })
    expect((await server().board.get(`/api/issues/${given.id}`)).body).toMatchObject({
      checkoutRunId: null,
      executionRunId: null,
      lockEpoch: 0,
    })
  })

  test('a queued run blocks nobody: another run of the agent takes the issue', async () => {
    const { agent, issue, run, checkout } = await world(server())
    const who = await agent()
    const given = await issue({ assigneeAgentId: who.id })
    expect((await checkout(await run(who), given.id)).status).toBe(200)
  })

  test('a second wish for the same agent and issue joins the first, queued or waiting', async () => {
    const { agent, issue, held: heldIssue } = await world(server())
    const given = await issue({ assigneeAgentId: (await agent()).id })
    for (let count = 1; count <= 2; count += 1) {
      await say(given.id)
      expect(await wakesOf(server(), given.id)).toMatchObject([{ status: 'queued', coalescedCount: count }])
    }
    const { issue: taken } = await heldIssue()
    for (const count of [0, 1, 2]) {
      await say(taken.id)
      expect(await wakesOf(server(), taken.id)).toMatchObject([{ status: 'deferred_issue_execution', coalescedCount: count, runId: null }])
    }
  })

  test('of eight wishes at once one wake comes, and seven join it', async () => {
    const { held: heldIssue } = await world(server())
    const { issue } = await heldIssue()
    expect(countByStatus(await race(Array.from({ length: 8 }), () => say(issue.id)))).toEqual({ 201: 8 })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ coalescedCount: 7 }])
  })

  test('a dead holder keeps nobody waiting', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await expireLease(server(), run.id)
    await say(issue.id)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
  })

  test.each(['paused', 'terminated', 'pending_approval'])('an agent that is %s is not woken', async (status) => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const given = await issue({ assigneeAgentId: who.id, status: 'backlog' })
    await server().database.sql.query('update agents set status = $2 where id = $1', [who.id, status])
    await say(given.id)
    expect(await wakesOf(server(), given.id)).toEqual([])
  })
})

describe('an issue that is free queues its oldest waiting wake that is still valid', () => {
  test('one at a time, oldest first; those that are not valid any more are closed with the reason', async () => {
    const { held: heldIssue, agent, run, checkout } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const [gone, first, second] = [await agent(), await agent(), await agent()]
    const [goneWake, firstWake, secondWake] = [
      await defer(issue.id, gone.id, 1),
      await defer(issue.id, first.id, 2),
      await defer(issue.id, second.id, 3),
    ]
    await server().board.post(`/api/agents/${gone.id}/pause`)
    await server().board.post(`/api/issues/${issue.id}/release`)
    const promoted = (await wakesOf(server(), issue.id)).find((wake) => wake.id === firstWake)
    expect(await wakesOf(server(), issue.id)).toMatchObject([
      { id: goneWake, status: 'skipped', closeReason: 'agent_not_invokable' },
      { id: firstWake, status: 'queued' },
      { id: secondWake, status: 'deferred_issue_execution' },
    ])
    expect(await actionsOf(server(), goneWake)).toEqual(['wake.closed'])
    expect((await lastAudit(server(), firstWake, 'wake.promoted')).details).toEqual({
      agentId: first.id,
      issueId: issue.id,
      runId: promoted?.runId,
      reason: 'asked',
    })
    expect(await runRow(server(), promoted?.runId ?? '')).toMatchObject({ status: 'queued' })
    expect(holder.agentId).toBe(owner.id)

    // The next round: the promoted agent takes it and gives it back, and the other one's turn comes.
    const working = await run(first, { issueId: issue.id })
    expect(working.id).toBe(promoted?.runId)
    await checkout(working, issue.id)
    await working.client.post(`/api/issues/${issue.id}/release`)
    expect((await wakesOf(server(), issue.id)).find((wake) => wake.id === secondWake)).toMatchObject({ status: 'queued' })
  })

  test('a wake of somebody who is not the assignee is closed, one for a closed issue as well', async () => {
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
    ['finish', 'the holder says it has finished'],
    ['release', 'the holder gives it back'],
    ['force-release', 'the board ends the hold'],
    ['cancel', 'the board cancels the run'],
    ['reassign', 'the board gives it to the one who waits'],
    ['move', 'the holder moves it on'],
  ])('whoever waits is queued, not stranded: %s', async (how) => {
    const { held: heldIssue, agent } = await world(server())
    const { issue, run, agent: owner } = await heldIssue()
    const next = how === 'reassign' ? await agent() : owner
    await defer(issue.id, next.id, 0)
    const path = `/api/issues/${issue.id}`
    const doing: Record<string, () => Promise<{ status: number }>> = {
      finish: () => run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }),
      release: () => run.client.post(`${path}/release`),
      'force-release': () => server().board.post(`${path}/admin/force-release`),
      cancel: () => server().board.post(`/api/heartbeat-runs/${run.id}/cancel`),
      reassign: () => server().board.patch(path, { assigneeAgentId: next.id }),
      move: () => run.client.patch(path, { status: 'in_review' }),
    }
    expect((await doing[how]?.())?.status).toBe(200)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ agentId: next.id, status: 'queued' }])
    const [wake] = await wakesOf(server(), issue.id)
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'queued' })
  })
})
