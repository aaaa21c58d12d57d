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
  revokeGrant,
} from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'
import { issueStatus } from '../../model/issueStatus.ts'

const server = useServer()
const patch = (client: Client, id: string, body: Record<string, unknown>, headers?: Record<string, string>) =>
  client.patch(`/api/issues/${id}`, body, headers)
const evictedRunIds = async (issueId: string) =>
  (
    await server().database.sql.query<{ id: string }>('select run_id as id from issue_lock_evictions where issue_id = $1', [issueId])
  ).rows.map((row) => row.id)

describe('PATCH /issues/:id', () => {
  test('A change is recorded with new and previous values, and its message is sent once', async () => {
    const { issue } = await world(server())
    const plain = await issue({ title: 'Before', priority: 'low' })
    const { body } = await patch(server().board, plain.id, { title: 'After', priority: 'high' })
    expect(body).toMatchObject({ title: 'After', priority: 'high', comment: null })
    const row = await lastAudit(server(), plain.id, 'issue.updated')
    expect(row.details).toEqual({
      identifier: plain.identifier,
      lockEpoch: 0,
      title: 'After',
      priority: 'high',
      _previous: { title: 'Before', priority: 'low' },
    })
    expect(server().messages.filter((message) => message.entityId === plain.id && message.action === 'issue.updated')).toHaveLength(1)
  })

  test('A change of a field answers with the relations that the issue has', async () => {
    const { company, issue } = await world(server())
    const { board } = server()
    const label = await board.post(`/api/companies/${company.id}/labels`, { name: 'urgent', color: '#aa0000' })
    const [plain, labelled, waiting, waitedFor] = [await issue(), await issue(), await issue(), await issue()]
    await patch(board, labelled.id, { labelIds: [label.body.id] })
    await patch(board, waiting.id, { blockedByIssueIds: [waitedFor.id] })
    const shown = ({ labels, labelIds, blockedBy, blocks }: Record<string, { id: string }[]>) => ({ labels, labelIds, blockedBy, blocks })
    const relations = []
    for (const { id } of [plain, labelled, waiting, waitedFor]) {
      const answered = shown((await patch(board, id, { title: 'Another title' })).body)
      expect(answered).toEqual(shown((await board.get(`/api/issues/${id}`)).body))
      relations.push(Object.entries(answered).flatMap(([name, rows]) => (rows?.length === 1 ? [name] : [])))
    }
    expect(relations).toEqual([[], ['labels', 'labelIds'], ['blockedBy'], ['blocks']])
  })

  test('A patch without a difference is answered and not recorded', async () => {
    const { issue } = await world(server())
    const plain = await issue({ title: 'Same' })
    await expectUnchanged(server(), () => patch(server().board, plain.id, { title: 'Same' }))
    await expectUnchanged(server(), () => patch(server().board, plain.id, {}))
  })

  test.each(issueStatus.statuses.flatMap((from) => issueStatus.statuses.map((to) => [from, to] as const)))(
    'A move from %s to %s sets the timestamps of the new status and leaves no hold',
    async (from, to) => {
      const { agent, issue } = await worldOnce()
      const moved = await issue({ status: from, assigneeAgentId: agent.id })
      const { status, body } = await patch(server().board, moved.id, { status: to })
      expect(status).toBe(200)
      expect(body).toMatchObject({ status: to, ...NO_HOLD })
      expect(body.completedAt !== null).toBe(to === 'done')
      expect(body.cancelledAt !== null).toBe(to === 'cancelled')
      expect(body.startedAt !== null).toBe(from === 'in_progress' || to === 'in_progress')
      expect(body.lockEpoch).toBe(from === 'in_progress' && to !== 'in_progress' ? 1 : 0)
    },
  )

  test('Missing and foreign references get the same refusal', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const plain = await here.issue()
    const foreignIssue = await elsewhere.issue()
    const foreignAgent = await elsewhere.agent()
    for (const [key, foreign] of [
      ['parentId', foreignIssue.id],
      ['blockedByIssueIds', foreignIssue.id],
      ['projectId', randomUUID()],
      ['labelIds', randomUUID()],
      ['assigneeAgentId', foreignAgent.id],
      ['assigneeUserId', 'stranger'],
    ] as const) {
      const isList = key.endsWith('Ids')
      const ask = (id: string) => () => patch(server().board, plain.id, { [key]: isList ? [id] : id })
      const [status, code] = key.startsWith('assignee') ? ([404, 'not_found'] as const) : ([422, 'unknown_reference'] as const)
      const one = await expectRefused(server(), ask(foreign), status, code)
      const other = await expectRefused(server(), ask(key === 'assigneeUserId' ? 'other-stranger' : randomUUID()), status, code)
      expect(one.body.error).toBe(other.body.error)
    }
  })

  test('An issue has at most one assignee, needs one in progress, and cannot block itself', async () => {
    const { agent, issue } = await world(server())
    const assignee = await agent()
    const plain = await issue()
    const both = { assigneeAgentId: assignee.id, assigneeUserId: 'local-board' }
    expect((await expectRefused(server(), () => patch(server().board, plain.id, both), 422, 'assignee_conflict')).body.error).toBe(
      'Issue can only have one assignee',
    )
    await expectRefused(server(), () => patch(server().board, plain.id, { status: 'in_progress' }), 422, 'assignee_needed')
    await expectRefused(server(), () => patch(server().board, plain.id, { blockedByIssueIds: [plain.id] }), 422, 'unprocessable')
    const assignedIssue = await issue({ assigneeAgentId: assignee.id, status: 'in_progress' })
    await expectRefused(server(), () => patch(server().board, assignedIssue.id, { assigneeAgentId: null }), 422, 'assignee_needed')
    await expectRefused(
      server(),
      () => patch(server().board, assignedIssue.id, { assigneeUserId: 'local-board' }),
      422,
      'assignee_conflict',
    )
  })
})

let sharedWorld: Promise<{ agent: { id: string }; issue: (fields: Record<string, unknown>) => Promise<{ id: string }> }> | undefined
const worldOnce = () => (sharedWorld ??= world(server()).then(async ({ agent, issue }) => ({ agent: await agent(), issue })))

describe('A move or a reassignment ends the hold (LOCK_PROTOCOL §4.4)', () => {
  test('The holder moves the issue: its hold columns are cleared, the epoch grows, and the run is not evicted', async () => {
    const { held: heldIssue, checkout } = await world(server())
    for (const status of ['todo', 'backlog', 'in_review', 'blocked', 'done', 'cancelled']) {
      const { issue, run, agent } = await heldIssue()
      const { body } = await patch(run.client, issue.id, { status })
      expect(body).toMatchObject({ status, assigneeAgentId: agent.id, ...NO_HOLD, lockEpoch: 2 })
      expect(await evictedRunIds(issue.id)).toEqual([])
      const cleared = (await lastAudit(server(), issue.id, 'issue.lock_cleared')).details
      expect(cleared).toEqual({ runId: run.id, why: 'moved', evicted: false, lockEpoch: 2 })
      expect((await lastAudit(server(), issue.id, 'issue.updated')).details).toMatchObject({ status, lockEpoch: 2 })
      // Created, taken, and then written once: every write of a row writes most of its indexes.
      expect((await server().database.sql.query('select version::int from issues where id = $1', [issue.id])).rows).toEqual([
        { version: 3 },
      ])
      expect((await checkout(run, issue.id, [status])).status).toBe(200)
    }
  })

  test('The board moves or reassigns the issue: the live holder is evicted and stays refused', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const next = await agent()
    for (const change of [
      { status: 'todo' },
      { status: 'done' },
      { assigneeAgentId: next.id },
      { assigneeAgentId: null, status: 'backlog' },
    ]) {
      const { issue, run: holder } = await heldIssue()
      const { body } = await patch(server().board, issue.id, change)
      expect(body).toMatchObject({ ...change, ...NO_HOLD, lockEpoch: 2 })
      expect(await evictedRunIds(issue.id)).toEqual([holder.id])
      expect((await lastAudit(server(), issue.id, 'issue.lock_cleared')).details).toMatchObject({
        runId: holder.id,
        why: 'assigneeAgentId' in change ? 'reassigned' : 'moved',
        evicted: true,
      })
      await expectRefused(server(), () => patch(holder.client, issue.id, { title: 'Mine' }), 409, 'lock_revoked')
    }
    expect((await run(next)).id).not.toBe('')
  })

  test('A dead holder is cleared but not evicted, and a change of a plain field does not change the hold', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await patch(server().board, issue.id, { title: 'Other', priority: 'critical' })
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: run.id, lockEpoch: 1 })
    await expireLease(server(), run.id)
    await patch(server().board, issue.id, { status: 'todo' })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
    expect(await evictedRunIds(issue.id)).toEqual([])
  })

  test('A manager that moves the issue of a report evicts its holder, like the board', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const manager = await agent()
    const owner = await agent({ reportsTo: manager.id })
    const [holder, acting] = [await run(owner), await run(manager)]
    const taken = await issue()
    await checkout(holder, taken.id)
    expect((await patch(acting.client, taken.id, { status: 'blocked' })).status).toBe(200)
    expect(await evictedRunIds(taken.id)).toEqual([holder.id])
    expect(await lastAudit(server(), taken.id, 'issue.lock_cleared')).toMatchObject({ actorId: manager.id, details: { evicted: true } })
  })

  test('A reassignment closes the wakes of the previous assignee and wakes the new one', async () => {
    const { held: heldIssue, agent } = await world(server())
    const { issue, agent: owner } = await heldIssue()
    const next = await agent()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'For the assignee' })
    await patch(server().board, issue.id, { assigneeAgentId: next.id })
    expect(await wakesOf(server(), issue.id)).toMatchObject([
      { agentId: owner.id, status: 'skipped', closeReason: 'not_assignee' },
      { agentId: next.id, status: 'queued', reason: 'issue_assigned' },
    ])
  })

  test('Closing an issue closes the wakes that waited for it', async () => {
    const { held: heldIssue } = await world(server())
    const { issue } = await heldIssue()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'For the assignee' })
    await patch(server().board, issue.id, { status: 'done' })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'skipped', closeReason: 'issue_closed' }])
  })

  test('The board moves an issue with stale columns into progress: they are cleared, and the waiting wake is queued', async () => {
    const { agent, run, issue } = await world(server())
    const assignee = await agent()
    const deadRun = await run(assignee)
    const own = await issue({ status: 'backlog', assigneeAgentId: assignee.id })
    await plantColumns(server(), own.id, { checkoutRunId: deadRun.id })
    await server().board.post(`/api/issues/${own.id}/comments`, { body: 'Waiting' })
    await expireLease(server(), deadRun.id)
    expect((await patch(server().board, own.id, { status: 'in_progress' })).body).toMatchObject({
      status: 'in_progress',
      ...NO_HOLD,
      lockEpoch: 1,
    })
    expect(await wakesOf(server(), own.id)).toMatchObject([{ status: 'queued' }])
  })
})

describe('An agent that puts its own issue in progress checks it out (LOCK_PROTOCOL §4.4)', () => {
  test('A patch of an agent’s own issue to in_progress takes the hold for its run', async () => {
    const { agent, run, issue } = await world(server())
    const assignee = await agent()
    const acting = await run(assignee)
    const own = await issue({ assigneeAgentId: assignee.id })
    const { body } = await patch(acting.client, own.id, { status: 'in_progress', title: 'Started' })
    expect(body).toMatchObject({
      status: 'in_progress',
      title: 'Started',
      checkoutRunId: acting.id,
      executionRunId: acting.id,
      lockEpoch: 1,
    })
    expect(body.startedAt).not.toBeNull()
    expect((await auditsOf(server(), own.id)).map((row) => row.action)).toEqual(['issue.created', 'issue.checked_out', 'issue.updated'])
    expect((await lastAudit(server(), own.id, 'issue.updated')).details).toMatchObject({
      status: 'in_progress',
      _previous: { status: 'todo' },
    })
  })

  test('An agent also takes the hold by self-assignment into progress, of an issue in progress, and by creating one in progress', async () => {
    const { company, agent, run, issue, held: heldIssue } = await world(server())
    const manager = await agent({ role: 'ceo' })
    const acting = await run(manager)
    const openIssue = await issue()
    const taken = await patch(acting.client, openIssue.id, { status: 'in_progress', assigneeAgentId: manager.id })
    expect(taken.body).toMatchObject({ checkoutRunId: acting.id, status: 'in_progress' })

    const { issue: theirs, run: holder } = await heldIssue()
    const seized = await patch(acting.client, theirs.id, { assigneeAgentId: manager.id })
    expect(seized.body).toMatchObject({
      status: 'in_progress',
      assigneeAgentId: manager.id,
      checkoutRunId: acting.id,
      executionRunId: acting.id,
    })
    expect(await evictedRunIds(theirs.id)).toEqual([holder.id])

    const fields = { title: 'Mine', status: 'in_progress', assigneeAgentId: manager.id }
    const created = await acting.client.post(`/api/companies/${company.id}/issues`, fields)
    expect(created).toMatchObject({ status: 201, body: { status: 'in_progress', checkoutRunId: acting.id, lockEpoch: 1 } })
    await expectRefused(server(), () => manager.client.post(`/api/companies/${company.id}/issues`, fields), 401, 'run_required')
    const waiting = await issue({ assigneeAgentId: manager.id })
    await expectRefused(server(), () => patch(manager.client, waiting.id, { status: 'in_progress' }), 401, 'run_required')
  })

  test('A self-checkout by patch is refused when the issue is blocked or held, the agent over budget, or the company paused', async () => {
    const { agent, run, issue, company } = await world(server())
    const assignee = await agent({ budgetMonthlyCents: 900 })
    const [acting, sibling] = [await run(assignee), await run(assignee)]
    const start = (id: string) => () => patch(acting.client, id, { status: 'in_progress' })
    const blocker = await issue()
    const blocked = await issue({ assigneeAgentId: assignee.id, blockedByIssueIds: [blocker.id] })
    const refusal = await expectRefused(server(), start(blocked.id), 422, 'issue_blocked')
    expect(refusal.body.details).toEqual({ unresolvedBlockerIssueIds: [blocker.id] })
    const named = await issue({ assigneeAgentId: assignee.id })
    await plantColumns(server(), named.id, { executionRunId: sibling.id })
    await expectRefused(server(), start(named.id), 409, 'issue_held')
    await plantColumns(server(), named.id, { executionRunId: null })
    await server().database.sql.query(
      'update budget_windows set spent = 900 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)',
      [assignee.id],
    )
    await expectRefused(server(), start(named.id), 409, 'budget_exhausted')
    await server().database.sql.query(
      'update budget_windows set spent = 0 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)',
      [assignee.id],
    )
    await server().database.sql.query("update companies set status = 'paused' where id = $1", [company.id])
    await expectRefused(server(), start(named.id), 409, 'company_not_active')
  })

  test('A move into progress by the board takes no hold, and is refused while a blocker is open', async () => {
    const { agent, issue } = await world(server())
    const assignee = await agent()
    const own = await issue({ assigneeAgentId: assignee.id })
    expect((await patch(server().board, own.id, { status: 'in_progress' })).body).toMatchObject({ status: 'in_progress', ...NO_HOLD })
    const blocked = await issue({ assigneeAgentId: assignee.id, blockedByIssueIds: [own.id] })
    await expectRefused(server(), () => patch(server().board, blocked.id, { status: 'in_progress' }), 422, 'issue_blocked')
  })

  test('Of six runs of one agent that concurrently put the same issue in progress, one holds it', async () => {
    const { agent, run, issue } = await world(server())
    const assignee = await agent()
    const runs = await Promise.all(Array.from({ length: 6 }, () => run(assignee)))
    const own = await issue({ assigneeAgentId: assignee.id })
    const answers = await race(runs, (each) => patch(each.client, own.id, { status: 'in_progress' }))
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 5 })
    expect((await actionsOf(server(), own.id)).filter((action) => action === 'issue.checked_out')).toHaveLength(1)
  })
})

describe('permission to assign', () => {
  test('An agent with the grant, a CEO and an agent creator may assign, and other agents may not', async () => {
    const { agent, run, issue, company } = await world(server())
    const target = await agent()
    const plain = await agent()
    await revokeGrant(server(), plain.id, 'tasks:assign')
    const ceo = await agent({ role: 'ceo' })
    await revokeGrant(server(), ceo.id, 'tasks:assign')
    const creator = await agent({ permissions: { canCreateAgents: true } })
    await revokeGrant(server(), creator.id, 'tasks:assign')
    const openIssue = await issue()
    const give = { assigneeAgentId: target.id }
    const refusal = await expectRefused(server(), () => patch(plain.client, openIssue.id, give), 403, 'assign_not_permitted')
    expect(refusal.body.error).toBe('Missing permission: tasks:assign')
    const acting = await run(plain)
    await expectRefused(server(), () => patch(acting.client, openIssue.id, give), 403, 'assign_not_permitted')
    await expectRefused(
      server(),
      () => plain.client.post(`/api/companies/${company.id}/issues`, { title: 'X', ...give }),
      403,
      'assign_not_permitted',
    )
    const own = await issue({ assigneeAgentId: plain.id })
    await expectRefused(server(), () => patch(plain.client, own.id, { assigneeAgentId: null }), 403, 'assign_not_permitted')
    for (const client of [ceo.client, creator.client, target.client]) {
      expect((await patch(client, (await issue()).id, give)).status).toBe(200)
    }
    expect((await patch(plain.client, own.id, { title: 'No assignment' })).status).toBe(200)
  })

  test('An assignee returns an issue to the person who created it without the permission, also in progress', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const assignee = await agent()
    await revokeGrant(server(), assignee.id, 'tasks:assign')
    const acting = await run(assignee)
    const taken = await issue()
    await checkout(acting, taken.id)
    const back = { assigneeAgentId: null, assigneeUserId: 'local-board' }
    const { body } = await patch(acting.client, taken.id, back)
    expect(body).toMatchObject({ status: 'in_progress', ...back, ...NO_HOLD, lockEpoch: 2 })
    expect(await evictedRunIds(taken.id)).toEqual([])
    const other = await issue()
    await checkout(acting, other.id)
    await server().database.sql.query("update issues set created_by_user_id = 'other-user' where id = $1", [other.id])
    await expectRefused(server(), () => patch(acting.client, other.id, back), 403, 'assign_not_permitted')
  })
})

describe('PATCH /issues/:id with interrupt', () => {
  test('An interrupt of the board with a comment ends the live run, keeps the comment and queues a follow-up', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const { status, body } = await patch(server().board, issue.id, { comment: 'Stop, do it otherwise', interrupt: true })
    expect(status).toBe(200)
    expect(body).toMatchObject({ ...NO_HOLD, status: 'in_progress', assigneeAgentId: agent.id, comment: { body: 'Stop, do it otherwise' } })
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' })
    expect((await lastAudit(server(), issue.id, 'issue.updated')).details).toMatchObject({ interruptedRunId: run.id })
    expect((await lastAudit(server(), run.id, 'heartbeat.cancelled')).details).toEqual({ agentId: agent.id, issueIds: [issue.id] })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ agentId: agent.id, status: 'queued', reason: 'issue_commented' }])
  })

  test('An interrupt works with a stale column next to the live run, in either order of their ids', async () => {
    const { held: heldIssue } = await world(server())
    for (const start of ['00000000-0000-4000-8000-', 'ffffffff-ffff-4fff-bfff-']) {
      for (const column of ['checkoutRunId', 'executionRunId']) {
        const { issue, run, agent } = await heldIssue()
        const deadRunId = start + randomUUID().slice(24)
        await server().database.sql.query(
          `insert into heartbeat_runs (id, company_id, agent_id, status, lease_expires_at)
           select $1, company_id, id, 'running', now() - interval '1 hour' from agents where id = $2`,
          [deadRunId, agent.id],
        )
        await plantColumns(server(), issue.id, { [column]: deadRunId })
        const answer = await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Stop', interrupt: true })
        expect(answer.status, answer.text).toBe(201)
        expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled' })
      }
    }
  })

  test('An interrupt without a comment is refused with 400, and one by an agent with 403', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await expectRefused(server(), () => patch(server().board, issue.id, { interrupt: true }), 400, 'bad_request')
    await expectRefused(server(), () => patch(run.client, issue.id, { comment: 'Stop', interrupt: true }), 403, 'board_required')
    const comment = { body: 'Stop', interrupt: true }
    await expectRefused(server(), () => run.client.post(`/api/issues/${issue.id}/comments`, comment), 403, 'board_required')
  })
})

test('A patch that adopts a hold, moves the issue and comments writes its audit rows in order in one transaction', async () => {
  const { held: heldIssue, run } = await world(server())
  const { issue, run: dead, agent } = await heldIssue()
  await expireLease(server(), dead.id)
  const next = await run(agent)
  await patch(keyClientForRun(agent, next), issue.id, { status: 'done', comment: 'Finished after all' })
  const { rows } = await server().database.sql.query(
    `select array_agg(action order by seq) as actions from activity_log where entity_id = $1 group by txid order by min(seq)`,
    [issue.id],
  )
  expect(rows.at(-1).actions).toEqual(['issue.checkout_lock_adopted', 'issue.lock_cleared', 'issue.updated', 'issue.comment_added'])
})
