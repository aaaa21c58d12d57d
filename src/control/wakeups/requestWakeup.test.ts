import { describe, expect, test } from 'vitest'
import { plantColumns, expectRefused, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, Client } from '../../dev/testing/world.ts'
import { flushSkips } from '../../engine/wakes/index.ts'

const server = useServer()

const wake = (agentId: string, body: object = {}, client: Client = server().board) => client.post(`/api/agents/${agentId}/wakeup`, body)
const invoke = (agentId: string, client: Client = server().board) => client.post(`/api/agents/${agentId}/heartbeat/invoke`)

/** The counted skips, as the board reads them after they are written. */
const skips = async (agentId: string): Promise<Record<string, number>> => {
  await flushSkips(server().store)
  return (await server().board.get(`/api/agents/${agentId}/runtime-state`)).body.stateJson.skippedWakes
}

const accepted = (answer: Answer): Answer['body'] => {
  expect(answer.status, answer.text).toBe(202)
  return answer.body
}

describe('POST /agents/:id/heartbeat/invoke', () => {
  test('An invocation queues a run for no issue in particular and records it once', async () => {
    const { agent } = await world(server())
    const worker = await agent()
    const run = accepted(await invoke(worker.id))
    expect(run).toMatchObject({
      agentId: worker.id,
      issueId: null,
      status: 'queued',
      invocationSource: 'on_demand',
      triggerDetail: 'manual',
    })
    expect(await lastAudit(server(), run.id, 'heartbeat.invoked')).toMatchObject({
      actorType: 'user',
      agentId: worker.id,
      runId: run.id,
      details: { agentId: worker.id, issueId: null, source: 'on_demand', triggerDetail: 'manual', reason: 'on_demand', coalesced: false },
    })
  })

  test('An agent invokes itself with its key or in a run, and no other agent', async () => {
    const { agent, run } = await world(server())
    const [worker, other] = [await agent(), await agent()]
    accepted(await invoke(worker.id, worker.client))
    const working = await run(other)
    expect(accepted(await invoke(other.id, working.client))).toMatchObject({ id: working.id, status: 'running' })
    await expectRefused(server(), () => invoke(other.id, worker.client), 403, 'not_self')
  })

  test('An agent and an issue of another company give the same answers as missing ones', async () => {
    const [here, there] = [await world(server()), await world(server())]
    const [worker, foreign] = [await here.agent(), await there.agent()]
    const missing = await wake('11111111-2222-4333-8444-555555555555', {})
    expect(missing.status).toBe(404)
    const issue = await there.issue()
    const [asked, unknown] = [
      await wake(worker.id, { payload: { issueId: issue.id } }, worker.client),
      await wake(worker.id, { payload: { issueId: '11111111-2222-4333-8444-555555555555' } }, worker.client),
    ]
    expect([asked.status, asked.body.error]).toEqual([404, 'Issue not found'])
    expect(unknown.body.error).toBe(asked.body.error)
    await expectRefused(server(), () => invoke(foreign.id, worker.client), 403, 'not_self')
  })

  test.each(['paused', 'terminated', 'pending_approval'])('An agent that is %s is refused', async (status) => {
    const { agent } = await world(server())
    const worker = await agent()
    await server().database.sql.query('update agents set status = $2 where id = $1', [worker.id, status])
    const { body } = await expectRefused(server(), () => invoke(worker.id), 409, 'agent_not_invokable')
    expect(body.details).toMatchObject({ status })
  })

  test('An agent over its budget is refused, and the skip is counted', async () => {
    const { agent } = await world(server())
    const worker = await agent({ budgetMonthlyCents: 10 })
    await server().database.sql.query(
      'update budget_windows set spent = 10 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)',
      [worker.id],
    )
    const { body } = await expectRefused(server(), () => wake(worker.id), 409, 'budget_exhausted')
    expect(body.details).toMatchObject({ scopeType: 'agent', scopeId: worker.id })
    expect(await skips(worker.id)).toEqual({ over_budget: 1 })
  })

  test('An agent of an archived company is refused', async () => {
    const { agent, company } = await world(server())
    const worker = await agent()
    await server().board.post(`/api/companies/${company.id}/archive`)
    await expectRefused(server(), () => invoke(worker.id), 409, 'company_not_active')
  })

  test('A request to an agent that does not wake on demand is skipped and counted, with no row and no audit', async () => {
    const { agent } = await world(server())
    const [onDemandOff, timerOff] = [
      await agent({ runtimeConfig: { heartbeat: { wakeOnDemand: false } } }),
      await agent({ runtimeConfig: { heartbeat: { enabled: false } } }),
    ]
    const audits = await auditCount(server())
    for (const answer of [await invoke(onDemandOff.id), await wake(onDemandOff.id), await wake(timerOff.id, { source: 'timer' })]) {
      expect(accepted(answer)).toMatchObject({ status: 'skipped', reason: 'wakeup_skipped' })
    }
    expect(await auditCount(server())).toBe(audits)
    expect([await skips(onDemandOff.id), await skips(timerOff.id)]).toEqual([{ wake_on_demand_off: 2 }, { timer_off: 1 }])
    expect(accepted(await wake(onDemandOff.id, { source: 'timer' }))).toMatchObject({ status: 'queued', invocationSource: 'timer' })
    expect(accepted(await wake(timerOff.id))).toMatchObject({ status: 'queued' })
    const { rows } = await server().database.sql.query('select 1 from wakes where agent_id = any($1) and status = $2', [
      [onDemandOff.id, timerOff.id],
      'skipped',
    ])
    expect(rows).toEqual([])
  })
})

describe('A request about no issue', () => {
  test('A request joins the queued or running run for its task; another task and a fresh session get runs of their own', async () => {
    const { agent, run } = await world(server())
    const worker = await agent()
    const first = accepted(await invoke(worker.id))
    expect(accepted(await wake(worker.id))).toMatchObject({ id: first.id })
    const report = accepted(await wake(worker.id, { payload: { taskKey: 'report' } }))
    expect(report.id).not.toBe(first.id)
    expect(accepted(await wake(worker.id, { payload: { taskKey: 'report' } })).id).toBe(report.id)
    const fresh = accepted(await wake(worker.id, { forceFreshSession: true }))
    expect([first.id, report.id]).not.toContain(fresh.id)
    expect(accepted(await wake(worker.id, { forceFreshSession: true })).id).toBe(fresh.id)
    expect(await actionsOf(server(), first.id)).toEqual(['heartbeat.invoked', 'heartbeat.invoked'])
    expect((await lastAudit(server(), first.id, 'heartbeat.invoked')).details).toMatchObject({ coalesced: true })
    // An agent that lives elsewhere takes over its queued run, and later requests join that run.
    expect((await run(worker)).id).toBe(first.id)
    expect(accepted(await invoke(worker.id))).toMatchObject({ id: fresh.id, status: 'queued' })
    await server().board.post(`/api/heartbeat-runs/${fresh.id}/cancel`)
    expect(accepted(await invoke(worker.id))).toMatchObject({ id: first.id, status: 'running' })
  })

  test('Of eight concurrent requests one queues a run, and all receive it', async () => {
    const { agent } = await world(server())
    const worker = await agent()
    const answers = await race(Array.from({ length: 8 }), () => invoke(worker.id))
    expect(new Set(answers.map((answer) => accepted(answer).id)).size).toBe(1)
    const { rows } = await server().database.sql.query('select coalesced_count as count, status from wakes where agent_id = $1', [
      worker.id,
    ])
    expect(rows).toEqual([{ count: 7, status: 'queued' }])
  })

  test('A dead run covers no request', async () => {
    const { agent } = await world(server())
    const worker = await agent()
    const first = accepted(await invoke(worker.id))
    await expireLease(server(), first.id)
    expect(accepted(await invoke(worker.id)).id).not.toBe(first.id)
  })
})

describe('A request about an issue', () => {
  test('A request joins the run of the same agent, queued or running', async () => {
    const { agent, issue, held: heldIssue } = await world(server())
    const worker = await agent()
    const given = await issue({ assigneeAgentId: worker.id })
    const [assigned] = await wakesOf(server(), given.id)
    const asked = accepted(await wake(worker.id, { reason: 'again', payload: { issueId: given.id } }))
    expect(asked).toMatchObject({ id: assigned?.runId, issueId: given.id })
    expect(await wakesOf(server(), given.id)).toMatchObject([{ coalescedCount: 1 }])
    const { issue: taken, run, agent: holder } = await heldIssue()
    expect(accepted(await wake(holder.id, { payload: { issueId: taken.id } }))).toMatchObject({ id: run.id, status: 'running' })
    expect(await wakesOf(server(), taken.id)).toEqual([])
  })

  test('A comment that came after the start of a run gets a run that follows it', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const { body: comment } = await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'Noted' })
    const payload = { issueId: issue.id, commentId: comment.id }
    const answer = accepted(await wake(agent.id, { payload }))
    expect(answer).toMatchObject({ status: 'skipped', reason: 'issue_execution_deferred', executionRunId: run.id })
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    const [followUp] = await wakesOf(server(), issue.id)
    expect(followUp).toMatchObject({ status: 'queued', agentId: agent.id })
    expect(await runRow(server(), followUp?.runId ?? '')).toMatchObject({ status: 'queued' })
  })

  test('A request for an issue of another holder waits, the answer names the holder and its run, and a second request joins it', async () => {
    const { held: heldIssue, agent } = await world(server())
    const { issue, run, agent: holder } = await heldIssue()
    const other = await agent()
    for (const coalescedCount of [0, 1]) {
      const answer = await wake(other.id, { payload: { issueId: issue.id } })
      expect(accepted(answer)).toEqual({
        status: 'skipped',
        reason: 'issue_execution_deferred',
        message: expect.any(String),
        issueId: issue.id,
        executionRunId: run.id,
        executionAgentId: holder.id,
        executionAgentName: holder.name,
      })
      expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'deferred_issue_execution', coalescedCount, runId: null }])
    }
    const [waiting] = await wakesOf(server(), issue.id)
    expect(await actionsOf(server(), waiting?.id ?? '')).toEqual(['wake.deferred', 'wake.deferred'])
    await run.client.post(`/api/issues/${issue.id}/release`)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued', agentId: other.id }])
  })

  test('A mention does not wait for the holder, and a dead holder lets no request wait', async () => {
    const { held: heldIssue, agent, issue } = await world(server())
    const { issue: taken, run } = await heldIssue()
    const other = await agent()
    const asked = accepted(await wake(other.id, { reason: 'issue_comment_mentioned', payload: { issueId: taken.id } }))
    expect(asked).toMatchObject({ status: 'queued', issueId: taken.id, agentId: other.id })
    const leftIssue = await issue()
    await plantColumns(server(), leftIssue.id, { checkoutRunId: run.id, executionRunId: run.id })
    await expireLease(server(), run.id)
    expect(accepted(await wake(other.id, { payload: { issueId: leftIssue.id } }))).toMatchObject({
      status: 'queued',
      issueId: leftIssue.id,
    })
  })

  test('A repeated idempotencyKey in the body gets the first answer again and has no second effect', async () => {
    const { agent, issue } = await world(server())
    const worker = await agent()
    const { id: issueId } = await issue()
    const body = { idempotencyKey: 'nightly', payload: { issueId } }
    const first = accepted(await wake(worker.id, body))
    await server().board.post(`/api/heartbeat-runs/${first.id}/cancel`)
    const again = await repeatWake(() => wake(worker.id, body))
    expect(again.id).toBe(first.id)
    await expectRefused(server(), () => wake(worker.id, { ...body, reason: 'other' }), 422, 'idempotency_mismatch')
  })

  const repeatWake = async (act: () => Promise<Answer>): Promise<Answer['body']> => {
    const audits = await auditCount(server())
    const body = accepted(await act())
    expect(await auditCount(server())).toBe(audits)
    return body
  }

  test.each([
    ['an issue reference that is no id', { payload: { issueId: 'ACM-1' } }],
    ['an unknown source', { source: 'whim' }],
    ['a payload above the limit', { payload: { note: 'x'.repeat(20_000) } }],
  ])('A request with %s is refused', async (_, body) => {
    const { agent } = await world(server())
    const worker = await agent()
    await expectRefused(server(), () => wake(worker.id, body), 400, 'validation_failed')
  })

  test('In a race of a request with the pause of its agent, the pause ends the run or the request is refused', async () => {
    const { agent } = await world(server())
    for (let round = 0; round < 4; round += 1) {
      const worker = await agent()
      const [asked] = await Promise.all([invoke(worker.id), server().board.post(`/api/agents/${worker.id}/pause`)])
      if (asked.status === 202)
        expect(await runRow(server(), asked.body.id)).toMatchObject({ status: 'cancelled', errorCode: 'agent_paused' })
      else expect([asked.status, asked.body.code]).toEqual([409, 'agent_not_invokable'])
    }
  })
})

describe('GET /instance/scheduler-heartbeats', () => {
  test('The timers of all agents are listed with their current effect', async () => {
    const { agent, company } = await world(server())
    const [timed, off] = [
      await agent({ runtimeConfig: { heartbeat: { intervalSec: 600 } } }),
      await agent({ runtimeConfig: { heartbeat: { enabled: false, intervalSec: 3 } } }),
    ]
    const { body } = await server().board.get('/api/instance/scheduler-heartbeats')
    const mine = (body as { id: string }[]).filter((row) => [timed.id, off.id].includes(row.id))
    expect(mine).toMatchObject([
      {
        id: timed.id,
        companyId: company.id,
        companyIssuePrefix: company.issuePrefix,
        intervalSec: 600,
        heartbeatEnabled: true,
        schedulerActive: true,
      },
      { id: off.id, intervalSec: 10, heartbeatEnabled: false, schedulerActive: false },
    ])
    const page = await server().board.get('/api/instance/scheduler-heartbeats?limit=1')
    expect(page.body).toHaveLength(1)
    expect(page.headers['link']).toContain('rel="next"')
  })

  test('The timers are visible to the administrator only', async () => {
    const { agent } = await world(server())
    const worker = await agent()
    await expectRefused(server(), () => worker.client.get('/api/instance/scheduler-heartbeats'), 403, 'admin_required')
  })
})

test('A request in the name of a run that has ended is refused', async () => {
  const { agent, run } = await world(server())
  const worker = await agent()
  const working = await run(worker)
  await working.client.post(`/api/heartbeat-runs/${working.id}/finish`, { status: 'succeeded' })
  await expectRefused(server(), () => invoke(worker.id, worker.client.with({ 'x-paperclip-run-id': working.id })), 409, 'run_ended')
})

test('The list of requests that joined a wake is of the server alone, so that no payload hides what was said before (K7)', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const { id: issueId } = await here.issue({ assigneeAgentId: agent.id, status: 'backlog' })
  const wake = (payload: object) => server().board.post(`/api/agents/${agent.id}/wakeup`, { payload: { issueId, ...payload } })
  for (const [index, joined] of ['x', [1, null], { a: 1 }].entries())
    expect(await wake({ joined, note: index })).toMatchObject({ status: 202, body: { status: 'queued' } })
  const { rows } = await server().database.sql.query('select payload from wakes where issue_id = $1', [issueId])
  expect(rows).toMatchObject([{ payload: { note: 2, joined: [{ note: 0 }, { note: 1 }] } }])
  expect(rows[0].payload.joined).toHaveLength(2)
})

describe('The rows that a payload names (K62)', () => {
  test('A run of another agent, and a comment, an approval or an issue of another company, are not found; own ones are taken', async () => {
    const here = await world(server())
    const there = await world(server())
    const [agent, peer, stranger] = [await here.agent(), await here.agent(), await there.agent()]
    const [own, ofPeer, foreign] = [await here.run(agent), await here.run(peer), await there.run(stranger)]
    const [issue, other, foreignIssue] = [await here.issue(), await here.issue(), await there.issue()]
    const commentOn = async (id: string): Promise<string> =>
      (await server().board.post(`/api/issues/${id}/comments`, { body: 'Look' })).body.id
    const [commentId, otherCommentId, foreignCommentId] = [
      await commentOn(issue.id),
      await commentOn(other.id),
      await commentOn(foreignIssue.id),
    ]
    const approvalIn = async (id: string): Promise<string> =>
      (
        await server().board.post(`/api/companies/${id}/approvals`, {
          type: 'request_board_approval',
          payload: { title: 'x', summary: 'x' },
        })
      ).body.id
    const [approvalId, foreignApprovalId] = [await approvalIn(here.company.id), await approvalIn(there.company.id)]
    for (const client of [server().board, agent.client]) {
      const wake = async (payload: object) => (await client.post(`/api/agents/${agent.id}/wakeup`, { payload })).status
      for (const resumeFromRunId of [ofPeer.id, foreign.id, crypto.randomUUID()]) expect(await wake({ resumeFromRunId })).toBe(404)
      for (const missing of [foreignCommentId, crypto.randomUUID()]) expect(await wake({ commentId: missing })).toBe(404)
      expect(await wake({ issueId: issue.id, commentId: otherCommentId })).toBe(404)
      for (const missing of [foreignApprovalId, crypto.randomUUID()]) expect(await wake({ approvalId: missing })).toBe(404)
      for (const missing of [foreignIssue.id, crypto.randomUUID()]) expect(await wake({ issueIds: [issue.id, missing] })).toBe(404)
      for (const malformed of [{ approvalId: 'x' }, { issueIds: issue.id }, { issueIds: ['x'] }]) expect(await wake(malformed)).toBe(400)
      const linked = { approvalId, issueIds: [issue.id, other.id, issue.id.toUpperCase()] }
      expect(await wake({ issueId: issue.id, commentId, resumeFromRunId: own.id, ...linked })).toBe(202)
    }
  })
})
