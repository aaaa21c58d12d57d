import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

interface WakeRow {
  reason: string
  status: string
  agentId: string
  coalesced: number
}

const wakesOf = async (issueId: string): Promise<WakeRow[]> =>
  (
    await server().database.sql.query<WakeRow>(
      'select reason, status, agent_id as "agentId", coalesced_count as coalesced from wakes where issue_id = $1 order by created_at, id',
      [issueId],
    )
  ).rows

const close = (id: string, status = 'done') => server().board.patch(`/api/issues/${id}`, { status })

/** A company with an agent whose issues are in the backlog, so that their assignment woke it for nothing. */
async function setup() {
  const base = await world(server())
  const worker = await base.agent()
  const blockedIssue = (blockedByIssueIds: string[], fields: Record<string, unknown> = {}) =>
    base.issue({ status: 'backlog', assigneeAgentId: worker.id, blockedByIssueIds, ...fields })
  return { ...base, worker, blockedIssue }
}

describe('wakes when the last blocker is done', () => {
  test('The assignee of a blocked issue is woken once, when its last blocker is done', async () => {
    const { worker, blockedIssue, issue } = await setup()
    const [first, second] = [await issue(), await issue()]
    const blocked = await blockedIssue([first.id, second.id])
    await close(first.id)
    expect(await wakesOf(blocked.id)).toEqual([])
    await close(second.id)
    expect(await wakesOf(blocked.id)).toEqual([{ reason: 'issue_blockers_resolved', status: 'queued', agentId: worker.id, coalesced: 0 }])
    const { rows } = await server().database.sql.query(
      'select status, invocation_source as source from heartbeat_runs where issue_id = $1',
      [blocked.id],
    )
    expect(rows).toEqual([{ status: 'queued', source: 'automation' }])
  })

  test('A blocker that is done wakes no agent for a closed or unassigned dependent', async () => {
    const { blockedIssue, issue } = await setup()
    const blocker = await issue()
    const [blocked, closed, orphan] = [
      await blockedIssue([blocker.id]),
      await blockedIssue([blocker.id]),
      await blockedIssue([blocker.id], { assigneeAgentId: null }),
    ]
    await close(closed.id, 'cancelled')
    expect(await wakesOf(blocked.id)).toEqual([])
    await close(blocker.id)
    expect(await wakesOf(blocked.id)).toHaveLength(1)
    expect(await wakesOf(closed.id)).toEqual([])
    expect(await wakesOf(orphan.id)).toEqual([])
  })

  test('An agent that finishes a blocker wakes itself for the next issue, and a wake for a held issue is deferred', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const worker = await agent()
    const working = await run(worker)
    const [blocker, other] = [await issue(), await issue()]
    const blocked = await issue({ status: 'backlog', assigneeAgentId: worker.id, blockedByIssueIds: [blocker.id] })
    expect((await checkout(working, blocker.id)).status).toBe(200)
    expect((await checkout(working, other.id)).status).toBe(200)
    expect((await server().board.patch(`/api/issues/${other.id}`, { blockedByIssueIds: [blocker.id] })).status).toBe(200)
    expect((await working.client.patch(`/api/issues/${blocker.id}`, { status: 'done' })).status).toBe(200)
    expect(await wakesOf(blocked.id)).toMatchObject([{ reason: 'issue_blockers_resolved', status: 'queued' }])
    expect(await wakesOf(other.id)).toMatchObject([{ reason: 'issue_blockers_resolved', status: 'deferred_issue_execution' }])
  })

  test('Blockers that are done concurrently enqueue exactly one wake', async () => {
    const { blockedIssue, issue } = await setup()
    for (let round = 0; round < 6; round += 1) {
      const pair = [await issue(), await issue(), await issue()]
      const blocked = await blockedIssue(pair.map((each) => each.id))
      expect(countByStatus(await race(pair, (each) => close(each.id)))).toEqual({ 200: 3 })
      expect(await wakesOf(blocked.id)).toMatchObject([{ reason: 'issue_blockers_resolved', coalesced: 0 }])
    }
  })

  test('A blocker that is added while it becomes done is either resolved already or wakes the assignee', async () => {
    const { blockedIssue, issue } = await setup()
    for (let round = 0; round < 6; round += 1) {
      const blocker = await issue()
      const blocked = await blockedIssue([])
      const answers = await race([0, 1], (n) =>
        n === 0 ? close(blocker.id) : server().board.patch(`/api/issues/${blocked.id}`, { blockedByIssueIds: [blocker.id] }),
      )
      expect(countByStatus(answers)).toEqual({ 200: 2 })
      const wasOpenWhenAdded = answers[1]?.body.blockedBy[0].status !== 'done'
      expect(await wakesOf(blocked.id)).toHaveLength(wasOpenWhenAdded ? 1 : 0)
    }
  })

  test('An issue created with a blocker that becomes done concurrently is either free or woken', async () => {
    const { company, worker, issue } = await setup()
    for (let round = 0; round < 8; round += 1) {
      const blocker = await issue()
      const input = { title: 'Next', status: 'backlog', assigneeAgentId: worker.id, blockedByIssueIds: [blocker.id] }
      const [closed, created] = await race([0, 1], (n) =>
        n === 0 ? close(blocker.id) : server().board.post(`/api/companies/${company.id}/issues`, input),
      )
      expect([closed?.status, created?.status]).toEqual([200, 201])
      const wasOpenWhenAdded = created?.body.blockedBy[0].status !== 'done'
      expect(await wakesOf(created?.body.id)).toHaveLength(wasOpenWhenAdded ? 1 : 0)
    }
  })

  test('Blockers and blocked issues that are closed concurrently do not deadlock', async () => {
    const { blockedIssue, issue } = await setup()
    const blockers = await Promise.all(Array.from({ length: 5 }, () => issue()))
    const ids = blockers.map((each) => each.id)
    const blocked = await Promise.all(Array.from({ length: 5 }, () => blockedIssue(ids)))
    const answers = await race([...ids, ...blocked.map((each) => each.id)], (id) => close(id))
    expect(countByStatus(answers)).toEqual({ 200: 10 })
  })
})

describe('wakes when the last blocker is removed', () => {
  test('A deleted or removed last blocker wakes the assignee, but not a deleted one that was done', async () => {
    const { worker, blockedIssue, issue } = await setup()
    const [first, second, done] = [await issue(), await issue(), await issue()]
    await close(done.id)
    const [deleted, edited, free] = [
      await blockedIssue([first.id, done.id]),
      await blockedIssue([second.id]),
      await blockedIssue([done.id]),
    ]
    await server().board.patch(`/api/issues/${edited.id}`, { blockedByIssueIds: [first.id] })
    expect(await wakesOf(edited.id)).toEqual([])
    await server().board.patch(`/api/issues/${edited.id}`, { blockedByIssueIds: [] })
    expect(await wakesOf(edited.id)).toMatchObject([{ reason: 'issue_blockers_resolved', agentId: worker.id }])
    expect((await server().board.del(`/api/issues/${first.id}`)).status).toBe(200)
    expect(await wakesOf(deleted.id)).toMatchObject([{ reason: 'issue_blockers_resolved', agentId: worker.id }])
    await server().board.del(`/api/issues/${done.id}`)
    expect(await wakesOf(free.id)).toEqual([])
  })

  test('Blockers and children that are deleted and done concurrently enqueue exactly one wake', async () => {
    const { worker, blockedIssue, issue } = await setup()
    for (let round = 0; round < 4; round += 1) {
      const parent = await issue({ status: 'backlog', assigneeAgentId: worker.id })
      const kept = await issue({ parentId: parent.id })
      await close(kept.id)
      const pair = [await issue({ parentId: parent.id }), await issue({ parentId: parent.id })]
      const blocked = await blockedIssue(pair.map((each) => each.id))
      const answers = await race(pair, (each, n) => (n === 0 ? close(each.id) : server().board.del(`/api/issues/${each.id}`)))
      expect(countByStatus(answers)).toEqual({ 200: 2 })
      expect(await wakesOf(blocked.id)).toMatchObject([{ reason: 'issue_blockers_resolved', coalesced: 0 }])
      expect(await wakesOf(parent.id)).toMatchObject([{ reason: 'issue_children_completed', coalesced: expect.any(Number) }])
    }
  })
})

describe('wakes when the last child is closed', () => {
  test('The assignee of the parent is woken when the last child is done or cancelled, unless the parent is closed', async () => {
    const { worker, issue } = await setup()
    const parent = await issue({ status: 'backlog', assigneeAgentId: worker.id })
    const children = [await issue({ parentId: parent.id }), await issue({ parentId: parent.id })]
    await close(children[0]?.id ?? '')
    expect(await wakesOf(parent.id)).toEqual([])
    await close(children[1]?.id ?? '', 'cancelled')
    expect(await wakesOf(parent.id)).toMatchObject([{ reason: 'issue_children_completed', agentId: worker.id }])
    await close(children[1]?.id ?? '', 'done')
    expect(await wakesOf(parent.id)).toMatchObject([{ coalesced: 0 }])
    const closed = await issue({ status: 'done', assigneeAgentId: worker.id })
    await close((await issue({ parentId: closed.id })).id)
    expect(await wakesOf(closed.id)).toEqual([])
  })

  test('Children that close concurrently enqueue exactly one wake', async () => {
    const { worker, issue } = await setup()
    for (let round = 0; round < 4; round += 1) {
      const parent = await issue({ status: 'backlog', assigneeAgentId: worker.id })
      const children = await Promise.all([0, 1, 2, 3].map(() => issue({ parentId: parent.id })))
      expect(countByStatus(await race(children, (child) => close(child.id)))).toEqual({ 200: 4 })
      expect(await wakesOf(parent.id)).toMatchObject([{ reason: 'issue_children_completed', coalesced: 0 }])
    }
  })
})

describe('the audit of blockers', () => {
  test('A change of the blockers is recorded with added and removed ids, and the same set is not recorded', async () => {
    const { issue } = await setup()
    const [a, b, blocked] = [await issue(), await issue(), await issue()]
    await server().board.patch(`/api/issues/${blocked.id}`, { blockedByIssueIds: [a.id] })
    const { body } = await server().board.patch(`/api/issues/${blocked.id}`, { blockedByIssueIds: [b.id] })
    expect(body.blockedBy.map((each: { id: string }) => each.id)).toEqual([b.id])
    expect((await lastAudit(server(), blocked.id, 'issue.blockers_updated')).details).toEqual({
      identifier: blocked.identifier,
      blockedByIssueIds: [b.id],
      addedBlockedByIssueIds: [b.id],
      removedBlockedByIssueIds: [a.id],
    })
    await server().board.patch(`/api/issues/${blocked.id}`, { blockedByIssueIds: [b.id] })
    const blockerUpdates = (await actionsOf(server(), blocked.id)).filter((action) => action === 'issue.blockers_updated')
    expect(blockerUpdates).toHaveLength(2)
    const made = await issue({ blockedByIssueIds: [a.id, b.id] })
    expect(await actionsOf(server(), made.id)).toEqual(['issue.created', 'issue.blockers_updated'])
  })
})

describe('POST /issues/:id/children', () => {
  test('A child gets the parent’s project and goal, unless the body names others', async () => {
    const { company, issue, agent, run } = await setup()
    const goal = (await server().board.post(`/api/companies/${company.id}/goals`, { title: 'Moon' })).body
    const project = (await server().board.post(`/api/companies/${company.id}/projects`, { name: 'Rocket' })).body
    const parent = await issue({ projectId: project.id, goalId: goal.id, requestDepth: 2 })
    const author = await run(await agent())
    const created = await author.client.post(`/api/issues/${parent.identifier}/children`, { title: 'Part', parentId: randomUUID() })
    expect(created).toMatchObject({ status: 201, body: { parentId: parent.id, projectId: project.id, goalId: goal.id, requestDepth: 3 } })
    expect(await lastAudit(server(), parent.id, 'issue.child_created')).toMatchObject({
      runId: author.id,
      details: { childIssueId: created.body.id, identifier: created.body.identifier, title: 'Part' },
    })
    expect(await actionsOf(server(), created.body.id)).toEqual(['issue.created'])
    const free = await server().board.post(`/api/issues/${parent.id}/children`, { title: 'Free', projectId: null, goalId: null })
    expect(free.body).toMatchObject({ parentId: parent.id, projectId: null, goalId: null })
  })

  test('One Idempotency-Key creates one child, and invalid bodies and foreign parents create none', async () => {
    const { issue } = await setup()
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    const parent = await issue()
    const key = { 'Idempotency-Key': randomUUID() }
    const first = await server().board.post(`/api/issues/${parent.id}/children`, { title: 'Once' }, key)
    expect((await server().board.post(`/api/issues/${parent.id}/children`, { title: 'Once' }, key)).body).toEqual(first.body)
    const before = await auditCount(server())
    for (const of of [parent.id, randomUUID()]) {
      expect(await outsider.client.post(`/api/issues/${of}/children`, { title: 'mine' })).toMatchObject({
        status: 404,
        body: { error: 'Issue not found' },
      })
    }
    expect((await server().board.post(`/api/issues/${parent.id}/children`, {})).status).toBe(400)
    expect(await server().board.post(`/api/issues/${parent.id}/children`, { title: 'x', status: 'in_progress' })).toMatchObject({
      status: 422,
      body: { code: 'assignee_needed' },
    })
    expect(await auditCount(server())).toBe(before)
  })
})
