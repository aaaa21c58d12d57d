import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function setup() {
  const base = await world(server())
  const goals = `/api/companies/${base.company.id}/goals`
  const goal = async (fields: Record<string, unknown> = {}) => (await server().board.post(goals, { title: 'Grow', ...fields })).body
  return { ...base, goals, goal }
}

describe('goals', () => {
  test('The board and an agent in a run create goals, and each audit row names its actor', async () => {
    const { goals, agent, run } = await setup()
    const { status, body } = await server().board.post(goals, { title: 'Grow', level: 'company' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      title: 'Grow',
      level: 'company',
      status: 'planned',
      parentId: null,
      ownerAgentId: null,
      description: null,
    })
    const worker = await agent()
    const working = await run(worker)
    const child = await working.client.post(goals, { title: 'Sell', parentId: body.id, ownerAgentId: worker.id })
    expect(child).toMatchObject({ status: 201, body: { parentId: body.id, ownerAgentId: worker.id, level: 'task' } })
    expect(await lastAudit(server(), child.body.id, 'goal.created')).toMatchObject({ actorId: worker.id, runId: working.id })
    expect((await worker.client.get(goals)).body.map((row: { id: string }) => row.id)).toEqual([body.id, child.body.id])
  })

  test('A change is recorded with old and new values, and a change without a difference is not recorded', async () => {
    const { goal } = await setup()
    const { id } = await goal()
    expect(await server().board.patch(`/api/goals/${id}`, { title: 'Shrink', status: 'active' })).toMatchObject({
      status: 200,
      body: { title: 'Shrink', status: 'active' },
    })
    expect((await lastAudit(server(), id, 'goal.updated')).details).toEqual({
      title: 'Shrink',
      status: 'active',
      changedKeys: ['title', 'status'],
      _previous: { title: 'Grow', status: 'planned' },
    })
    const before = await auditCount(server())
    expect(await server().board.patch(`/api/goals/${id}`, { title: 'Shrink' })).toMatchObject({ status: 200 })
    expect(await auditCount(server())).toBe(before)
  })

  test('A missing parent, a missing owner and a cycle are refused', async () => {
    const { goals, goal } = await setup()
    const elsewhere = await setup()
    const [top, below, foreign] = [await goal(), await goal(), await elsewhere.goal()]
    await server().board.patch(`/api/goals/${below.id}`, { parentId: top.id })
    const before = await auditCount(server())
    for (const parentId of [randomUUID(), foreign.id]) {
      expect(await server().board.post(goals, { title: 'x', parentId })).toMatchObject({ status: 422, body: { code: 'unknown_reference' } })
    }
    expect(await server().board.post(goals, { title: 'x', ownerAgentId: randomUUID() })).toMatchObject({
      status: 422,
      body: { code: 'unknown_reference' },
    })
    expect(await server().board.patch(`/api/goals/${top.id}`, { parentId: below.id })).toMatchObject({
      status: 422,
      body: { code: 'unprocessable' },
    })
    expect(await server().board.post(goals, { title: '' })).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('Two concurrent changes that are each without a cycle cannot close one together', async () => {
    const { goal } = await setup()
    for (let round = 0; round < 10; round += 1) {
      const ring = [await goal(), await goal(), await goal(), await goal()]
      const answers = await race(ring, (each, at) => server().board.patch(`/api/goals/${each.id}`, { parentId: ring[(at + 1) % 4]?.id }))
      expect(countByStatus(answers)).toEqual({ 200: 3, 422: 1 })
    }
  })

  test('Deleting a goal removes it from issues, projects and sub-goals, and the audit row counts them', async () => {
    const { company, goal, issue } = await setup()
    const [deletedGoal, other] = [await goal(), await goal()]
    const child = await goal({ parentId: deletedGoal.id })
    const project = (await server().board.post(`/api/companies/${company.id}/projects`, { name: 'P', goalIds: [deletedGoal.id, other.id] }))
      .body
    const served = await issue({ goalId: deletedGoal.id })
    const answer = await server().board.del(`/api/goals/${deletedGoal.id}`)
    expect(answer).toMatchObject({ status: 200, body: { id: deletedGoal.id, title: 'Grow' } })
    expect((await lastAudit(server(), deletedGoal.id, 'goal.deleted')).details).toMatchObject({ issues: 1, projects: 1, children: 1 })
    expect((await server().board.get(`/api/goals/${deletedGoal.id}`)).status).toBe(404)
    expect((await server().board.get(`/api/goals/${child.id}`)).body.parentId).toBeNull()
    expect((await server().board.get(`/api/projects/${project.id}`)).body).toMatchObject({ goalId: other.id, goalIds: [other.id] })
    expect((await server().board.get(`/api/issues/${served.id}`)).body.goalId).toBeNull()
  })

  test('An agent cannot delete the goal of an issue that another run holds, but the holder can', async () => {
    const { goal, held: heldIssue, run, agent } = await setup()
    const { id } = await goal()
    const { issue, run: holding } = await heldIssue()
    await server().board.patch(`/api/issues/${issue.id}`, { goalId: id })
    const stranger = await run(await agent())
    const before = await auditCount(server())
    expect(await stranger.client.del(`/api/goals/${id}`)).toMatchObject({
      status: 409,
      body: { code: 'checked_out_by_other', details: { issueIds: [issue.id] } },
    })
    expect(await auditCount(server())).toBe(before)
    expect((await holding.client.del(`/api/goals/${id}`)).status).toBe(200)
  })

  test('While a goal is deleted, concurrent moves of issues to it neither deadlock nor keep the goal', async () => {
    const { goal, issue } = await setup()
    const { id } = await goal()
    const moved = await Promise.all(Array.from({ length: 8 }, () => issue()))
    const answers = await race([...moved.map((each) => `/api/issues/${each.id}`), `/api/goals/${id}`], (path) =>
      path.startsWith('/api/goals') ? server().board.del(path) : server().board.patch(path, { goalId: id }),
    )
    for (const { status } of answers) expect([200, 422]).toContain(status)
    const { rows } = await server().database.sql.query('select 1 from issues where goal_id = $1', [id])
    expect(rows).toEqual([])
  })

  test('A goal of another company gives the same 404 as a missing goal', async () => {
    const { goal } = await setup()
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    const { id } = await goal()
    for (const of of [id, randomUUID()]) {
      for (const answer of [
        await outsider.client.get(`/api/goals/${of}`),
        await outsider.client.patch(`/api/goals/${of}`, { title: 'mine' }),
        await outsider.client.del(`/api/goals/${of}`),
      ]) {
        expect(answer.status).toBe(404)
        expect(answer.body).toMatchObject({ error: 'Goal not found', code: 'not_found' })
      }
    }
    expect((await server().board.get('/api/goals/nope')).status).toBe(400)
  })

  test('Two requests with the same Idempotency-Key create one goal', async () => {
    const { goals } = await setup()
    const key = { 'Idempotency-Key': randomUUID() }
    const [first, again] = [
      await server().board.post(goals, { title: 'Once' }, key),
      await server().board.post(goals, { title: 'Once' }, key),
    ]
    expect(again.body).toEqual(first.body)
    expect((await server().board.get(goals)).body).toHaveLength(1)
  })
})
