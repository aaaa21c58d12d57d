import { describe, expect, test } from 'vitest'
import { plantColumns, expectRefused, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, Client } from '../../dev/testing/world.ts'
import { flushSkips } from '../../engine/wakes/index.ts'

const server = useServer()

const wake = (agentId: string, body: object = {}, client: Client = server().board) => client.post(`/api/agents/${agentId}/wakeup`, body)
const invoke = (agentId: string, client: Client = server().board) => client.post(`/api/agents/${agentId}/heartbeat/invoke`)

/** What was counted, once it is written, as the board sees it. */
const skips = async (agentId: string): Promise<Record<string, number>> => {
  await flushSkips(server().store)
  return (await server().board.get(`/api/agents/${agentId}/runtime-state`)).body.stateJson.skippedWakes
}

const accepted = (answer: Answer): Answer['body'] => {
  expect(answer.status, answer.text).toBe(202)
  return answer.body
}

describe('invoking an agent', () => {
  test('queues a run for whatever it finds to do, and says so once', async () => {
    const { agent } = await world(server())
    const who = await agent()
    const run = accepted(await invoke(who.id))
    expect(run).toMatchObject({ agentId: who.id, issueId: null, status: 'queued', invocationSource: 'on_demand', triggerDetail: 'manual' })
    expect(await lastAudit(server(), run.id, 'heartbeat.invoked')).toMatchObject({
      actorType: 'user',
      agentId: who.id,
      runId: run.id,
      details: { agentId: who.id, issueId: null, source: 'on_demand', triggerDetail: 'manual', reason: 'on_demand', coalesced: false },
    })
  })

  test('an agent invokes itself, with its key or in a run, and nobody else', async () => {
    const { agent, run } = await world(server())
    const [who, other] = [await agent(), await agent()]
    accepted(await invoke(who.id, who.client))
    const working = await run(other)
    expect(accepted(await invoke(other.id, working.client))).toMatchObject({ id: working.id, status: 'running' })
    await expectRefused(server(), () => invoke(other.id, who.client), 403, 'not_self')
  })

  test('of another company’s agent nothing is told: the same 404 as for one that is missing', async () => {
    const [here, there] = [await world(server()), await world(server())]
    const [who, foreign] = [await here.agent(), await there.agent()]
    const missing = await wake('11111111-2222-4333-8444-555555555555', {})
    expect(missing.status).toBe(404)
    const issue = await there.issue()
    const [asked, unknown] = [
      await wake(who.id, { payload: { issueId: issue.id } }, who.client),
      await wake(who.id, { payload: { issueId: '11111111-2222-4333-8444-555555555555' } }, who.client),
    ]
    expect([asked.status, asked.body.error]).toEqual([404, 'Issue not found'])
    expect(unknown.body.error).toBe(asked.body.error)
    await expectRefused(server(), () => invoke(foreign.id, who.client), 403, 'not_self')
  })

  test.each(['paused', 'terminated', 'pending_approval'])('an agent that is %s is refused', async (status) => {
    const { agent } = await world(server())
    const who = await agent()
    await server().database.sql.query('update agents set status = $2 where id = $1', [who.id, status])
    const { body } = await expectRefused(server(), () => invoke(who.id), 409, 'agent_not_invokable')
    expect(body.details).toMatchObject({ status })
  })

  test('an agent over its budget is refused, and counted', async () => {
    const { agent } = await world(server())
    const who = await agent({ budgetMonthlyCents: 10 })
    await server().database.sql.query('update agents set spent_monthly_cents = 10 where id = $1', [who.id])
    const { body } = await expectRefused(server(), () => wake(who.id), 409, 'agent_over_budget')
    expect(body.details).toMatchObject({ scopeType: 'agent', scopeId: who.id })
    expect(await skips(who.id)).toEqual({ over_budget: 1 })
  })

  test('an archived company wakes nobody', async () => {
    const { agent, company } = await world(server())
    const who = await agent()
    await server().board.post(`/api/companies/${company.id}/archive`)
    await expectRefused(server(), () => invoke(who.id), 409, 'company_not_active')
  })

  test('an agent that does not wake on demand skips: counted, not kept, not audited', async () => {
    const { agent } = await world(server())
    const [deaf, untimed] = [
      await agent({ runtimeConfig: { heartbeat: { wakeOnDemand: false } } }),
      await agent({ runtimeConfig: { heartbeat: { enabled: false } } }),
    ]
    const audits = await auditCount(server())
    for (const answer of [await invoke(deaf.id), await wake(deaf.id), await wake(untimed.id, { source: 'timer' })]) {
      expect(accepted(answer)).toMatchObject({ status: 'skipped', reason: 'wakeup_skipped' })
    }
    expect(await auditCount(server())).toBe(audits)
    expect([await skips(deaf.id), await skips(untimed.id)]).toEqual([{ wake_on_demand_off: 2 }, { timer_off: 1 }])
    expect(accepted(await wake(deaf.id, { source: 'timer' }))).toMatchObject({ status: 'queued', invocationSource: 'timer' })
    expect(accepted(await wake(untimed.id))).toMatchObject({ status: 'queued' })
    const { rows } = await server().database.sql.query('select 1 from wakes where agent_id = any($1) and status = $2', [
      [deaf.id, untimed.id],
      'skipped',
    ])
    expect(rows).toEqual([])
  })
})

describe('a wish without an issue', () => {
  test('joins the run that is queued or at work for the same task; another task, or a fresh session, has its own', async () => {
    const { agent, run } = await world(server())
    const who = await agent()
    const first = accepted(await invoke(who.id))
    expect(accepted(await wake(who.id))).toMatchObject({ id: first.id })
    const report = accepted(await wake(who.id, { payload: { taskKey: 'report' } }))
    expect(report.id).not.toBe(first.id)
    expect(accepted(await wake(who.id, { payload: { taskKey: 'report' } })).id).toBe(report.id)
    const fresh = accepted(await wake(who.id, { forceFreshSession: true }))
    expect([first.id, report.id]).not.toContain(fresh.id)
    expect(accepted(await wake(who.id, { forceFreshSession: true })).id).toBe(fresh.id)
    expect(await actionsOf(server(), first.id)).toEqual(['heartbeat.invoked', 'heartbeat.invoked'])
    expect((await lastAudit(server(), first.id, 'heartbeat.invoked')).details).toMatchObject({ coalesced: true })
    // An agent that lives elsewhere takes up what waits for it, and further wishes join that.
    expect((await run(who)).id).toBe(first.id)
    expect(accepted(await invoke(who.id))).toMatchObject({ id: fresh.id, status: 'queued' })
    await server().board.post(`/api/heartbeat-runs/${fresh.id}/cancel`)
    expect(accepted(await invoke(who.id))).toMatchObject({ id: first.id, status: 'running' })
  })

  test('of eight at once one queues a run, and all get it', async () => {
    const { agent } = await world(server())
    const who = await agent()
    const answers = await race(Array.from({ length: 8 }), () => invoke(who.id))
    expect(new Set(answers.map((answer) => accepted(answer).id)).size).toBe(1)
    const { rows } = await server().database.sql.query('select coalesced_count as count, status from wakes where agent_id = $1', [who.id])
    expect(rows).toEqual([{ count: 7, status: 'queued' }])
  })

  test('a dead run stands for nothing', async () => {
    const { agent } = await world(server())
    const who = await agent()
    const first = accepted(await invoke(who.id))
    await expireLease(server(), first.id)
    expect(accepted(await invoke(who.id)).id).not.toBe(first.id)
  })
})

describe('a wish for an issue', () => {
  test('joins the run of the same agent, queued or at work', async () => {
    const { agent, issue, held: heldIssue } = await world(server())
    const who = await agent()
    const given = await issue({ assigneeAgentId: who.id })
    const [assigned] = await wakesOf(server(), given.id)
    const asked = accepted(await wake(who.id, { reason: 'again', payload: { issueId: given.id } }))
    expect(asked).toMatchObject({ id: assigned?.runId, issueId: given.id })
    expect(await wakesOf(server(), given.id)).toMatchObject([{ coalescedCount: 1 }])
    const { issue: taken, run, agent: holder } = await heldIssue()
    expect(accepted(await wake(holder.id, { payload: { issueId: taken.id } }))).toMatchObject({ id: run.id, status: 'running' })
    expect(await wakesOf(server(), taken.id)).toEqual([])
  })

  test('a comment that came since the run began is for a run that follows it', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const payload = { issueId: issue.id, commentId: '11111111-2222-4333-8444-555555555555' }
    const answer = accepted(await wake(agent.id, { payload }))
    expect(answer).toMatchObject({ status: 'skipped', reason: 'issue_execution_deferred', executionRunId: run.id })
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    const [followUp] = await wakesOf(server(), issue.id)
    expect(followUp).toMatchObject({ status: 'queued', agentId: agent.id })
    expect(await runRow(server(), followUp?.runId ?? '')).toMatchObject({ status: 'queued' })
  })

  test('while another agent holds it, the wish waits: who, and in which run, is told; a second one joins it', async () => {
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

  test('a mention waits for nobody, and a dead holder keeps nobody waiting', async () => {
    const { held: heldIssue, agent, issue } = await world(server())
    const { issue: taken, run } = await heldIssue()
    const other = await agent()
    const asked = accepted(await wake(other.id, { reason: 'issue_comment_mentioned', payload: { issueId: taken.id } }))
    expect(asked).toMatchObject({ status: 'queued', issueId: taken.id, agentId: other.id })
    const left = await issue()
    await plantColumns(server(), left.id, { checkoutRunId: run.id, executionRunId: run.id })
    await expireLease(server(), run.id)
    expect(accepted(await wake(other.id, { payload: { issueId: left.id } }))).toMatchObject({ status: 'queued', issueId: left.id })
  })

  test('an idempotencyKey in the body is answered twice and done once', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const { id: issueId } = await issue()
    const body = { idempotencyKey: 'nightly', payload: { issueId } }
    const first = accepted(await wake(who.id, body))
    await server().board.post(`/api/heartbeat-runs/${first.id}/cancel`)
    const again = await unmovedWake(() => wake(who.id, body))
    expect(again.id).toBe(first.id)
    await expectRefused(server(), () => wake(who.id, { ...body, reason: 'other' }), 422, 'idempotency_mismatch')
  })

  const unmovedWake = async (act: () => Promise<Answer>): Promise<Answer['body']> => {
    const audits = await auditCount(server())
    const body = accepted(await act())
    expect(await auditCount(server())).toBe(audits)
    return body
  }

  test.each([
    ['an issue that is no id', { payload: { issueId: 'ACM-1' } }],
    ['a source that is none', { source: 'whim' }],
    ['a payload beyond all measure', { payload: { note: 'x'.repeat(20_000) } }],
  ])('%s is refused', async (_, body) => {
    const { agent } = await world(server())
    const who = await agent()
    await expectRefused(server(), () => wake(who.id, body), 400, 'validation_failed')
  })

  test('against its pause: the run is ended with it, or the wish is refused', async () => {
    const { agent } = await world(server())
    for (let round = 0; round < 4; round += 1) {
      const who = await agent()
      const [asked] = await Promise.all([invoke(who.id), server().board.post(`/api/agents/${who.id}/pause`)])
      if (asked.status === 202)
        expect(await runRow(server(), asked.body.id)).toMatchObject({ status: 'cancelled', errorCode: 'agent_paused' })
      else expect([asked.status, asked.body.code]).toEqual([409, 'agent_not_invokable'])
    }
  })
})

describe('the timers of the instance', () => {
  test('are listed with what they do as things are', async () => {
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

  test('are for the administrator alone', async () => {
    const { agent } = await world(server())
    const who = await agent()
    await expectRefused(server(), () => who.client.get('/api/instance/scheduler-heartbeats'), 403, 'admin_required')
  })
})

test('in the name of a run that has ended nobody is woken', async () => {
  const { agent, run } = await world(server())
  const who = await agent()
  const working = await run(who)
  await working.client.post(`/api/heartbeat-runs/${working.id}/finish`, { status: 'succeeded' })
  await expectRefused(server(), () => invoke(who.id, who.client.with({ 'x-paperclip-run-id': working.id })), 409, 'run_ended')
})
