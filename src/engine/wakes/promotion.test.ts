import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startQueuedRun } from '../../control/dispatch/index.ts'
import { finishSupervisedRun } from '../../control/execution/index.ts'
import { createProcessAgent } from '../../dev/testing/runner.ts'
import { runRow, wakesOf } from '../../dev/testing/holds.ts'
import type { WakeRow } from '../../dev/testing/holds.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { reap } from '../../scheduler/reap.ts'

const server = useServer()
const board = () => server().board

/** Two agents wait for one issue, which was just released: the first one is queued for it, the second one still waits. */
async function queueOfTwo() {
  const here = await world(server())
  const { issue } = await here.held()
  const [first, second] = [await createProcessAgent(here, ''), await here.agent()]
  for (const { id } of [first, second])
    expect((await board().post(`/api/agents/${id}/wakeup`, { payload: { issueId: issue.id } })).body.reason).toBe(
      'issue_execution_deferred',
    )
  await board().post(`/api/issues/${issue.id}/release`)
  const wakes = await wakesOf(server(), issue.id)
  expect(wakes).toMatchObject([
    { agentId: first.id, status: 'queued' },
    { agentId: second.id, status: 'deferred_issue_execution' },
  ])
  return { here, issue, first, second, runId: wakes[0]?.runId ?? '' }
}
type Queue = Awaited<ReturnType<typeof queueOfTwo>>

const secondWake = async ({ issue, second }: Queue): Promise<WakeRow | undefined> =>
  (await wakesOf(server(), issue.id)).find((wake) => wake.agentId === second.id)

const claim = ({ here, first }: Queue) =>
  startQueuedRun(server().store, randomUUID(), ['process'], { agentId: first.id, companyId: here.company.id })

describe('A promoted wake that does not take the issue lets the next wake be promoted', () => {
  test.each<[string, (queue: Queue) => Promise<unknown>]>([
    ['its queued run is cancelled', ({ runId }) => board().post(`/api/heartbeat-runs/${runId}/cancel`)],
    ['its agent is paused', ({ first }) => board().post(`/api/agents/${first.id}/pause`)],
    ['its agent is terminated', ({ first }) => board().post(`/api/agents/${first.id}/terminate`)],
    ['its agent is deleted', ({ first }) => board().del(`/api/agents/${first.id}`)],
    [
      'its run waits in the queue until the lease expires',
      async ({ runId }) => {
        await expireLease(server(), runId)
        await reap(server().store)
      },
    ],
    [
      'its run ends without having taken the issue',
      async ({ here, first, issue, runId }) => {
        const run = await here.run(first, { issueId: issue.id })
        expect(run.id).toBe(runId)
        await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
      },
    ],
    [
      'its run is closed at its start',
      async (queue) => {
        const blocker = await queue.here.issue()
        await board().patch(`/api/issues/${queue.issue.id}`, { blockedByIssueIds: [blocker.id] })
        expect((await claim(queue)).kind).toBe('set_aside')
        expect(await runRow(server(), queue.runId)).toMatchObject({ errorCode: 'issue_blocked' })
      },
    ],
    [
      'its run works without taking the issue',
      async (queue) => {
        await board().patch(`/api/issues/${queue.issue.id}`, { status: 'backlog' })
        const claimed = await claim(queue)
        if (claimed.kind !== 'claimed') throw new Error(`expected a claim, got ${claimed.kind}`)
        expect(await secondWake(queue)).toMatchObject({ status: 'deferred_issue_execution' })
        await finishSupervisedRun(server().store, claimed.order, { status: 'succeeded' }, null)
      },
    ],
  ])('The second wake is queued when %s', async (_, act) => {
    const queue = await queueOfTwo()
    await act(queue)
    const wake = await secondWake(queue)
    expect(wake).toMatchObject({ status: 'queued' })
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'queued' })
  })

  test('The audit of a cancelled queued run names no issue as held', async () => {
    const { runId } = await queueOfTwo()
    await board().post(`/api/heartbeat-runs/${runId}/cancel`)
    expect((await lastAudit(server(), runId, 'heartbeat.cancelled')).details).toMatchObject({ issueIds: [] })
    expect((await lastAudit(server(), runId, 'heartbeat.run_finished')).details).toMatchObject({ issueIds: [] })
  })

  test('The second wake waits while another run has taken the issue, and is promoted when that run releases it', async () => {
    const queue = await queueOfTwo()
    const taker = await queue.here.run(await queue.here.agent())
    expect((await queue.here.checkout(taker, queue.issue.id)).status).toBe(200)
    await board().post(`/api/heartbeat-runs/${queue.runId}/cancel`)
    expect(await secondWake(queue)).toMatchObject({ status: 'deferred_issue_execution' })
    await taker.client.post(`/api/issues/${queue.issue.id}/release`)
    expect(await secondWake(queue)).toMatchObject({ status: 'queued' })
  })
})

test.each<[string, (queue: Queue) => Promise<{ status: number }>]>([
  [
    'a request of the agent itself',
    ({ issue, second }) => second.client.post(`/api/agents/${second.id}/wakeup`, { payload: { issueId: issue.id } }),
  ],
  [
    'a checkout by the board',
    ({ issue, second }) => board().post(`/api/issues/${issue.id}/checkout`, { agentId: second.id, expectedStatuses: ['todo'] }),
  ],
])('A wake that waits behind a run that has not started is promoted by the next request: %s', async (_, request) => {
  const queue = await queueOfTwo()
  const before = await secondWake(queue)
  expect((await request(queue)).status).toBeLessThan(300)
  expect(await secondWake(queue)).toMatchObject({ id: before?.id, status: 'queued', coalescedCount: 1 })
  expect(await runRow(server(), (await secondWake(queue))?.runId ?? '')).toMatchObject({ status: 'queued' })
  expect(await actionsOf(server(), before?.id ?? '')).toContain('wake.promoted')
})

test('The only valid wake behind more than one batch of invalid wakes is promoted', async () => {
  const here = await world(server())
  const { issue, run, agent } = await here.held()
  const stranger = await here.agent()
  await server().database.sql.query(
    `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, created_at)
     select company_id, case when n = 121 then $2::uuid else $3::uuid end, id, 'on_demand', 'asked', 'deferred_issue_execution', 'user',
       'local-board', now() + n * interval '1 second'
     from issues, generate_series(1, 121) n where id = $1`,
    [issue.id, agent.id, stranger.id],
  )
  await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
  const wakes = await wakesOf(server(), issue.id)
  expect(wakes.filter(({ closeReason }) => closeReason === 'not_assignee')).toHaveLength(120)
  expect(wakes.filter(({ status }) => status === 'queued')).toMatchObject([{ agentId: agent.id }])
})
