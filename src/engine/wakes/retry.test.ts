import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startQueuedRun } from '../../control/dispatch/index.ts'
import type { StartOrder } from '../../control/dispatch/index.ts'
import { reap } from '../../scheduler/reap.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../../dev/testing/runner.ts'
import { auditsOf, NO_HOLD, holdRow, keyClientForRun, runRow, waitUntil, wakesOf } from '../../dev/testing/holds.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board
const runOf = async (id: string) => (await board().get(`/api/heartbeat-runs/${id}`)).body
const tokenOf = async (here: World, { agentId, runId }: StartOrder) =>
  server().bearer((await server().tokens.sign({ agentId, companyId: here.company.id, adapterType: 'process', runId })).token)

async function claimed(here: World, agent: TestAgent): Promise<StartOrder> {
  const claim = await startQueuedRun(server().store, randomUUID(), ['process'], { agentId: agent.id, companyId: here.company.id })
  if (claim.kind !== 'claimed') throw new Error(`expected a claim, got ${claim.kind}`)
  return claim.order
}

/** The server of a run crashes: the lease expires and the reaper ends the run. */
async function lose(runId: string): Promise<void> {
  await expireLease(server(), runId)
  await reap(server().store)
  expect(await runRow(server(), runId)).toMatchObject({ status: 'timed_out', errorCode: 'lease_expired' })
}

/** An agent whose run was started for an issue that is assigned to it. */
async function atWork() {
  const here = await world(server())
  const agent = await createProcessAgent(here, '')
  const issue = await here.issue({ assigneeAgentId: agent.id })
  const order = await claimed(here, agent)
  const [wake] = await wakesOf(server(), issue.id)
  return { here, agent, issue, order, runId: order.runId, wakeId: wake?.id ?? '' }
}
type AtWork = Awaited<ReturnType<typeof atWork>>

describe('A wake whose run was lost with its server', () => {
  test('The same wake is queued again with another run, in the transaction that ends the first run', async () => {
    const { here, agent, issue, runId, wakeId } = await atWork()
    await lose(runId)
    const wakes = await wakesOf(server(), issue.id)
    expect(wakes).toMatchObject([{ id: wakeId, status: 'queued', reason: 'issue_assigned' }])
    const next = wakes[0]?.runId ?? ''
    expect(await runOf(next)).toMatchObject({
      status: 'queued',
      issueId: issue.id,
      retryOfRunId: runId,
      processLossRetryCount: 1,
      wakeupRequestId: wakeId,
      invocationSource: 'assignment',
    })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, status: 'in_progress', assigneeAgentId: agent.id })
    expect(await auditsOf(server(), wakeId)).toMatchObject([
      {
        action: 'wake.retried',
        actorType: 'system',
        actorId: 'reaper',
        agentId: agent.id,
        runId: next,
        details: { agentId: agent.id, issueId: issue.id, runId: next, retryOfRunId: runId, reason: 'issue_assigned' },
      },
    ])
    const { rows } = await server().database.sql.query(
      `select count(distinct txid)::int as transactions from activity_log where entity_id in ($1, $2, $3) and action in
         ('heartbeat.run_finished', 'issue.lock_cleared', 'wake.retried')`,
      [runId, issue.id, wakeId],
    )
    expect(rows).toEqual([{ transactions: 1 }])
    expect(await claimed(here, agent)).toMatchObject({ runId: next, issueId: issue.id, wakeReason: 'issue_assigned' })
    expect(await holdRow(server(), issue.id)).toMatchObject({ executionRunId: next })
  })

  test('A wake whose runs were lost twice fails, and the next waiting wake is handled', async () => {
    const { here, agent, issue, runId, wakeId } = await atWork()
    await lose(runId)
    const second = await claimed(here, agent)
    const other = await here.agent()
    await board().post(`/api/agents/${other.id}/wakeup`, { payload: { issueId: issue.id } })
    await lose(second.runId)
    const [first, waited] = await wakesOf(server(), issue.id)
    expect(first).toMatchObject({ id: wakeId, status: 'failed', runId: second.runId })
    expect(waited).toMatchObject({ agentId: other.id, status: 'skipped', closeReason: 'not_assignee' })
  })

  test('A wake is retried only once, also when it waited for another run in between', async () => {
    const { here, agent, issue, runId } = await atWork()
    await lose(runId)
    const rival = await here.run(agent)
    expect((await here.checkout(rival, issue.id, ['in_progress'])).status).toBe(200)
    await board().patch(`/api/agents/${agent.id}`, { runtimeConfig: { heartbeat: { maxConcurrentRuns: 2 } } })
    const claim = () => startQueuedRun(server().store, randomUUID(), ['process'], { agentId: agent.id, companyId: here.company.id })
    expect((await claim()).kind).toBe('set_aside')
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'deferred_issue_execution' }])
    await rival.client.post(`/api/heartbeat-runs/${rival.id}/finish`, { status: 'succeeded' })
    const again = await claimed(here, agent)
    expect(await runOf(again.runId)).toMatchObject({ processLossRetryCount: 1, retryOfRunId: null })
    await lose(again.runId)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'failed' }])
  })

  test('A wake about no issue keeps its payload in its second run', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, '')
    const wake = { reason: 'tidy up', payload: { taskKey: 'attic' }, forceFreshSession: true }
    const { body: first } = await board().post(`/api/agents/${agent.id}/wakeup`, wake)
    expect((await claimed(here, agent)).runId).toBe(first.id)
    await lose(first.id)
    const again = await claimed(here, agent)
    expect(again).toMatchObject({ wakeReason: 'tidy up', taskKey: 'attic', wakePayload: { taskKey: 'attic', forceFreshSession: true } })
    expect(await runOf(again.runId)).toMatchObject({ retryOfRunId: first.id, processLossRetryCount: 1 })
  })

  test('A mention on a held issue of another agent is retried while the issue is held', async () => {
    const here = await world(server())
    const { issue, run } = await here.held()
    const agent = await createProcessAgent(here, '')
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: `@${agent.name}, what do you think?` })
    const { runId } = await claimed(here, agent)
    await lose(runId)
    expect(await claimed(here, agent)).toMatchObject({ wakeReason: 'issue_comment_mentioned' })
    expect(await holdRow(server(), issue.id)).toMatchObject({ executionRunId: run.id })
  })
})

describe('A wake whose queued run is never started', () => {
  const waiting = async () => {
    const here = await world(server())
    const agent = await here.agent()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), issue.id)
    return { issue, runId: wake?.runId ?? '', wakeId: wake?.id ?? '' }
  }

  test('A wake whose run waited for a day keeps waiting with another run, because a server may be down for longer', async () => {
    const { issue, runId, wakeId } = await waiting()
    await lose(runId)
    const [wake] = await wakesOf(server(), issue.id)
    expect(wake).toMatchObject({ id: wakeId, status: 'queued' })
    expect(await runOf(wake?.runId ?? '')).toMatchObject({ status: 'queued', retryOfRunId: runId, processLossRetryCount: 0 })
    await lose(wake?.runId ?? '')
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ id: wakeId, status: 'queued' }])
  })

  test('A wake for an unassigned issue keeps waiting, and a wake for a closed issue fails', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const [open, closed] = [await here.issue(), await here.issue()]
    const wake = async (issueId: string): Promise<string> =>
      (await board().post(`/api/agents/${agent.id}/wakeup`, { payload: { issueId } })).body.id
    const runIds = [await wake(open.id), await wake(closed.id)]
    await board().patch(`/api/issues/${closed.id}`, { status: 'done' })
    for (const runId of runIds) await lose(runId)
    expect(await wakesOf(server(), open.id)).toMatchObject([{ status: 'queued' }])
    expect(await wakesOf(server(), closed.id)).toMatchObject([{ status: 'failed' }])
  })

  test('A wake that waited for a week fails', async () => {
    const { issue, runId, wakeId } = await waiting()
    await server().database.passTime('7 days')
    await lose(runId)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ id: wakeId, status: 'failed', runId }])
  })
})

describe('A wake gets no other run', () => {
  const otherWakesOf = async ({ issue, wakeId }: AtWork) => {
    const wakes = await wakesOf(server(), issue.id)
    expect(wakes.find(({ id }) => id === wakeId)?.status).toMatch(/^(failed|cancelled)$/)
    return wakes.filter(({ id }) => id !== wakeId)
  }

  test.each<[string, (work: AtWork) => Promise<unknown>]>([
    ['the board cancelled its run', ({ runId }) => board().post(`/api/heartbeat-runs/${runId}/cancel`)],
    ['its agent was paused', ({ agent }) => board().post(`/api/agents/${agent.id}/pause`)],
    ['its company was archived', ({ here }) => board().post(`/api/companies/${here.company.id}/archive`)],
    [
      'its run failed by itself',
      async ({ here, order, runId }) =>
        (await tokenOf(here, order)).post(`/api/heartbeat-runs/${runId}/finish`, { status: 'failed', errorCode: 'lease_expired' }),
    ],
  ])('A wake gets no other run when %s', async (_, act) => {
    const work = await atWork()
    await act(work)
    expect(await otherWakesOf(work)).toEqual([])
  })

  test.each<[string, (work: AtWork) => Promise<unknown>]>([
    ['released the issue', async ({ here, order, issue }) => (await tokenOf(here, order)).post(`/api/issues/${issue.id}/release`)],
    [
      'set the issue aside',
      async ({ here, order, issue }) => (await tokenOf(here, order)).patch(`/api/issues/${issue.id}`, { status: 'blocked' }),
    ],
    [
      'closed the issue',
      async ({ here, order, issue }) => (await tokenOf(here, order)).patch(`/api/issues/${issue.id}`, { status: 'done' }),
    ],
    ['been evicted from the issue', ({ issue }) => board().post(`/api/issues/${issue.id}/admin/force-release`)],
    [
      'been handed over to an agent that continues by itself',
      ({ runId }) => server().database.sql.query('update heartbeat_runs set supervisor_id = null where id = $1', [runId]),
    ],
    // Not by the pause route, which ends the run: the agent is paused when the reaper finds the expired lease.
    [
      'an agent that cannot be invoked',
      ({ agent }) => server().database.sql.query("update agents set status = 'paused' where id = $1", [agent.id]),
    ],
  ])('A wake gets no other run when its lost run has %s', async (_, act) => {
    const work = await atWork()
    await act(work)
    await lose(work.runId)
    expect(await otherWakesOf(work)).toEqual([])
  })

  test('A wake gets no other run when another wake of its agent waits for the issue and covers it', async () => {
    const work = await atWork()
    await board().post(`/api/issues/${work.issue.id}/comments`, { body: 'How far are you?' })
    await lose(work.runId)
    expect(await otherWakesOf(work)).toMatchObject([{ agentId: work.agent.id, status: 'queued', reason: 'issue_commented' }])
  })

  test('A wake gets no other run when its run was never supervised by a server', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const run = await here.run(agent, { issueId: issue.id })
    await keyClientForRun(agent, run).post(`/api/issues/${issue.id}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] })
    await lose(run.id)
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'failed', runId: run.id }])
  })
})

describe('A server that stops', () => {
  test('The wake of a run that a stopping server cancels gets another run on the next server', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const runner = useRunner(server())
    const file = JSON.stringify(notes.file)
    const agent = await createProcessAgent(
      here,
      `const fs = require('fs'); const isSecond = fs.existsSync(${file})
       fs.appendFileSync(${file}, process.env.PAPERCLIP_RUN_ID + ' ' + process.env.PAPERCLIP_WAKE_REASON + '\\n')
       if (!isSecond) setInterval(() => {}, 1000)`,
    )
    const issue = await here.issue({ assigneeAgentId: agent.id })
    await waitUntil('the process has started', async () => notes.lines().length === 1)
    await runner.stop()
    const [wake] = await wakesOf(server(), issue.id)
    const first = String(notes.lines()[0]?.split(' ')[0])
    const second = wake?.runId ?? ''
    expect(await runOf(first)).toMatchObject({ status: 'cancelled', errorCode: 'server_stopped' })
    expect(wake).toMatchObject({ status: 'queued' })
    expect(await runOf(second)).toMatchObject({ status: 'queued', retryOfRunId: first, processLossRetryCount: 0 })
    useRunner(server())
    await waitUntil('the second run has ended', async () => (await runOf(second)).status === 'succeeded')
    expect(notes.lines()).toEqual([`${first} issue_assigned`, `${second} issue_assigned`])
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ id: wake?.id, status: 'completed' }])
  })

  test('Repeated stops of servers cost a wake nothing (K8)', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const agent = await createProcessAgent(
      here,
      `require('fs').appendFileSync(${JSON.stringify(notes.file)}, 'started\\n'); setInterval(() => {}, 1000)`,
    )
    const issue = await here.issue({ assigneeAgentId: agent.id })
    for (const count of [1, 2, 3]) {
      const runner = useRunner(server())
      await waitUntil('the process has started', async () => notes.lines().length === count)
      await runner.stop()
    }
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, assigneeAgentId: agent.id })
  })
})
