import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { holdRow, runRow, waitForLockWaiter, waitUntil, wakesOf } from '../../dev/testing/holds.ts'
import { createProcessAgent, useRunner } from '../../dev/testing/runner.ts'
import { actionsOf, expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { reap } from '../../scheduler/reap.ts'
import { tickTimers } from '../../scheduler/timers.ts'
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

/** A small generator of numbers from a seed (mulberry32), so that a walk can be repeated. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

const steps = Number(process.env['STALLED_STEPS'] ?? 2000)
const seeds = (process.env['STALLED_SEEDS'] ?? '1').split(',').map(Number)

/** The states of a walk: everything that its steps may act on. */
async function walkWorld() {
  const here = await world(server())
  const agents = [await createProcessAgent(here, ''), await createProcessAgent(here, ''), await createProcessAgent(here, '')]
  return { here, agents, issues: [(await here.issue()).id], orders: [] as StartOrder[] }
}
type Walk = Awaited<ReturnType<typeof walkWorld>>

async function finishOne(walk: Walk, below: (limit: number) => number): Promise<number> {
  const [order] = walk.orders.splice(below(walk.orders.length), 1)
  if (order === undefined) return 200
  const ends = [
    { status: 'succeeded' },
    { status: 'failed', errorCode: 'exit_nonzero' },
    { status: 'failed', errorCode: 'adapter_spawn_failed', error: 'not found' },
    { status: 'cancelled', errorCode: 'server_stopped', retryable: true, costsNothing: true },
  ] as const
  await finishSupervisedRun(server().store, order, ends[below(ends.length)] ?? ends[0], null)
  return 200
}

async function loseOne({ orders }: Walk, below: (limit: number) => number): Promise<number> {
  const [order] = orders.splice(below(orders.length), 1)
  if (order === undefined) return 200
  await expireLease(server(), order.runId)
  await reap(server().store)
  return 200
}

/** Lets time pass, and does what the server does by itself meanwhile: it reaps lost runs, ticks timers and looks for stalled work. */
async function passTime({ orders }: Walk, below: (limit: number) => number): Promise<number> {
  await server().database.passTime(`${below(90)} minutes`)
  await reap(server().store)
  orders.splice(0)
  await tickTimers(server().store)
  await tickStalled(server().store)
  return 200
}

/** One step of a walk. @returns the status of its answer */
async function step(walk: Walk, below: (limit: number) => number): Promise<number> {
  const { here, agents, issues, orders } = walk
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const [issueId, agentId] = [pick(issues), pick(agents).id]
  const startOne = async () => {
    const order = await start(here, agentId)
    if (order !== null) orders.push(order)
    return 200
  }
  const statuses = ['backlog', 'todo', 'in_progress', 'in_review', 'blocked', 'done', 'cancelled']
  const acts: readonly (() => Promise<number>)[] = [
    async () => {
      const { status, body } = await board().post(`/api/companies/${here.company.id}/issues`, {
        title: 'Walk',
        assigneeAgentId: agentId,
        blockedByIssueIds: below(3) === 0 ? [issueId] : [],
      })
      if (status === 201) issues.push(body.id as string)
      return status
    },
    async () => (await board().patch(`/api/issues/${issueId}`, { status: pick(statuses) })).status,
    async () => (await board().patch(`/api/issues/${issueId}`, { assigneeAgentId: below(4) === 0 ? null : agentId })).status,
    async () => (await board().post(`/api/issues/${issueId}/comments`, { body: 'Walk on', reopen: below(4) === 0 })).status,
    async () => (await board().post(`/api/issues/${issueId}/release`)).status,
    async () => (await board().post(`/api/issues/${issueId}/admin/force-release?clearAssignee=${below(2) === 0}`)).status,
    async () => (await board().post(`/api/agents/${agentId}/${below(3) === 0 ? 'pause' : 'resume'}`)).status,
    async () => (await board().post(`/api/agents/${agentId}/wakeup`, { payload: { issueId } })).status,
    async () => (await board().patch(`/api/agents/${agentId}`, { adapterConfig: { command: 'node', args: [String(below(1e6))] } })).status,
    async () => (orders.length === 0 ? 200 : (await board().post(`/api/heartbeat-runs/${pick(orders).runId}/cancel`)).status),
    startOne,
    startOne,
    startOne,
    () => finishOne(walk, below),
    () => finishOne(walk, below),
    () => loseOne(walk, below),
    () => (below(3) === 0 ? passTime(walk, below) : loseOne(walk, below)),
  ]
  return await pick(acts)()
}

/** Lets every run that waits start and succeed. */
async function settle({ here, agents, orders }: Walk): Promise<void> {
  for (const order of orders.splice(0)) await finishSupervisedRun(server().store, order, { status: 'succeeded' }, null)
  for (let round = 0; round < 1000; round += 1) {
    const started = await Promise.all(agents.map(({ id }) => start(here, id)))
    const results = started.filter((order) => order !== null)
    for (const order of results) await finishSupervisedRun(server().store, order, { status: 'succeeded' }, null)
    if (results.length === 0) return
  }
}

test.each(seeds)(
  'A random walk of requests, crashes and restarts leaves no issue that stands still without a stated reason, with seed %i (I23)',
  { timeout: 600_000 },
  async (seed) => {
    const below = numbersFrom(seed)
    const walk = await walkWorld()
    for (let count = 0; count < steps; count += 1) expect(await step(walk, below)).toBeLessThan(500)
    for (let round = 0; round < 3; round += 1) {
      await settle(walk)
      while ((await tickStalled(server().store, 0)) > 0) await settle(walk)
    }
    const progressStates = new Map<string, number>()
    for (const id of walk.issues) {
      const { why, status } = await whyOf(id)
      progressStates.set(why, (progressStates.get(why) ?? 0) + 1)
      if (status === 'in_progress') expect(why).not.toBe('stalled')
    }
    expect([...progressStates.keys()]).not.toContain('stalled')
    expect(walk.issues.length).toBeGreaterThan(1)
  },
)
