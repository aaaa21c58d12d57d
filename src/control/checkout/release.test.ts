import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  auditsOf,
  NO_HOLD,
  holdRow,
  keyClientForRun,
  plantColumns,
  expectRefused,
  expectUnchanged,
  wakesOf,
} from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const release = (client: Client, issueId: string, headers?: Record<string, string>) =>
  client.post(`/api/issues/${issueId}/release`, undefined, headers)

describe('release (LOCK_PROTOCOL §4.3)', () => {
  test('A release by the holder frees the issue, and the audit row has the previous state', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const answer = await release(run.client, issue.id)
    expect(answer).toMatchObject({ status: 200, body: { status: 'todo', assigneeAgentId: null, ...NO_HOLD, lockEpoch: 2 } })
    const row = await lastAudit(server(), issue.id, 'issue.released')
    expect(row).toMatchObject({ actorType: 'agent', actorId: agent.id, runId: run.id })
    expect(row.details).toEqual({
      previousCheckoutRunId: run.id,
      previousExecutionRunId: run.id,
      previousAssigneeAgentId: agent.id,
      previousAssigneeUserId: null,
      previousStatus: 'in_progress',
      lockEpoch: 2,
    })
    expect(server().messages.filter((message) => message.entityId === issue.id && message.action === 'issue.released')).toHaveLength(1)
  })

  test('A second release gets the same answer, no second audit row and no new epoch', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await release(run.client, issue.id)
    const again = await expectUnchanged(server(), () => release(run.client, issue.id))
    expect(again.body).toMatchObject({ status: 'todo', assigneeAgentId: null, lockEpoch: 2 })
    await expectUnchanged(server(), () => release(server().board, issue.id))
  })

  test('A new run of the assignee releases the issue of a dead holder', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    expect((await release((await run(agent)).client, issue.id)).body).toMatchObject({ status: 'todo', ...NO_HOLD })
  })

  test('A release keeps a status other than in_progress and clears stale columns', async () => {
    const { agent, run, issue } = await world(server())
    const who = await agent()
    const acting = await run(who)
    for (const status of ['backlog', 'in_review', 'blocked', 'done']) {
      const own = await issue({ assigneeAgentId: who.id, status })
      await plantColumns(server(), own.id, { executionRunId: randomUUID(), executionAgentNameKey: 'ghost' })
      expect((await release(acting.client, own.id)).body).toMatchObject({ status, assigneeAgentId: null, ...NO_HOLD, lockEpoch: 1 })
    }
  })

  test('A release by another agent, by a run next to a live holder, or by an evicted run is refused', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const rival = await run(await agent())
    const other = await expectRefused(server(), () => release(rival.client, issue.id), 409, 'release_not_assignee')
    expect(other.body).toMatchObject({ error: 'Only assignee can release issue', details: { assigneeAgentId: owner.id } })
    const sibling = await run(owner)
    const siblingRefused = await expectRefused(server(), () => release(sibling.client, issue.id), 409, 'release_not_holder')
    expect(siblingRefused.body).toMatchObject({ error: 'Only checkout run can release issue', details: { holder: { runId: holder.id } } })
    await expectRefused(server(), () => release(owner.client, issue.id), 401, 'run_required')
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`)
    await expectRefused(server(), () => release(holder.client, issue.id), 409, 'lock_revoked')
  })

  test('A release by an agent of an issue assigned to a user is refused', async () => {
    const { agent, run, issue } = await world(server())
    const personal = await issue({ assigneeUserId: 'local-board' })
    const acting = await run(await agent())
    await expectRefused(server(), () => release(acting.client, personal.id), 409, 'release_not_assignee')
  })

  test('A release by the board always succeeds; it evicts a live holder and not a dead one', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: holder, agent } = await heldIssue()
    expect((await release(server().board, issue.id)).body).toMatchObject({ status: 'todo', assigneeAgentId: null, ...NO_HOLD })
    await expectRefused(server(), () => holder.client.patch(`/api/issues/${issue.id}`, { title: 'Mine' }), 409, 'lock_revoked')
    const body = { agentId: agent.id, expectedStatuses: ['todo'] }
    await expectRefused(server(), () => holder.client.post(`/api/issues/${issue.id}/checkout`, body), 409, 'lock_revoked')
    const fresh = await run(agent)
    expect((await fresh.client.post(`/api/issues/${issue.id}/checkout`, body)).status).toBe(200)

    await expireLease(server(), fresh.id)
    await release(server().board, issue.id)
    const { rows } = await server().database.sql.query('select run_id from issue_lock_evictions where issue_id = $1', [issue.id])
    expect(rows).toEqual([{ run_id: holder.id }])
  })

  test('A release by the board of a person’s issue in progress makes it todo and keeps the person', async () => {
    const { issue } = await world(server())
    const personal = await issue({ assigneeUserId: 'local-board', status: 'in_progress' })
    expect((await release(server().board, personal.id)).body).toMatchObject({ status: 'todo', assigneeUserId: 'local-board' })
    await expectUnchanged(server(), () => release(server().board, personal.id))
  })

  test('A release promotes the oldest waiting wake in the same transaction', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'One more thing' })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ agentId: agent.id, status: 'deferred_issue_execution' }])
    await release(run.client, issue.id)
    const [wake] = await wakesOf(server(), issue.id)
    expect(wake).toMatchObject({ status: 'queued' })
    const promoted = await lastAudit(server(), wake?.id ?? '', 'wake.promoted')
    expect(promoted.details).toMatchObject({ agentId: agent.id, issueId: issue.id, runId: wake?.runId })
    const { rows } = await server().database.sql.query(
      `select count(distinct txid)::int as transactions from activity_log where action in ('issue.released', 'wake.promoted')
         and (entity_id = $1 or details->>'issueId' = $1)`,
      [issue.id],
    )
    expect(rows).toEqual([{ transactions: 1 }])
  })

  test('A release with another epoch or entity tag is refused and changes nothing', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await expectRefused(server(), () => release(run.client, issue.id, { 'x-paperclip-lock-epoch': '7' }), 409, 'lock_epoch_mismatch')
    await expectRefused(server(), () => release(run.client, issue.id, { 'if-match': '"999"' }), 412, 'precondition_failed')
    expect((await release(run.client, issue.id, { 'x-paperclip-lock-epoch': '1' })).status).toBe(200)
  })

  test('A foreign and a missing issue are the same 404; a dead run is refused before anything else', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const { issue, run, agent } = await here.held()
    const foreign = await elsewhere.issue()
    const one = await expectRefused(server(), () => release(run.client, foreign.id), 404, 'not_found')
    const other = await expectRefused(server(), () => release(run.client, randomUUID()), 404, 'not_found')
    expect({ ...one.body, requestId: '' }).toEqual({ ...other.body, requestId: '' })
    await expireLease(server(), run.id)
    await expectRefused(server(), () => release(keyClientForRun(agent, run), issue.id), 409, 'run_ended')
  })

  test('Eight concurrent releases by the holder and the board leave one audit row', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    const answers = await race(Array.from({ length: 8 }), (_, index) => release(index % 2 === 0 ? run.client : server().board, issue.id))
    expect(countByStatus(answers)[200]).toBeGreaterThanOrEqual(4)
    expect((await auditsOf(server(), issue.id)).filter((row) => row.action === 'issue.released')).toHaveLength(1)
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.checked_out', 'issue.released'])
  })
})

test('Checkout and release answer with the labels that the issue has', async () => {
  const { company, issue, run, agent, checkout } = await world(server())
  const { body: label } = await server().board.post(`/api/companies/${company.id}/labels`, { name: 'urgent', color: '#aa0000' })
  const acting = await run(await agent())
  const answers = []
  for (const labelIds of [[], [label.id]]) {
    const { id } = await issue({ labelIds })
    const taken = await checkout(acting, id)
    const released = await acting.client.post(`/api/issues/${id}/release`)
    for (const { body } of [taken, released]) {
      const shown = (await server().board.get(`/api/issues/${id}`)).body
      expect([body.labels, body.labelIds]).toEqual([shown.labels, shown.labelIds])
      answers.push(body.labelIds.length)
    }
  }
  expect(answers).toEqual([0, 0, 1, 1])
})
