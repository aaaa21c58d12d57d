import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditsOf, NO_HOLD, holdRow, keyClientForRun, expectRefused, wakesOf } from '../../dev/testing/holds.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const postComment = (client: Client, issueId: string, body: string, more: Record<string, unknown> = {}) =>
  client.post(`/api/issues/${issueId}/comments`, { body, ...more })

describe('POST /issues/:id/comments (LOCK_PROTOCOL §4.2)', () => {
  test('Every agent comments on a held issue: the hold does not change, and the audit row names the run', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder } = await heldIssue()
    const colleague = await agent()
    const acting = await run(colleague)
    for (const client of [colleague.client, acting.client, server().board])
      expect((await postComment(client, issue.id, 'Hello')).status).toBe(201)
    const { body } = await postComment(acting.client, issue.id, 'A longer word')
    expect(body).toMatchObject({
      issueId: issue.id,
      authorAgentId: colleague.id,
      authorUserId: null,
      createdByRunId: acting.id,
      body: 'A longer word',
    })
    const row = await lastAudit(server(), issue.id, 'issue.comment_added')
    expect(row).toMatchObject({ actorId: colleague.id, runId: acting.id })
    expect(row.details).toMatchObject({ commentId: body.id, bodySnippet: 'A longer word', identifier: issue.identifier })
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: holder.id, lockEpoch: 1, status: 'in_progress' })
  })

  test('An evicted run may comment, but not reopen the issue', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run } = await heldIssue()
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`)
    await server().board.patch(`/api/issues/${issue.id}`, { status: 'done' })
    expect((await postComment(run.client, issue.id, 'For the record')).status).toBe(201)
    await expectRefused(server(), () => postComment(run.client, issue.id, 'Again', { reopen: true }), 409, 'lock_revoked')
    expect(await holdRow(server(), issue.id)).toMatchObject({ status: 'done', ...NO_HOLD })
  })

  test('An agent of another company gets 404, and an ended run gets run_ended', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const { issue } = await here.held()
    const stranger = await elsewhere.agent()
    const one = await expectRefused(server(), () => postComment(stranger.client, issue.id, 'Hi'), 404, 'not_found')
    const other = await expectRefused(server(), () => postComment(stranger.client, randomUUID(), 'Hi'), 404, 'not_found')
    expect({ ...one.body, requestId: '' }).toEqual({ ...other.body, requestId: '' })
    const assignee = await here.agent()
    const ended = await here.run(assignee)
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    await expectRefused(server(), () => postComment(keyClientForRun(assignee, ended), issue.id, 'Hi'), 409, 'run_ended')
  })

  test('A comment needs a body of at most 200,000 characters, of which the audit row has the first 120', async () => {
    const { issue } = await world(server())
    const openIssue = await issue()
    await expectRefused(server(), () => postComment(server().board, openIssue.id, '  \n'), 400, 'validation_failed')
    await expectRefused(server(), () => postComment(server().board, openIssue.id, 'x'.repeat(200_001)), 400, 'validation_failed')
    expect((await postComment(server().board, openIssue.id, 'x'.repeat(200_000))).status).toBe(201)
    expect((await lastAudit(server(), openIssue.id, 'issue.comment_added')).details['bodySnippet']).toHaveLength(120)
  })
})

describe('POST /issues/:id/comments with reopen', () => {
  test.each(['done', 'cancelled'])(
    'A comment moves an issue from %s to todo only with reopen, and writes both audit rows',
    async (status) => {
      const { agent, issue } = await world(server())
      const assignee = await agent()
      const closed = await issue({ status, assigneeAgentId: assignee.id })
      expect((await postComment(server().board, closed.id, 'Just saying')).status).toBe(201)
      expect(await holdRow(server(), closed.id)).toMatchObject({ status })
      expect((await postComment(server().board, closed.id, 'Please again', { reopen: true })).status).toBe(201)
      expect(await holdRow(server(), closed.id)).toMatchObject({ status: 'todo' })
      const audits = await auditsOf(server(), closed.id)
      expect(audits.slice(-2).map((row) => row.action)).toEqual(['issue.updated', 'issue.comment_added'])
      expect(audits.at(-2)?.details).toMatchObject({ reopened: true, reopenedFrom: status, source: 'comment', status: 'todo' })
      expect(audits.at(-1)?.details).toMatchObject({ reopened: true, reopenedFrom: status })
      expect((await wakesOf(server(), closed.id)).at(-1)).toMatchObject({
        agentId: assignee.id,
        status: 'queued',
        reason: 'issue_reopened_via_comment',
      })
    },
  )

  test('On an open issue, reopen has no effect', async () => {
    const { held: heldIssue, agent } = await world(server())
    const { issue } = await heldIssue()
    const stranger = await agent()
    expect((await postComment(stranger.client, issue.id, 'Hm', { reopen: true })).status).toBe(201)
    expect(await holdRow(server(), issue.id)).toMatchObject({ status: 'in_progress', lockEpoch: 1 })
  })

  test('A run cannot reopen an issue that it closed, by POST or PATCH, but a later run of the agent can', async () => {
    const { held: heldIssue, run } = await world(server())
    for (const by of ['POST', 'PATCH']) {
      const { issue, run: closingRun, agent } = await heldIssue()
      await closingRun.client.patch(`/api/issues/${issue.id}`, { status: 'done' })
      const again = (client: Client) =>
        by === 'POST'
          ? postComment(client, issue.id, 'Done, I think', { reopen: true })
          : client.patch(`/api/issues/${issue.id}`, { comment: 'Done, I think', reopen: true })
      expect([200, 201]).toContain((await again(closingRun.client)).status)
      expect([200, 201]).toContain((await again(keyClientForRun(agent, closingRun))).status)
      expect(await holdRow(server(), issue.id)).toMatchObject({ status: 'done' })
      expect((await actionsOf(server(), issue.id)).at(-1)).toBe('issue.comment_added')
      expect([200, 201]).toContain((await again((await run(agent)).client)).status)
      expect(await holdRow(server(), issue.id)).toMatchObject({ status: 'todo' })
    }
  })

  test('An agent cannot reopen the issue of another agent', async () => {
    const { agent, issue } = await world(server())
    const closed = await issue({ status: 'done', assigneeAgentId: (await agent()).id })
    const stranger = await agent()
    await expectRefused(server(), () => postComment(stranger.client, closed.id, 'Again', { reopen: true }), 403, 'not_assignee')
  })
})

describe('wakes of a comment', () => {
  test('A comment wakes the assignee unless it is the author, and each mentioned agent concurrently with the holder', async () => {
    const { held: heldIssue, agent } = await world(server())
    const { issue, run, agent: owner } = await heldIssue()
    const ann = await agent({ name: 'Ann' })
    const annLee = await agent({ name: 'Ann Lee' })
    await postComment(run.client, issue.id, 'Working on it')
    expect(await wakesOf(server(), issue.id)).toEqual([])
    await postComment(server().board, issue.id, 'Ask @Ann Lee, not @Annabel')
    const wakes = await wakesOf(server(), issue.id)
    expect(wakes).toHaveLength(2)
    expect(wakes).toContainEqual(
      expect.objectContaining({ agentId: owner.id, status: 'deferred_issue_execution', reason: 'issue_commented' }),
    )
    expect(wakes).toContainEqual(expect.objectContaining({ agentId: annLee.id, status: 'queued', reason: 'issue_comment_mentioned' }))
    await postComment(server().board, issue.id, 'and @ann, too')
    expect((await wakesOf(server(), issue.id)).find((wake) => wake.agentId === ann.id)).toMatchObject({ status: 'queued' })
    expect((await wakesOf(server(), issue.id)).find((wake) => wake.agentId === owner.id)).toMatchObject({ coalescedCount: 1 })
  })

  test('A mention by link wakes the agent of its id, and neither an address nor code wakes an agent (K4, K5)', async () => {
    const { agent, issue } = await world(server())
    const [uno, duo] = [await agent({ name: 'Uno' }), await agent({ name: 'Duo' })]
    const here = await issue()
    await postComment(server().board, here.id, `[@Uno](agent://${duo.id}) look`)
    expect(await wakesOf(server(), here.id)).toMatchObject([{ agentId: duo.id, reason: 'issue_comment_mentioned' }])
    await postComment(server().board, here.id, 'mail joe@uno.example.org, `npm i @Uno`')
    await server().board.patch(`/api/issues/${here.id}`, { comment: '@uno/tools' })
    expect((await wakesOf(server(), here.id)).filter((wake) => wake.agentId === uno.id)).toEqual([])
  })

  test('A comment on a closed issue wakes mentioned agents only', async () => {
    const { agent, issue } = await world(server())
    const [owner, other] = [await agent({ name: 'Owner' }), await agent({ name: 'Other' })]
    const closed = await issue({ status: 'done', assigneeAgentId: owner.id })
    await postComment(server().board, closed.id, 'Nice, @Other')
    expect(await wakesOf(server(), closed.id)).toMatchObject([{ agentId: other.id }])
  })
})

test('GET /issues/:id/comments lists comments in both orders and after a given comment, and one comment is read by id', async () => {
  const { issue } = await world(server())
  const openIssue = await issue()
  const ids: string[] = []
  for (const text of ['one', 'two', 'three']) ids.push((await postComment(server().board, openIssue.id, text)).body.id)
  const list = async (query: string) =>
    (await server().board.get(`/api/issues/${openIssue.id}/comments${query}`)).body.map((row: { id: string }) => row.id)
  expect(await list('?order=asc')).toEqual(ids)
  expect(await list('')).toEqual(ids.toReversed())
  expect(await list(`?order=asc&after=${ids[0]}`)).toEqual(ids.slice(1))
  expect(await list(`?afterCommentId=${ids[2]}`)).toEqual([ids[1], ids[0]])
  expect(await list(`?after=${randomUUID()}`)).toEqual([])
  expect(await list('?order=asc&limit=2')).toEqual(ids.slice(0, 2))
  expect((await server().board.get(`/api/issues/${openIssue.id}/comments/${ids[1]}`)).body).toMatchObject({ body: 'two' })
  await expectRefused(server(), () => server().board.get(`/api/issues/${openIssue.id}/comments/${randomUUID()}`), 404, 'not_found')
  await expectRefused(server(), () => server().board.get(`/api/issues/${openIssue.id}/comments/nonsense`), 400, 'malformed_id')
})
