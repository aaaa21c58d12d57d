import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { expireLease, nextPagePath, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

const ids = (rows: { id?: string; runId?: string; issueId?: string }[]): (string | undefined)[] =>
  rows.map((row) => row.id ?? row.runId ?? row.issueId)

describe('runs of an issue', () => {
  test('The runs of an issue are those opened for it, holding it or named by its audit, newest first and in pages', async () => {
    const { held: heldIssue, agent, run, issue: make, checkout } = await world(server())
    const { issue, run: holder } = await heldIssue()
    const commenter = await run(await agent())
    await commenter.client.post(`/api/issues/${issue.id}/comments`, { body: 'hi' })
    const opened = await run(await agent(), { issueId: issue.id })
    const elsewhere = await run(await agent())
    await checkout(elsewhere, (await make()).id)
    await holder.client.post(`/api/heartbeat-runs/${holder.id}/finish`, { status: 'succeeded', resultJson: { summary: 'done', raw: 'x' } })
    const { status, body } = await server().board.get(`/api/issues/${issue.identifier}/runs`)
    expect(status).toBe(200)
    // The first row is the queued run of the holder's agent, which the comment has woken.
    expect(body[0]).toMatchObject({ status: 'queued', agentId: holder.agentId })
    expect(ids(body).slice(1)).toEqual([opened.id, commenter.id, holder.id])
    expect(body[3]).toEqual({
      runId: holder.id,
      status: 'succeeded',
      agentId: holder.agentId,
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
      createdAt: expect.any(String),
      invocationSource: 'on_demand',
      usageJson: null,
      resultJson: { summary: 'done' },
    })
    const first = await server().board.get(`/api/issues/${issue.id}/runs?limit=3`)
    const next = nextPagePath(first)
    expect([...ids(first.body), ...ids((await server().board.get(next)).body)]).toEqual(ids(body))
  })

  test('Runs of an issue are live while their lease lasts, and the holder is the active one', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const waiting = await run(await agent(), { issueId: issue.id })
    const live = async () => ids((await server().board.get(`/api/issues/${issue.id}/live-runs`)).body)
    expect(await live()).toEqual([waiting.id, holder.id])
    const active = await owner.client.get(`/api/issues/${issue.id}/active-run`)
    expect(active).toMatchObject({ status: 200, body: { id: holder.id, agentName: owner.name, adapterType: 'process', status: 'running' } })
    await expireLease(server(), holder.id)
    expect(await live()).toEqual([waiting.id])
    expect((await server().board.get(`/api/issues/${issue.id}/active-run`)).body.id).toBe(waiting.id)
    await expireLease(server(), waiting.id)
    const none = await server().board.get(`/api/issues/${issue.id}/active-run`)
    expect([none.status, none.text]).toEqual([200, 'null'])
  })
})

describe('live runs of a company', () => {
  test('Live runs name their issue, exclude dead runs, and are filled up with recent ones on request', async () => {
    const { company, held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const other = await run(await agent())
    const ended = await run(await agent())
    await ended.client.post(`/api/heartbeat-runs/${ended.id}/finish`, { status: 'succeeded' })
    const dead = await run(await agent())
    await expireLease(server(), dead.id)
    const path = `/api/companies/${company.id}/live-runs`
    const { body } = await owner.client.get(path)
    expect(ids(body)).toEqual([other.id, holder.id])
    expect(body[1]).toEqual({
      id: holder.id,
      status: 'running',
      invocationSource: 'on_demand',
      triggerDetail: 'manual',
      startedAt: expect.any(String),
      finishedAt: null,
      createdAt: expect.any(String),
      agentId: owner.id,
      agentName: owner.name,
      adapterType: 'process',
      issueId: issue.id,
    })
    expect(ids((await server().board.get(`${path}?minCount=3`)).body)).toEqual([other.id, holder.id, ended.id])
    expect(ids((await server().board.get(`${path}?minCount=1`)).body)).toHaveLength(2)
    expect((await server().board.get(`${path}?minCount=21`)).status).toBe(400)
  })
})

describe('issues of a run', () => {
  test('The issues of a run are those it was opened for, holds or has written to; hidden ones are left out', async () => {
    const { held: heldIssue, issue: make, agent, run } = await world(server())
    const { issue, run: holder } = await heldIssue()
    const [commented, hidden, opened] = [await make(), await make(), await make()]
    for (const each of [commented, hidden]) await holder.client.post(`/api/issues/${each.id}/comments`, { body: 'hi' })
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    const { body } = await server().board.get(`/api/heartbeat-runs/${holder.id}/issues`)
    expect(new Set(ids(body))).toEqual(new Set([issue.id, commented.id]))
    expect(body.find((row: { issueId: string }) => row.issueId === issue.id)).toMatchObject({
      identifier: issue.identifier,
      status: 'in_progress',
      priority: 'medium',
    })
    const idle = await run(await agent(), { issueId: opened.id })
    expect(ids((await server().board.get(`/api/heartbeat-runs/${idle.id}/issues`)).body)).toEqual([opened.id])
  })
})

test('Another company cannot read the runs of an issue, the issues of a run or the live runs', async () => {
  const { company, held: heldIssue } = await world(server())
  const { issue, run: holder } = await heldIssue()
  const elsewhere = await world(server())
  const outsider = await elsewhere.agent()
  for (const [issueId, runId] of [
    [issue.id, holder.id],
    [randomUUID(), randomUUID()],
  ]) {
    for (const path of [`/api/issues/${issueId}/runs`, `/api/issues/${issueId}/live-runs`, `/api/issues/${issueId}/active-run`]) {
      expect(await outsider.client.get(path)).toMatchObject({ status: 404, body: { error: 'Issue not found' } })
    }
    expect(await outsider.client.get(`/api/heartbeat-runs/${runId}/issues`)).toMatchObject({
      status: 404,
      body: { error: 'Run not found' },
    })
  }
  expect((await outsider.client.get(`/api/companies/${company.id}/live-runs`)).status).toBe(404)
})
