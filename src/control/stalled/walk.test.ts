import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createProcessAgent } from '../../dev/testing/runner.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { Client, TestAgent } from '../../dev/testing/world.ts'
import { reap } from '../../scheduler/reap.ts'
import { tickTimers } from '../../scheduler/timers.ts'
import { startQueuedRun } from '../dispatch/index.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { finishSupervisedRun } from '../execution/index.ts'
import { tickStalled } from './index.ts'

const server = useServer()
const board = () => server().board
const whyOf = async (issueId: string) => (await board().get(`/api/issues/${issueId}/why`)).body
const supervisorId = randomUUID()

/** A small generator of numbers from a seed (mulberry32), so that a walk can be repeated. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit)
  }
}

const steps = Number(process.env['STALLED_STEPS'] ?? 2000)
const seeds = (process.env['STALLED_SEEDS'] ?? '1').split(',').map(Number)

/** The states of a walk: everything that its steps may act on. */
async function walkWorld() {
  const here = await world(server())
  const agents = [await createProcessAgent(here, ''), await createProcessAgent(here, ''), await createProcessAgent(here, '')]
  return {
    here,
    agents,
    issues: [(await here.issue()).id],
    orders: [] as StartOrder[],
    approvals: [] as string[],
    answers: new Map<number, number>(),
  }
}
type Walk = Awaited<ReturnType<typeof walkWorld>>

/** The numbers of a walk. */
type Below = (limit: number) => number

async function start({ here }: Pick<Walk, 'here'>, agentId: string): Promise<StartOrder | null> {
  const result = await startQueuedRun(server().store, supervisorId, ['process'], { agentId, companyId: here.company.id })
  return result.kind === 'claimed' ? result.order : null
}

const pick = <T>(list: readonly T[], below: Below): T => list[below(list.length)] as T

async function finishOne(walk: Walk, below: Below): Promise<number> {
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

async function loseOne({ orders }: Walk, below: Below): Promise<number> {
  const [order] = orders.splice(below(orders.length), 1)
  if (order === undefined) return 200
  await expireLease(server(), order.runId)
  await reap(server().store)
  return 200
}

/** The server stops in order, or is killed: every run ends with it. */
async function restart(walk: Walk, below: Below): Promise<number> {
  const isOrderly = below(2) === 0
  for (const order of walk.orders.splice(0))
    if (isOrderly)
      await finishSupervisedRun(
        server().store,
        order,
        { status: 'cancelled', errorCode: 'server_stopped', retryable: true, costsNothing: true },
        null,
      )
    else await expireLease(server(), order.runId)
  await reap(server().store)
  return 200
}

/** Lets time pass, and does what the server does by itself meanwhile: it reaps lost runs, ticks timers and looks for stalled work. */
async function passTime({ orders }: Walk, below: Below): Promise<number> {
  await server().database.passTime(`${below(90)} minutes`)
  await reap(server().store)
  orders.splice(0)
  await tickTimers(server().store)
  await tickStalled(server().store)
  return 200
}

const statuses = ['backlog', 'todo', 'in_progress', 'in_review', 'blocked', 'done', 'cancelled']

/** One request of the board. */
async function askAsBoard({ here, agents, issues, approvals, orders }: Walk, below: Below): Promise<number> {
  const [issueId, agentId] = [pick(issues, below), pick(agents, below).id]
  const send = async (target: string, body?: unknown): Promise<number> => (await board().post(target, body)).status
  const patch = async (target: string, body: unknown): Promise<number> => (await board().patch(target, body)).status
  const asks: readonly (() => Promise<number>)[] = [
    async () => {
      const fields = { title: 'Walk', assigneeAgentId: agentId, blockedByIssueIds: below(3) === 0 ? [issueId] : [] }
      const { status, body } = await board().post(`/api/companies/${here.company.id}/issues`, fields)
      if (status === 201) issues.push(body.id as string)
      return status
    },
    () => patch(`/api/issues/${issueId}`, { status: pick(statuses, below) }),
    () => patch(`/api/issues/${issueId}`, { assigneeAgentId: below(4) === 0 ? null : agentId }),
    () => send(`/api/issues/${issueId}/comments`, { body: 'Walk on', reopen: below(4) === 0 }),
    () => send(`/api/issues/${issueId}/release`),
    () => send(`/api/issues/${issueId}/admin/force-release?clearAssignee=${below(2) === 0}`),
    () => send(`/api/agents/${agentId}/${below(3) === 0 ? 'pause' : 'resume'}`),
    () => send(`/api/agents/${agentId}/wakeup`, { payload: { issueId } }),
    () => patch(`/api/agents/${agentId}`, { adapterConfig: { command: 'node', args: [String(below(1e6))] } }),
    async () => (orders.length === 0 ? 200 : await send(`/api/heartbeat-runs/${pick(orders, below).runId}/cancel`)),
    async () => {
      const [approvalId] = approvals.splice(below(approvals.length), 1)
      return approvalId === undefined ? 200 : await send(`/api/approvals/${approvalId}/${pick(['approve', 'reject'], below)}`, {})
    },
    async () => {
      const { body } = await board().get(`/api/issues/${issueId}/interactions`)
      const open = (body as { id: string; status: string }[]).find(({ status }) => status === 'pending')
      return open === undefined
        ? 200
        : await send(`/api/issues/${issueId}/interactions/${open.id}/${pick(['accept', 'reject'], below)}`, {})
    },
  ]
  return await pick(asks, below)()
}

/** One request that an agent makes in a run of its own, mostly about the issue of the run. */
async function askAsAgent(walk: Walk, below: Below): Promise<number> {
  const { here, agents, issues, orders } = walk
  if (orders.length === 0) return 200
  const order = pick(orders, below)
  const agent = agents.find(({ id }) => id === order.agentId) as TestAgent
  const client: Client = server().bearer(agent.key).with({ 'x-paperclip-run-id': order.runId })
  const issueId = below(3) === 0 || order.issueId === null ? pick(issues, below) : order.issueId
  const peerId = pick(agents, below).id
  const asks: readonly (() => Promise<number>)[] = [
    async () =>
      (await client.post(`/api/issues/${issueId}/checkout`, { agentId: agent.id, expectedStatuses: statuses.slice(0, 5) })).status,
    async () =>
      (await client.post(`/api/companies/${here.company.id}/issues/claim`, { statuses: ['todo', 'backlog', 'in_review'] })).status,
    async () => (await client.post(`/api/issues/${issueId}/release`)).status,
    async () => (await client.patch(`/api/issues/${issueId}`, { status: pick(statuses, below) })).status,
    async () => (await client.patch(`/api/issues/${issueId}`, { status: 'in_review', assigneeAgentId: peerId })).status,
    async () => (await client.patch(`/api/issues/${issueId}`, { blockedByIssueIds: [pick(issues, below)], status: 'blocked' })).status,
    async () => (await client.post(`/api/issues/${issueId}/comments`, { body: 'I am at it', reopen: below(4) === 0 })).status,
    async () => {
      const child = { title: 'A part of it', parentId: issueId, assigneeAgentId: peerId, status: 'todo' }
      const { status, body } = await client.post(`/api/companies/${here.company.id}/issues`, child)
      if (status === 201) issues.push(body.id as string)
      return status
    },
    async () => {
      const ask = { kind: 'request_confirmation', continuationPolicy: 'wake_assignee', payload: { version: 1, prompt: 'Go on?' } }
      return (await client.post(`/api/issues/${issueId}/interactions`, ask)).status
    },
    async () => {
      const request = { type: 'request_board_approval', issueIds: [issueId], payload: { title: 'May I?', summary: 'Go on' } }
      const { status, body } = await client.post(`/api/companies/${here.company.id}/approvals`, request)
      if (status === 201) walk.approvals.push(body.id as string)
      return status
    },
  ]
  return await pick(asks, below)()
}

/** One step of a walk. @returns the status of its answer */
async function step(walk: Walk, below: Below): Promise<number> {
  const startOne = async () => {
    const order = await start(walk, pick(walk.agents, below).id)
    if (order !== null) walk.orders.push(order)
    return 200
  }
  // The weight of a step is how often it stands here.
  const acts: readonly (() => Promise<number>)[] = [
    ...Array.from({ length: 11 }, () => () => askAsBoard(walk, below)),
    ...Array.from({ length: 6 }, () => () => askAsAgent(walk, below)),
    ...Array.from({ length: 3 }, () => startOne),
    () => finishOne(walk, below),
    () => finishOne(walk, below),
    () => loseOne(walk, below),
    () => (below(3) === 0 ? passTime(walk, below) : loseOne(walk, below)),
    () => (below(3) === 0 ? restart(walk, below) : finishOne(walk, below)),
  ]
  const status = await pick(acts, below)()
  walk.answers.set(status, (walk.answers.get(status) ?? 0) + 1)
  return status
}

/** Lets every run that waits start and succeed. */
async function settle(walk: Walk): Promise<void> {
  const { agents, orders } = walk
  for (const order of orders.splice(0)) await finishSupervisedRun(server().store, order, { status: 'succeeded' }, null)
  for (let round = 0; round < 1000; round += 1) {
    const started = await Promise.all(agents.map(({ id }) => start(walk, id)))
    const results = started.filter((order) => order !== null)
    for (const order of results) await finishSupervisedRun(server().store, order, { status: 'succeeded' }, null)
    if (results.length === 0) return
  }
}

/** Lets all work that waits be done, with every agent at work in every other check. @returns why each issue stands where it is */
async function checkProgress(walk: Walk, below: Below): Promise<Map<string, number>> {
  if (below(2) === 0) for (const { id } of walk.agents) await board().post(`/api/agents/${id}/resume`)
  for (let round = 0; round < 3; round += 1) {
    await settle(walk)
    while ((await tickStalled(server().store, 0)) > 0) await settle(walk)
  }
  const reasons = new Map<string, number>()
  for (const id of walk.issues) {
    const { why } = await whyOf(id)
    reasons.set(why, (reasons.get(why) ?? 0) + 1)
  }
  expect([...reasons.keys()]).not.toContain('stalled')
  return reasons
}

const CHECK_EVERY = 500

test.each(seeds)(
  'A random walk of requests, crashes and restarts leaves no issue that stands still without a stated reason, with seed %i (I23)',
  { timeout: 1_800_000 },
  async (seed) => {
    const below = numbersFrom(seed)
    const walk = await walkWorld()
    for (let count = 1; count <= steps; count += 1) {
      expect(await step(walk, below)).toBeLessThan(500)
      if (count % CHECK_EVERY > 0 && count < steps) continue
      const reasons = await checkProgress(walk, below)
      // The board takes up other work, so that a long walk does not get slower.
      if (count < steps) walk.issues.splice(0, walk.issues.length - 10)
      const report = { seed, count, answers: Object.fromEntries(walk.answers), reasons: Object.fromEntries(reasons) }
      if (process.env['STALLED_STEPS'] !== undefined) process.stdout.write(`${JSON.stringify(report)}\n`)
    }
    expect(walk.issues.length).toBeGreaterThan(1)
  },
)
