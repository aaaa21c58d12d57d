import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { holdRow, runRow, waitForLockWaiter, waitUntil, wakesOf } from '../../dev/testing/holds.ts'
import { createProcessAgent, useRunner } from '../../dev/testing/runner.ts'
import { actionsOf, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { startQueuedRun } from '../dispatch/index.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { finishSupervisedRun } from '../execution/index.ts'
import { tickStalled } from './index.ts'

const server = useServer()
const board = () => server().board
const whyOf = async (issueId: string) => (await board().get(`/api/issues/${issueId}/why`)).body
const stalledOf = async (here: World) => (await board().get(`/api/companies/${here.company.id}/stalled`)).body
const supervisorId = randomUUID()

async function start(here: World, agentId: string): Promise<StartOrder | null> {
  const result = await startQueuedRun(server().store, supervisorId, ['process'], { agentId, companyId: here.company.id })
  return result.kind === 'claimed' ? result.order : null
}

const startedOf = async (issueId: string): Promise<string | null> => {
  const wake = (await wakesOf(server(), issueId)).at(-1)
  const run = wake?.runId === null || wake === undefined ? null : await runRow(server(), wake.runId)
  return run?.status === 'running' ? (wake?.runId ?? null) : null
}

describe('Nothing stands still without a reason (I23)', () => {
  test('An orderly stop of the server costs a wake nothing, however often it happens (K8)', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, 'setTimeout(() => {}, 600_000)')
    const issue = await here.issue({ assigneeAgentId: agent.id })
    for (let restart = 1; restart <= 3; restart += 1) {
      const runner = useRunner(server())
      await waitUntil(`run ${restart} has started`, async () => (await startedOf(issue.id)) !== null)
      await runner.stop()
      expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
      expect(await whyOf(issue.id)).toMatchObject({ why: 'wake_waits', act: null })
    }
  })

  test('A stop during the claim of a run gives its wake back as well (K8)', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, 'setTimeout(() => {}, 600_000)')
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const { sql } = server().database
    const blocking = await sql.connect()
    await blocking.query('begin; lock table wakes in exclusive mode')
    const runner = useRunner(server())
    await waitForLockWaiter(server())
    const stopped = runner.stop()
    await blocking.query('commit')
    blocking.release()
    await stopped
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued' }])
  })

  test('A resumed agent is woken once for each issue that the pause took, and for what came meanwhile (K13, K29)', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, '')
    const taken = await here.issue({ assigneeAgentId: agent.id })
    const reviewed = await here.issue({ status: 'in_review', assigneeAgentId: agent.id })
    const order = await start(here, agent.id)
    expect(order?.issueId).toBe(taken.id)
    await board().post(`/api/agents/${agent.id}/pause`)
    expect(await whyOf(taken.id)).toMatchObject({ why: 'agent_paused', act: 'Resume the agent', agentStatus: 'paused' })
    const assigned = await here.issue({ assigneeAgentId: agent.id })
    for (const issue of [assigned, reviewed]) await board().post(`/api/issues/${issue.id}/comments`, { body: 'Meanwhile' })
    await board().post(`/api/agents/${agent.id}/resume`)
    for (const [issue, reason] of [
      [taken, 'agent_resumed'],
      [assigned, 'agent_resumed'],
      [reviewed, 'issue_commented'],
    ] as const)
      expect((await wakesOf(server(), issue.id)).filter((wake) => wake.status === 'queued')).toMatchObject([{ reason }])
  })

  test('An issue of a quarantined agent says that the quarantine must end, and one with an open question that it be answered (K29)', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const stopped = await here.issue({ assigneeAgentId: agent.id })
    const ask = { kind: 'request_confirmation', continuationPolicy: 'none', payload: { prompt: 'Go on?' } }
    for (const patch of [{ status: 'in_review' }, { status: 'in_review', assigneeUserId: 'local-board', assigneeAgentId: null }]) {
      const asked = await here.issue()
      const run = await here.run(agent)
      await run.client.post(`/api/issues/${asked.id}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] })
      const { body: question } = await run.client.post(`/api/issues/${asked.id}/interactions`, ask)
      await run.client.patch(`/api/issues/${asked.id}`, patch)
      await board().post(`/api/heartbeat-runs/${run.id}/cancel`)
      expect(await whyOf(asked.id)).toMatchObject({ why: 'waits_for_answer', act: 'Answer the question on the issue' })
      await board().post(`/api/issues/${asked.id}/interactions/${question.id}/accept`, {})
      expect((await whyOf(asked.id)).why).not.toBe('waits_for_answer')
    }
    await board().post(`/api/agents/${agent.id}/quarantine`, { reason: 'It does what it should not' })
    const act = 'Release the agent from its quarantine, then resume it'
    expect(await whyOf(stopped.id)).toMatchObject({ why: 'agent_quarantined', act, agentPauseReason: 'quarantine' })
    await board().del(`/api/agents/${agent.id}/quarantine`)
    expect(await whyOf(stopped.id)).toMatchObject({ why: 'agent_paused', act: 'Resume the agent' })
  })

  test('A run that cannot be started returns its issue with the reason, and its agent waits for another configuration (K29)', async () => {
    const here = await world(server())
    useRunner(server())
    const agent = await here.agent({ adapterType: 'process', adapterConfig: { command: 'nodee' } })
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const statusOf = async () => (await board().get(`/api/agents/${agent.id}`)).body.status
    await waitUntil('the agent is in error', async () => (await statusOf()) === 'error')
    expect(await holdRow(server(), issue.id)).toMatchObject({ status: 'todo', assigneeAgentId: agent.id, executionRunId: null })
    const { body: comments } = await board().get(`/api/issues/${issue.id}/comments`)
    expect(comments).toMatchObject([{ authorAgentId: null, authorUserId: null, body: expect.stringContaining('nodee') as string }])
    expect(await whyOf(issue.id)).toMatchObject({ why: 'agent_error', act: 'Correct the configuration of the agent' })
    await board().post(`/api/issues/${issue.id}/comments`, { body: 'And now?' })
    expect((await wakesOf(server(), issue.id)).at(-1)).toMatchObject({ status: 'queued', reason: 'issue_commented' })
    await board().patch(`/api/agents/${agent.id}`, { adapterConfig: { command: process.execPath, args: ['-e', ''] } })
    expect(await statusOf()).toBe('idle')
    await waitUntil('the wake that waited has its run', async () => (await wakesOf(server(), issue.id)).at(-1)?.status === 'completed')
  })

  test('An issue that its assignee puts in review and keeps wakes the agent that created it, which takes nothing (K56)', async () => {
    const here = await world(server())
    const [manager, worker] = [await createProcessAgent(here, ''), await createProcessAgent(here, '')]
    const managing = await here.run(manager)
    const created = await managing.client.post(`/api/companies/${here.company.id}/issues`, {
      title: 'For review',
      status: 'todo',
      assigneeAgentId: worker.id,
    })
    const issueId: string = created.body.id
    const work = await start(here, worker.id)
    const client = server()
      .bearer(worker.key)
      .with({ 'x-paperclip-run-id': work?.runId ?? '' })
    expect(await client.patch(`/api/issues/${issueId}`, { status: 'in_review' })).toMatchObject({ status: 200 })
    const wakes = await wakesOf(server(), issueId)
    expect(wakes.filter((wake) => wake.reason === 'issue_review_requested')).toMatchObject([{ agentId: manager.id, status: 'queued' }])
    await managing.client.post(`/api/heartbeat-runs/${managing.id}/finish`, { status: 'succeeded' })
    const review = await start(here, manager.id)
    expect(review).toMatchObject({ issueId, wakeReason: 'issue_review_requested' })
    expect(await holdRow(server(), issueId)).toMatchObject({ status: 'in_review', assigneeAgentId: worker.id, executionRunId: null })
  })

  test('Work that stands still is listed with the act that helps; its agent is woken once, then the board is notified (K29)', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, '')
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const order = await start(here, agent.id)
    await board().post(`/api/issues/${issue.id}/admin/force-release`)
    await board().post(`/api/heartbeat-runs/${order?.runId}/cancel`)
    expect(await stalledOf(here)).toMatchObject([
      { issueId: issue.id, why: 'stalled', act: expect.any(String) as string, lastRun: { id: order?.runId, status: 'cancelled' } },
    ])
    expect(await tickStalled(server().store)).toBe(0)
    await server().database.passTime('1 hour')
    await tickStalled(server().store)
    expect((await wakesOf(server(), issue.id)).at(-1)).toMatchObject({ status: 'queued', reason: 'issue_stalled' })
    expect(await stalledOf(here)).toEqual([])
    const again = await start(here, agent.id)
    if (again === null) throw new Error('expected a run')
    await finishSupervisedRun(server().store, again, { status: 'succeeded' }, null)
    for (let tick = 1; tick <= 3; tick += 1) await tickStalled(server().store, 0)
    expect(await stalledOf(here)).toMatchObject([{ issueId: issue.id, why: 'board_notified' }])
    expect((await actionsOf(server(), issue.id)).filter((action) => action === 'issue.stalled')).toHaveLength(2)
  })
})
