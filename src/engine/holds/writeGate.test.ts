import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditsOf, NO_HOLD, grant, holdRow, keyClientForRun, plantColumns, expectRefused, wakesOf } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'

const server = useServer()

/** Every gated write to the issue itself. Each must be allowed or refused alike. */
const writes: readonly [name: string, send: (client: Client, issueId: string) => ReturnType<Client['patch']>][] = [
  ['PATCH', (client, id) => client.patch(`/api/issues/${id}`, { title: 'Changed' })],
  ['PATCH with a comment alone', (client, id) => client.patch(`/api/issues/${id}`, { comment: 'Progress' })],
  ['DELETE', (client, id) => client.del(`/api/issues/${id}`)],
]

const patchTitle = (client: Client, id: string, headers?: Record<string, string>) =>
  client.patch(`/api/issues/${id}`, { title: 'Changed' }, headers)

/** An agent, its run that was evicted from an issue, and that issue, which is free again. */
async function evictedFrom(here: World, query = '') {
  const { issue, run, agent } = await here.held()
  await server().board.post(`/api/issues/${issue.id}/admin/force-release${query}`)
  return { issue, run, agent }
}

describe.each(writes)('A write by an agent (LOCK_PROTOCOL §4.2): %s', (_name, send) => {
  test('An evicted run is refused in every later state of the issue', async () => {
    const here = await world(server())
    const assigned = await evictedFrom(here)
    await expectRefused(server(), () => send(assigned.run.client, assigned.issue.id), 409, 'lock_revoked')
    await server().board.patch(`/api/issues/${assigned.issue.id}`, { status: 'todo' })
    await expectRefused(server(), () => send(assigned.run.client, assigned.issue.id), 409, 'lock_revoked')
    const open = await evictedFrom(here, '?clearAssignee=true')
    const { body } = await expectRefused(server(), () => send(open.run.client, open.issue.id), 409, 'lock_revoked')
    expect(body.details).toMatchObject({ retryable: false, next: 'new_run', actorRunId: open.run.id })
  })

  test('An unassigned issue is open to every agent, with and without a run', async () => {
    const { agent, run, issue } = await world(server())
    const worker = await agent()
    expect((await send(worker.client, (await issue()).id)).status).toBe(200)
    expect((await send((await run(worker)).client, (await issue()).id)).status).toBe(200)
  })

  test('A write to an issue of another agent is 409 in progress, held or not, and 403 otherwise', async () => {
    const { held: heldIssue, agent, run, issue } = await world(server())
    const { issue: theirs, run: holder, agent: owner } = await heldIssue()
    const asking = await run(await agent())
    const active = await expectRefused(server(), () => send(asking.client, theirs.id), 409, 'checked_out_by_other')
    expect(active.body).toMatchObject({ error: 'Issue is checked out by another agent', details: { holder: { runId: holder.id } } })
    await expireLease(server(), holder.id)
    await expectRefused(server(), () => send(asking.client, theirs.id), 409, 'checked_out_by_other')
    const waiting = await issue({ assigneeAgentId: owner.id })
    const idle = await expectRefused(server(), () => send(asking.client, waiting.id), 403, 'not_assignee')
    expect(idle.body.error).toBe("Agent cannot mutate another agent's issue")
  })

  test('A manager above the assignee, a CEO and an agent with the grant may write; a peer and a report may not', async () => {
    const { company, agent, run, issue, checkout } = await world(server())
    const chief = await agent()
    const manager = await agent({ reportsTo: chief.id })
    const owner = await agent({ reportsTo: manager.id })
    const report = await agent({ reportsTo: owner.id })
    const ceo = await agent({ role: 'ceo' })
    const governor = await agent()
    await grant(server(), company.id, governor.id, 'tasks:manage_active_checkouts')
    const working = await run(owner)
    const taken = async () => {
      const fresh = await issue()
      await checkout(working, fresh.id)
      return fresh.id
    }
    for (const superior of [manager, chief, ceo, governor]) {
      expect((await send((await run(superior)).client, await taken())).status).toBe(200)
      expect((await send(superior.client, (await issue({ assigneeAgentId: owner.id })).id)).status).toBe(200)
    }
    for (const other of [report, await agent({ reportsTo: manager.id })]) {
      const id = await taken()
      await expectRefused(server(), async () => send(other.client, id), 409, 'checked_out_by_other')
    }
  })

  test('A write to an own issue in progress is 401 without a run, 409 beside another live run of the agent, and allowed to the holder', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: holder, agent } = await heldIssue()
    const sibling = await run(agent)
    await expectRefused(server(), () => send(agent.client, issue.id), 401, 'run_required')
    const other = await expectRefused(server(), () => send(sibling.client, issue.id), 409, 'run_ownership')
    expect(other.body).toMatchObject({ error: 'Issue run ownership conflict', details: { holder: { runId: holder.id }, next: 'wait' } })
    expect((await send(keyClientForRun(agent, holder), issue.id)).status).toBe(200)
  })

  test('A write to an own issue in progress under a dead holder adopts it in the same transaction, with both audit rows', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    const next = await run(agent)
    expect((await send(next.client, issue.id)).status).toBe(200)
    const audits = await auditsOf(server(), issue.id)
    const adopted = audits.filter((row) => row.action === 'issue.checkout_lock_adopted')
    expect(adopted).toHaveLength(1)
    expect(adopted[0]).toMatchObject({ actorId: agent.id, runId: next.id })
    expect(adopted[0]?.details).toEqual({
      previousCheckoutRunId: dead.id,
      previousExecutionRunId: dead.id,
      checkoutRunId: next.id,
      reason: 'stale_run',
      lockEpoch: 2,
    })
    const own = audits.filter((row) => ['issue.updated', 'issue.comment_added', 'issue.deleted'].includes(row.action))
    expect(own).toHaveLength(1)
    const { rows } = await server().database.sql.query(
      'select count(distinct txid)::int as transactions from activity_log where seq = any($1)',
      [[adopted[0]?.seq, own[0]?.seq]],
    )
    expect(rows).toEqual([{ transactions: 1 }])
  })

  test('An issue of another company and a missing issue give the same 404', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const asking = await here.run(await here.agent())
    const foreign = await elsewhere.held()
    const [one, other] = [
      await expectRefused(server(), () => send(asking.client, foreign.issue.id), 404, 'not_found'),
      await expectRefused(server(), () => send(asking.client, randomUUID()), 404, 'not_found'),
    ]
    expect({ ...one.body, requestId: '' }).toEqual({ ...other.body, requestId: '' })
  })

  test('A client that quotes another epoch or another entity tag changes nothing', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    const quoting = (headers: Record<string, string>) => () => send(run.client.with(headers), issue.id)
    const epoch = await expectRefused(server(), quoting({ 'x-paperclip-lock-epoch': '0' }), 409, 'lock_epoch_mismatch')
    expect(epoch.body.details).toMatchObject({ lockEpoch: 1, issueId: issue.id, holder: { runId: run.id } })
    const tag = await expectRefused(server(), quoting({ 'if-match': '"1"' }), 412, 'precondition_failed')
    expect(tag.body.issue).toMatchObject({ id: issue.id, lockEpoch: 1, checkoutRunId: run.id })
    expect(tag.body.issue).not.toHaveProperty('closedByRunId')
    const current = (await run.client.get(`/api/issues/${issue.id}`)).headers['etag'] ?? ''
    expect((await quoting({ 'x-paperclip-lock-epoch': '1', 'if-match': current })()).status).toBe(200)
  })
})

describe('checkWriteGate', () => {
  test('An unowned issue in progress is adopted by its assignee’s run, which then holds it', async () => {
    const { agent, run, issue } = await world(server())
    const worker = await agent()
    const given = await issue({ status: 'in_progress', assigneeAgentId: worker.id })
    const acting = await run(worker)
    const answer = await patchTitle(acting.client, given.id)
    expect(answer.body).toMatchObject({
      checkoutRunId: acting.id,
      executionRunId: acting.id,
      executionAgentNameKey: worker.name.toLowerCase(),
      lockEpoch: 1,
    })
    expect((await lastAudit(server(), given.id, 'issue.checkout_lock_adopted')).details).toMatchObject({
      previousCheckoutRunId: null,
      previousExecutionRunId: null,
      reason: 'unowned',
    })
    expect((await patchTitle(acting.client, given.id)).status).toBe(200)
    expect((await actionsOf(server(), given.id)).filter((action) => action === 'issue.checkout_lock_adopted')).toHaveLength(1)
  })

  test('A refused write takes back the adoption that came with it', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    const next = await run(agent)
    await expectRefused(server(), () => next.client.patch(`/api/issues/${issue.id}`, { projectId: randomUUID() }), 422, 'unknown_reference')
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: dead.id, lockEpoch: 1 })
  })

  test('Of 8 runs of one agent that write after the holder died, exactly one adopts', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    const runs = await Promise.all(Array.from({ length: 8 }, () => run(agent)))
    const answers = await race(runs, (each, index) => each.client.patch(`/api/issues/${issue.id}`, { title: `By ${index}` }))
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 7 })
    const winner = answers.find((answer) => answer.status === 200)?.body
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: winner.checkoutRunId, lockEpoch: 2 })
    expect(await actionsOf(server(), issue.id)).toEqual([
      'issue.created',
      'issue.checked_out',
      'issue.checkout_lock_adopted',
      'issue.updated',
    ])
  })

  test('A write to an own issue that is not in progress clears stale columns and queues the waiting wake', async () => {
    const { agent, run, issue } = await world(server())
    const worker = await agent()
    const own = await issue({ status: 'backlog', assigneeAgentId: worker.id })
    const ghost = await run(worker)
    await plantColumns(server(), own.id, { checkoutRunId: ghost.id, executionRunId: ghost.id, executionAgentNameKey: 'ghost' })
    await server().board.post(`/api/issues/${own.id}/comments`, { body: 'Please look' })
    expect(await wakesOf(server(), own.id)).toMatchObject([{ status: 'deferred_issue_execution' }])
    await expireLease(server(), ghost.id)
    expect((await patchTitle(worker.client, own.id)).body).toMatchObject({ ...NO_HOLD, status: 'backlog', lockEpoch: 1 })
    expect((await lastAudit(server(), own.id, 'issue.lock_cleared')).details).toMatchObject({
      runId: ghost.id,
      why: 'dead_holder',
      lockEpoch: 1,
    })
    expect(await wakesOf(server(), own.id)).toMatchObject([{ status: 'queued' }])
  })

  test('A run that is dead or not the agent’s cannot write, gated or not', async () => {
    const { company, agent, run, issue } = await world(server())
    const worker = await agent()
    const open = await issue()
    const ended = await run(worker)
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    const foreign = await run(await agent())
    for (const [runId, status, code] of [
      [ended.id, 409, 'run_ended'],
      [foreign.id, 422, 'run_unknown'],
      [randomUUID(), 422, 'run_unknown'],
    ] as const) {
      const client = keyClientForRun(worker, runId)
      await expectRefused(server(), () => patchTitle(client, open.id), status, code)
      await expectRefused(server(), () => client.post(`/api/issues/${open.id}/comments`, { body: 'Hello' }), status, code)
      await expectRefused(server(), () => client.post(`/api/companies/${company.id}/issues`, { title: 'New' }), status, code)
      await expectRefused(server(), () => client.patch(`/api/agents/${worker.id}`, { title: 'Ghost' }), status, code)
    }
  })

  test('The board is not gated by runs, and its entity tag is checked', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    expect((await patchTitle(server().board, issue.id)).body).toMatchObject({ checkoutRunId: run.id, lockEpoch: 1 })
    await expectRefused(server(), () => patchTitle(server().board, issue.id, { 'if-match': '"1"' }), 412, 'precondition_failed')
    await expectRefused(server(), () => patchTitle(server().board, issue.id, { 'if-match': 'no tag' }), 400, 'malformed_header')
    await expectRefused(server(), () => patchTitle(server().board, issue.id, { 'x-paperclip-lock-epoch': '-1' }), 400, 'malformed_header')
    expect((await patchTitle(server().board, issue.id, { 'if-match': '*' })).status).toBe(200)
  })

  test('Labels and blockers are part of the entity tag', async () => {
    const { issue } = await world(server())
    const [tagged, blocker] = [await issue(), await issue()]
    const before = (await server().board.get(`/api/issues/${tagged.id}`)).headers['etag'] ?? ''
    await server().board.patch(`/api/issues/${tagged.id}`, { blockedByIssueIds: [blocker.id] })
    await expectRefused(server(), () => patchTitle(server().board, tagged.id, { 'if-match': before }), 412, 'precondition_failed')
  })
})
