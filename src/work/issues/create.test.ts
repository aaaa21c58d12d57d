import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditsOf, keyClientForRun, expectRefused, wakesOf } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'

const server = useServer()
const create = (here: World, client: Client, body: Record<string, unknown>) => client.post(`/api/companies/${here.company.id}/issues`, body)

describe('POST /companies/:companyId/issues', () => {
  test('A new issue gets the goal of the body, else of its project, else, without a project, the first of its company', async () => {
    const here = await world(server())
    const goal = async (body: Record<string, unknown>): Promise<string> =>
      (await server().board.post(`/api/companies/${here.company.id}/goals`, body)).body.id
    const project = async (goalIds: string[]): Promise<string> =>
      (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'P', goalIds })).body.id
    const goalOf = async (body: Record<string, unknown>): Promise<unknown> =>
      (await create(here, server().board, { title: 'X', ...body })).body.goalId
    expect(await goalOf({})).toBeNull()
    const own = await goal({ title: 'Own' })
    await goal({ title: 'Given up', level: 'company', status: 'cancelled' })
    const first = await goal({ title: 'First', level: 'company' })
    await goal({ title: 'Second', level: 'company' })
    const [aimed, aimless] = [await project([own]), await project([])]
    expect(await goalOf({ goalId: own })).toBe(own)
    expect(await goalOf({ goalId: first, projectId: aimed })).toBe(first)
    expect(await goalOf({ projectId: aimed })).toBe(own)
    expect(await goalOf({ projectId: aimless })).toBeNull()
    expect(await goalOf({})).toBe(first)
    expect(await goalOf({ goalId: null })).toBe(first)
  })

  test('A new issue gets the next number of its company, the defaults of the API, and one audit row', async () => {
    const here = await world(server())
    const first = await create(here, server().board, { title: 'One' })
    const second = await create(here, server().board, {
      title: 'Two',
      description: 'Long',
      priority: 'high',
      billingCode: 'B-1',
      requestDepth: 2,
    })
    expect(first).toMatchObject({
      status: 201,
      headers: { etag: '"1"' },
      body: {
        issueNumber: 1,
        identifier: `${here.company.issuePrefix}-1`,
        status: 'backlog',
        priority: 'medium',
        assigneeAgentId: null,
        assigneeUserId: null,
        checkoutRunId: null,
        lockEpoch: 0,
        createdByUserId: 'local-board',
        createdByAgentId: null,
        labels: [],
        blockedBy: [],
        blocks: [],
      },
    })
    expect(second.body).toMatchObject({ issueNumber: 2, priority: 'high', billingCode: 'B-1', requestDepth: 2, description: 'Long' })
    expect((await auditsOf(server(), first.body.id)).map((row) => row.action)).toEqual(['issue.created'])
    expect((await lastAudit(server(), first.body.id, 'issue.created')).details).toEqual({
      title: 'One',
      identifier: `${here.company.issuePrefix}-1`,
      status: 'backlog',
      assigneeAgentId: null,
      assigneeUserId: null,
    })
  })

  test('A new issue wakes its assignee, unless it is in the backlog or closed, or the assignee created it', async () => {
    const here = await world(server())
    const assignee = await here.agent()
    const acting = await here.run(assignee)
    const assignedIssue = { title: 'Given', assigneeAgentId: assignee.id }
    const wakesAfter = async (client: Client, status: string) => {
      const { body } = await create(here, client, { ...assignedIssue, status })
      return (await wakesOf(server(), body.id)).map((wake) => [wake.agentId, wake.status, wake.reason])
    }
    expect(await wakesAfter(server().board, 'todo')).toEqual([[assignee.id, 'queued', 'issue_assigned']])
    expect(await wakesAfter(server().board, 'in_progress')).toEqual([[assignee.id, 'queued', 'issue_assigned']])
    expect(await wakesAfter(server().board, 'backlog')).toEqual([])
    expect(await wakesAfter(server().board, 'done')).toEqual([])
    expect(await wakesAfter(acting.client, 'todo')).toEqual([])
  })

  test('A new issue records the agent and run that created it, and an ended run creates none', async () => {
    const here = await world(server())
    const assignee = await here.agent()
    const acting = await here.run(assignee)
    const { body } = await create(here, acting.client, { title: 'Found on the way' })
    expect(body).toMatchObject({ createdByAgentId: assignee.id, createdByUserId: null, originRunId: acting.id })
    await server().board.post(`/api/heartbeat-runs/${acting.id}/cancel`)
    await expectRefused(server(), () => create(here, keyClientForRun(assignee, acting), { title: 'Late' }), 409, 'run_ended')
    await expectRefused(server(), () => create(here, keyClientForRun(assignee, randomUUID()), { title: 'Ghost' }), 422, 'run_unknown')
  })

  test('Two assignees, progress without an assignee, blocked progress and missing references are refused', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const assignee = await here.agent()
    const foreign = await elsewhere.agent()
    const refusals: readonly [Record<string, unknown>, number, string][] = [
      [{ title: '' }, 400, 'validation_failed'],
      [{ title: 'x'.repeat(501) }, 400, 'validation_failed'],
      [{ title: 'X', status: 'doing' }, 400, 'validation_failed'],
      [{ title: 'X', assigneeAgentId: assignee.id, assigneeUserId: 'local-board' }, 422, 'assignee_conflict'],
      [{ title: 'X', status: 'in_progress' }, 422, 'assignee_needed'],
      [{ title: 'X', assigneeAgentId: foreign.id }, 404, 'not_found'],
      [{ title: 'X', assigneeUserId: 'stranger' }, 404, 'not_found'],
      [{ title: 'X', parentId: (await elsewhere.issue()).id }, 422, 'unknown_reference'],
      [{ title: 'X', goalId: randomUUID() }, 422, 'unknown_reference'],
      [{ title: 'X', blockedByIssueIds: [(await elsewhere.issue()).id] }, 422, 'unknown_reference'],
    ]
    for (const [body, status, code] of refusals) await expectRefused(server(), () => create(here, server().board, body), status, code)
    const blocker = await here.issue()
    const blocked = { title: 'X', status: 'in_progress', assigneeAgentId: assignee.id, blockedByIssueIds: [blocker.id] }
    await expectRefused(server(), () => create(here, server().board, blocked), 422, 'issue_blocked')
    await expectRefused(server(), () => create(elsewhere, assignee.client, { title: 'X' }), 404, 'not_found')
  })

  test('Twenty concurrent issues get twenty numbers without a gap', async () => {
    const here = await world(server())
    const answers = await race(Array.from({ length: 20 }), (_, index) => create(here, server().board, { title: `No ${index}` }))
    expect(countByStatus(answers)).toEqual({ 201: 20 })
    expect(answers.map((answer) => answer.body.issueNumber as number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })
})

test('An assignee of an issue with an open blocker is woken when the last blocker ends, and no run is cancelled before (K48)', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const blocker = await here.issue()
  const created = await here.issue({ assigneeAgentId: agent.id, blockedByIssueIds: [blocker.id] })
  const later = await here.issue({ blockedByIssueIds: [blocker.id] })
  await server().board.patch(`/api/issues/${later.id}`, { assigneeAgentId: agent.id })
  for (const { id } of [created, later]) expect(await wakesOf(server(), id)).toEqual([])
  await server().board.patch(`/api/issues/${blocker.id}`, { status: 'done' })
  for (const { id } of [created, later])
    expect(await wakesOf(server(), id)).toMatchObject([{ agentId: agent.id, status: 'queued', reason: 'issue_blockers_resolved' }])
})
