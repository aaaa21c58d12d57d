import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  auditsOf,
  NO_HOLD,
  holdRow,
  keyClientForRun,
  plantColumns,
  expectRefused,
  runRow,
  expectUnchanged,
  wakesOf,
} from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

interface Request {
  readonly reason?: string | null
  readonly expectedRunId?: string | null
  readonly cancelRun?: boolean
}

const force = (issueId: string, query = '', body?: Request) =>
  server().board.post(`/api/issues/${issueId}/admin/force-release${query}`, body)
const evictions = async (issueId: string) =>
  (
    await server().database.sql.query<{ id: string }>('select run_id as id from issue_lock_evictions where issue_id = $1', [issueId])
  ).rows.map((row) => row.id)

describe('force-release (LOCK_PROTOCOL §5)', () => {
  test('A force-release ends the hold, keeps status and assignee, and writes an audit row with every detail', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const { status, body } = await force(issue.id, '', { reason: 'stuck since noon' })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      issue: { id: issue.id, status: 'in_progress', assigneeAgentId: agent.id, ...NO_HOLD, lockEpoch: 2 },
      previous: { checkoutRunId: run.id, executionRunId: run.id },
      evicted: [{ runId: run.id, agentId: agent.id, status: 'running', live: true }],
      cancelledRunIds: [],
      next: null,
    })
    const row = await lastAudit(server(), issue.id, 'issue.admin_force_release')
    expect(row).toMatchObject({ actorType: 'user', actorId: 'local-board' })
    expect(row.details).toEqual({
      issueId: issue.id,
      actorUserId: 'local-board',
      prevCheckoutRunId: run.id,
      prevExecutionRunId: run.id,
      clearAssignee: false,
      reason: 'stuck since noon',
      prevStatus: 'in_progress',
      prevAssigneeAgentId: agent.id,
      evictedRunIds: [run.id],
      cancelledRunIds: [],
      lockEpoch: 2,
    })
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
    expect(
      server().messages.filter((message) => message.entityId === issue.id && message.action === 'issue.admin_force_release'),
    ).toHaveLength(1)
  })

  test.each(['true', '1'])(
    'A force-release with clearAssignee=%s also removes the assignee, and an issue in progress becomes todo',
    async (flag) => {
      const { held: heldIssue } = await world(server())
      const { issue, agent } = await heldIssue()
      const { body } = await force(issue.id, `?clearAssignee=${flag}`)
      expect(body.issue).toMatchObject({ status: 'todo', assigneeAgentId: null, ...NO_HOLD })
      expect((await lastAudit(server(), issue.id, 'issue.admin_force_release')).details).toMatchObject({
        clearAssignee: true,
        prevAssigneeAgentId: agent.id,
        prevStatus: 'in_progress',
      })
    },
  )

  test('A force-release keeps a status other than in_progress', async () => {
    const { agent, issue } = await world(server())
    const review = await issue({ status: 'in_review', assigneeAgentId: (await agent()).id })
    expect((await force(review.id, '?clearAssignee=true')).body.issue).toMatchObject({ status: 'in_review', assigneeAgentId: null })
  })

  test('A force-release with cancelRun also ends the evicted runs and frees their other issues', async () => {
    const { held: heldIssue, issue, checkout } = await world(server())
    const { issue: first, run, agent } = await heldIssue()
    const second = await issue()
    await checkout(run, second.id)
    const { body } = await force(first.id, '', { cancelRun: true })
    expect(body).toMatchObject({ cancelledRunIds: [run.id], issue: NO_HOLD })
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' })
    expect(await holdRow(server(), second.id)).toMatchObject({ ...NO_HOLD, status: 'in_progress', assigneeAgentId: agent.id, lockEpoch: 2 })
    expect(await actionsOf(server(), run.id)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished', 'heartbeat.cancelled'])
    expect((await lastAudit(server(), first.id, 'issue.admin_force_release')).details).toMatchObject({ cancelledRunIds: [run.id] })
    await expectRefused(server(), () => run.client.get(`/api/issues/${first.id}`), 401, 'unauthorized')
    await expectRefused(server(), () => keyClientForRun(agent, run).patch(`/api/issues/${first.id}`, { title: 'No' }), 409, 'run_ended')
  })

  test('A force-release of an issue without a hold is 200, is audited and gives a new epoch', async () => {
    const { issue } = await world(server())
    const idle = await issue()
    for (const lockEpoch of [1, 2]) {
      const { status, body } = await force(idle.id)
      expect(status).toBe(200)
      expect(body).toMatchObject({ issue: { lockEpoch, ...NO_HOLD }, previous: { checkoutRunId: null, executionRunId: null }, evicted: [] })
    }
    expect(await actionsOf(server(), idle.id)).toEqual(['issue.created', 'issue.admin_force_release', 'issue.admin_force_release'])
  })

  test('A dry run returns the same answer and writes nothing', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    for (const [query, body] of [
      ['?', {}],
      ['?clearAssignee=true&', { reason: 'why' }],
      ['?clearAssignee=true&', { cancelRun: true, expectedRunId: run.id }],
    ] as const) {
      const dry = await expectUnchanged(server(), () => force(issue.id, `${query}dryRun=true`, body))
      expect(dry.body).toMatchObject({ issue: NO_HOLD, previous: { checkoutRunId: run.id } })
      expect(dry.body.cancelledRunIds).toEqual('cancelRun' in body ? [run.id] : [])
    }
    const preview = (await force(issue.id, '?clearAssignee=true&dryRun=true')).body
    const real = (await force(issue.id, '?clearAssignee=true')).body
    const volatile = { updatedAt: '', version: 0 }
    expect({ ...preview, issue: { ...preview.issue, ...volatile } }).toEqual({ ...real, issue: { ...real.issue, ...volatile } })
  })

  test('A force-release evicts the runs of both columns, live or dead, and only clears a run that never existed', async () => {
    const { issue, agent, run } = await world(server())
    const mixed = await issue()
    const who = await agent()
    const [live, dead] = [await run(who), await run(who)]
    await expireLease(server(), dead.id)
    await plantColumns(server(), mixed.id, {
      status: 'in_progress',
      assigneeAgentId: who.id,
      checkoutRunId: dead.id,
      executionRunId: live.id,
    })
    const { body } = await force(mixed.id)
    expect(body.evicted).toEqual([
      { runId: dead.id, agentId: who.id, status: 'running', live: false },
      { runId: live.id, agentId: who.id, status: 'running', live: true },
    ])
    expect((await evictions(mixed.id)).toSorted()).toEqual([live.id, dead.id].toSorted())
    await plantColumns(server(), mixed.id, { checkoutRunId: randomUUID() })
    expect((await force(mixed.id)).body).toMatchObject({ evicted: [], issue: NO_HOLD })
  })

  test('An expectedRunId that is not the holder is 409 with the current holder', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: holder, agent } = await heldIssue()
    const other = await run(agent)
    const { body } = await expectRefused(server(), () => force(issue.id, '', { expectedRunId: other.id }), 409, 'holder_changed')
    expect(body.details).toMatchObject({ holder: { runId: holder.id, live: true }, checkoutRunId: holder.id, lockEpoch: 1 })
    expect((await force(issue.id, '', { expectedRunId: holder.id })).status).toBe(200)
    await expectRefused(server(), () => force(issue.id, '', { expectedRunId: holder.id }), 409, 'holder_changed')
  })

  test('A force-release promotes the next wake and answers with its agent and run, which a dry run foretells', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, agent } = await heldIssue()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Are you there?' })
    expect((await force(issue.id, '?dryRun=true')).body.next).toEqual({ agentId: agent.id, runId: null })
    const { next } = (await force(issue.id)).body
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ agentId: agent.id, status: 'queued', runId: next.runId }])
    expect(next.agentId).toBe(agent.id)
  })

  test('The next agent is one whose wake is valid after the force-release: without the assignee that is the oldest', async () => {
    const { company, held: heldIssue, agent } = await world(server())
    for (const [query, nextIs] of [['?', 'assignee'] as const, ['?clearAssignee=true&', 'other'] as const]) {
      const { issue, agent: assignee } = await heldIssue()
      const other = await agent()
      // Two inserts may come within one millisecond, and then the ids decide.
      for (const [place, { id }] of [other, assignee].entries())
        await server().database.sql.query(
          `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, created_at)
           values ($1, $2, $3, 'on_demand', 'test', 'deferred_issue_execution', 'system', 'test', now() + $4 * interval '1 millisecond')`,
          [company.id, id, issue.id, place],
        )
      const agentId = nextIs === 'other' ? other.id : assignee.id
      expect((await force(issue.id, `${query}dryRun=true`)).body.next).toEqual({ agentId, runId: null })
      expect((await force(issue.id, query)).body.next).toEqual({ agentId, runId: expect.any(String) })
    }
  })

  test('A force-release by an agent is 403 before any read: an existing and a missing issue get the same answer', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder } = await heldIssue()
    const ceo = await run(await agent({ role: 'ceo' }))
    const answers = []
    for (const client of [holder.client, ceo.client, (await agent()).client]) {
      for (const id of [issue.id, randomUUID(), 'no-such-issue']) {
        const { body } = await expectRefused(server(), () => client.post(`/api/issues/${id}/admin/force-release`), 403, 'board_required')
        answers.push(body.error)
      }
    }
    expect(new Set(answers)).toEqual(new Set(['Board access required']))
    await expectRefused(server(), () => force(randomUUID()), 404, 'not_found')
    await expectRefused(server(), () => force('no-such-issue'), 404, 'not_found')
  })

  test('A reason of more than 1,000 characters is refused', async () => {
    const { issue } = await world(server())
    const idle = await issue()
    await expectRefused(server(), () => force(idle.id, '', { reason: 'x'.repeat(1001) }), 400, 'validation_failed')
    expect((await force(idle.id, '', { reason: 'x'.repeat(1000) })).status).toBe(200)
  })
})

describe('after a force-release (I5)', () => {
  test('No write of the evicted run is ever accepted again, whatever the issue becomes, and the run goes on with other issues', async () => {
    const { held: heldIssue, issue, checkout } = await world(server())
    const { issue: lost, run, agent } = await heldIssue()
    await force(lost.id)
    const tries = [
      () => run.client.patch(`/api/issues/${lost.id}`, { title: 'Mine' }),
      () => run.client.patch(`/api/issues/${lost.id}`, { status: 'in_progress', assigneeAgentId: agent.id }),
      () => run.client.del(`/api/issues/${lost.id}`),
      () => run.client.post(`/api/issues/${lost.id}/release`),
      () => checkout(run, lost.id, ['todo', 'in_progress', 'done']),
      () => keyClientForRun(agent, run).patch(`/api/issues/${lost.id}`, { comment: 'Done' }),
    ]
    for (const attempt of tries) await expectRefused(server(), attempt, 409, 'lock_revoked')
    await server().board.patch(`/api/issues/${lost.id}`, { status: 'done' })
    for (const attempt of tries.slice(0, 3)) await expectRefused(server(), attempt, 409, 'lock_revoked')
    await expectRefused(server(), () => checkout(run, lost.id, ['done']), 409, 'lock_revoked')
    await expectRefused(
      server(),
      () => run.client.post(`/api/issues/${lost.id}/comments`, { body: 'Again', reopen: true }),
      409,
      'lock_revoked',
    )

    expect((await run.client.post(`/api/issues/${lost.id}/comments`, { body: 'I was here' })).status).toBe(201)
    expect(await holdRow(server(), lost.id)).toMatchObject({ status: 'done', ...NO_HOLD })
    expect((await checkout(run, (await issue()).id)).status).toBe(200)
  })

  test('The evicted run learns of the eviction with its next heartbeat and cannot claim the issue', async () => {
    const { company, held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await force(issue.id, '?clearAssignee=true')
    const heartbeat = await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)
    expect(heartbeat.body).toMatchObject({
      holds: [],
      revoked: [{ issueId: issue.id, identifier: issue.identifier }],
      commands: [{ type: 'drop_issue', issueId: issue.id }],
    })
    expect((await run.client.post(`/api/companies/${company.id}/issues/claim`)).status).toBe(204)
  })

  test('A new run of the same agent adopts the issue in its first write', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, agent } = await heldIssue()
    await force(issue.id)
    const fresh = await run(agent)
    expect((await fresh.client.patch(`/api/issues/${issue.id}`, { title: 'Onwards' })).body).toMatchObject({
      checkoutRunId: fresh.id,
      lockEpoch: 3,
    })
    expect((await lastAudit(server(), issue.id, 'issue.checkout_lock_adopted')).details).toMatchObject({ reason: 'unowned' })
  })

  test('A force-release that names the holder it has seen ends only the hold of that run, in two rounds', async () => {
    const { held: heldIssue, run, checkout } = await world(server())
    const { issue, run: first, agent } = await heldIssue()
    const operators = () => Array.from({ length: 6 }, () => 'operator')
    const round = (seen: string) => race(operators(), () => force(issue.id, '', { expectedRunId: seen }))
    expect(countByStatus(await round(first.id))).toEqual({ 200: 1, 409: 5 })
    const second = await run(agent)
    await checkout(second, issue.id)
    expect(countByStatus(await round(first.id))).toEqual({ 409: 6 })
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: second.id, lockEpoch: 3 })
    expect(countByStatus(await round(second.id))).toEqual({ 200: 1, 409: 5 })
    expect((await auditsOf(server(), issue.id)).filter((row) => row.action === 'issue.admin_force_release')).toHaveLength(2)
    expect((await evictions(issue.id)).toSorted()).toEqual([first.id, second.id].toSorted())
  })

  test('A write of the holder that races a force-release is accepted before it or refused, and never lands after it', async () => {
    const { held: heldIssue } = await world(server())
    for (let round = 0; round < 5; round += 1) {
      const { issue, run } = await heldIssue()
      const [, write] = await race([0, 1] as const, (who) =>
        who === 0 ? force(issue.id) : run.client.patch(`/api/issues/${issue.id}`, { title: `Round ${round}` }),
      )
      expect([200, 409]).toContain(write?.status)
      const actions = await actionsOf(server(), issue.id)
      const forced = actions.indexOf('issue.admin_force_release')
      expect(actions.indexOf('issue.updated')).toBeLessThan(forced)
      expect(actions.includes('issue.updated')).toBe(write?.status === 200)
      expect(actions).toHaveLength(write?.status === 200 ? 4 : 3)
    }
  })
})
