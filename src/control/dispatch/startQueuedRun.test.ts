import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createProcessAgent, insertQueuedRuns } from '../../dev/testing/runner.ts'
import { NO_HOLD, holdRow, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { listStartable } from './startable.ts'
import { startQueuedRun } from './startQueuedRun.ts'
import type { StartResult, StartOrder } from './startQueuedRun.ts'
import { finishSupervisedRun } from '../execution/finishSupervisedRun.ts'

const server = useServer()
const supervisorId = randomUUID()

interface AgentRef {
  readonly company: { readonly id: string }
  readonly agent: { readonly id: string }
}

const startFor = ({ company, agent }: AgentRef, at = server()): Promise<StartResult> =>
  startQueuedRun(at.store, supervisorId, ['process'], { agentId: agent.id, companyId: company.id })

async function startableAgent(maxConcurrentRuns = 1) {
  const here = await world(server())
  const agent = await createProcessAgent(here, '', { maxConcurrentRuns })
  return { here, company: here.company, agent }
}

async function startedRun(ref: AgentRef): Promise<StartOrder> {
  const result = await startFor(ref)
  if (result.kind !== 'claimed') throw new Error(`expected a started run, got ${result.kind}`)
  return result.order
}

describe('startQueuedRun', () => {
  test('A started run is supervised by this server with a lease of thirty seconds, holds its issue and has its wake claimed', async () => {
    const { here, company, agent } = await startableAgent()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), issue.id)
    const order = await startedRun({ company, agent })
    expect(order).toMatchObject({
      runId: wake?.runId,
      agentId: agent.id,
      issueId: issue.id,
      wakeReason: 'issue_assigned',
      taskKey: issue.id,
    })
    const { rows } = await server().database.sql.query(
      `select status, supervisor_id, lease_seconds, extract(epoch from lease_expires_at - now())::int as left from heartbeat_runs where id = $1`,
      [order.runId],
    )
    expect(rows).toEqual([{ status: 'running', supervisor_id: supervisorId, lease_seconds: 30, left: expect.closeTo(30, -1) as number }])
    expect(await holdRow(server(), issue.id)).toMatchObject({
      checkoutRunId: order.runId,
      executionRunId: order.runId,
      status: 'in_progress',
      lockEpoch: 1,
    })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'claimed' }])
    expect(await lastAudit(server(), issue.id, 'issue.checked_out')).toMatchObject({
      actorType: 'system',
      actorId: 'scheduler',
      agentId: agent.id,
      runId: order.runId,
      details: { agentId: agent.id, runId: order.runId, lockEpoch: 1 },
    })
  })

  test('The running runs of an agent never exceed its limit, and runs on other hosts count', async () => {
    const { here, company, agent } = await startableAgent(3)
    await insertQueuedRuns(server(), company.id, agent.id, 5)
    await here.run(agent)
    const kinds: string[] = []
    for (let index = 0; index < 4; index += 1) kinds.push((await startFor({ company, agent })).kind)
    expect(kinds).toEqual(['claimed', 'claimed', 'none', 'none'])
  })

  test('A run whose lease expired makes room for the next one', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 2)
    const first = await startedRun({ company, agent })
    expect((await startFor({ company, agent })).kind).toBe('none')
    await expireLease(server(), first.runId)
    expect((await startFor({ company, agent })).kind).toBe('claimed')
  })

  test.each([0, -3, 99, 1e300, '7', null, {}])(
    'A limit of %j is clamped to one to ten runs, and one when it is not a number',
    async (maxConcurrentRuns) => {
      const { company, agent } = await startableAgent()
      await server().database.sql.query(
        `update agents set runtime_config = jsonb_build_object('heartbeat', jsonb_build_object('maxConcurrentRuns', $2::jsonb)) where id = $1`,
        [agent.id, JSON.stringify(maxConcurrentRuns)],
      )
      await insertQueuedRuns(server(), company.id, agent.id, 11)
      let count = 0
      while ((await startFor({ company, agent })).kind === 'claimed') count += 1
      expect(count).toBe(maxConcurrentRuns === 99 || maxConcurrentRuns === 1e300 ? 10 : 1)
    },
  )

  test('Concurrent starts on two servers start each run once', async () => {
    const { company, agent } = await startableAgent(10)
    const runIds = await insertQueuedRuns(server(), company.id, agent.id, 8)
    const second = await server().startPeer()
    const results: StartResult[] = []
    for (let round = 0; round < 8; round += 1)
      results.push(...(await race([server(), second, server(), second], (at) => startFor({ company, agent }, at))))
    await second.stop()
    const startedRunIds = results.flatMap((result) => (result.kind === 'claimed' ? [result.order.runId] : []))
    expect(startedRunIds.toSorted()).toEqual(runIds.toSorted())
    for (const runId of runIds) expect(await actionsOf(server(), runId)).toEqual(['heartbeat.run_started'])
  })

  test('A start for an agent of another company finds no run', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const elsewhere = await world(server())
    const audits = await auditCount(server())
    expect(await startFor({ company: elsewhere.company, agent })).toEqual({ kind: 'none' })
    expect(await auditCount(server())).toBe(audits)
  })

  test('A queued run whose issue was deleted is closed', async () => {
    const { company, agent } = await startableAgent()
    const [runId = ''] = await insertQueuedRuns(server(), company.id, agent.id, 1)
    await server().database.sql.query('update heartbeat_runs set issue_id = $2 where id = $1', [runId, randomUUID()])
    expect(await startFor({ company, agent })).toEqual({ kind: 'set_aside' })
    expect(await runRow(server(), runId)).toMatchObject({ status: 'cancelled', errorCode: 'issue_missing' })
  })

  test('A start does not wait while another transaction has the agent locked', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const other = await server().database.sql.connect()
    await other.query('begin')
    await other.query('select 1 from agents where id = $1 for no key update', [agent.id])
    expect(await startFor({ company, agent })).toEqual({ kind: 'none' })
    await other.query('rollback')
    other.release()
    expect((await startFor({ company, agent })).kind).toBe('claimed')
  })
})

describe('finishSupervisedRun', () => {
  const done = { status: 'succeeded' } as const

  test('The end of a supervised run writes its outcome, keeps its session and frees its issue', async () => {
    const { here, company, agent } = await startableAgent()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const order = await startedRun({ company, agent })
    const exitFacts = { exitCode: 0, signal: null, log: null, stdoutExcerpt: 'out', stderrExcerpt: '' }
    const result = { ...done, exitFacts, usageJson: { inputTokens: 3 }, resultJson: { summary: 'well' } }
    expect(await finishSupervisedRun(server().store, order, result, 's-1')).toBe('ended')
    expect((await server().board.get(`/api/heartbeat-runs/${order.runId}`)).body).toMatchObject({
      status: 'succeeded',
      exitCode: 0,
      stdoutExcerpt: 'out',
      usageJson: { inputTokens: 3 },
      resultJson: { summary: 'well' },
      sessionIdAfter: 's-1',
    })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Once more' })
    expect(await startedRun({ company, agent })).toMatchObject({ sessionIdBefore: 's-1' })
  })

  test('The next run of the task, or a run that names it, resumes its session, unless a fresh session is requested', async () => {
    const { here, company, agent } = await startableAgent()
    const other = await createProcessAgent(here, '')
    const wake = async (of: { id: string }, fields: object): Promise<void> => {
      const answer = await server().board.post(`/api/agents/${of.id}/wakeup`, fields)
      expect(answer.body).toMatchObject({ status: 'queued' })
    }
    const runWith = async (of: { id: string }, fields: object, sessionIdAfter: string): Promise<StartOrder> => {
      await wake(of, fields)
      const order = await startedRun({ company, agent: of })
      expect(await finishSupervisedRun(server().store, order, done, sessionIdAfter)).toBe('ended')
      return order
    }
    const first = await runWith(agent, { payload: { taskKey: 'attic' } }, 's-1')
    const foreign = await runWith(other, {}, 's-other')
    expect(await runWith(agent, { payload: { taskKey: 'attic' } }, 's-2')).toMatchObject({ sessionIdBefore: 's-1' })
    const resumed = { payload: { taskKey: 'cellar', resumeFromRunId: first.runId } }
    expect(await runWith(agent, resumed, 's-3')).toMatchObject({ taskKey: 'cellar', sessionIdBefore: 's-1' })
    // A run of another agent gives no session (I8).
    const stolen = { payload: { taskKey: 'attic', resumeFromRunId: foreign.runId } }
    expect((await server().board.post(`/api/agents/${agent.id}/wakeup`, stolen)).status).toBe(404)
    expect(await runWith(agent, { ...resumed, forceFreshSession: true }, 's-5')).toMatchObject({ sessionIdBefore: null })
  })

  test.each(['was cancelled', 'has an expired lease'])('A finish of a run that %s changes nothing', async (how) => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const order = await startedRun({ company, agent })
    if (how === 'has an expired lease') await expireLease(server(), order.runId)
    else await server().board.post(`/api/heartbeat-runs/${order.runId}/cancel`)
    const before = await runRow(server(), order.runId)
    const audits = await auditCount(server())
    expect(await finishSupervisedRun(server().store, order, done, 's-1')).toBe('over')
    expect(await runRow(server(), order.runId)).toEqual(before)
    expect(await auditCount(server())).toBe(audits)
  })

  test('Of three concurrent finishes of one run, one ends it and two report that it is over', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const order = await startedRun({ company, agent })
    const outcomes = await race([1, 2, 3], () => finishSupervisedRun(server().store, order, done, null))
    expect(outcomes.toSorted()).toEqual(['ended', 'over', 'over'])
    expect(await actionsOf(server(), order.runId)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished'])
  })
})

describe('startQueuedRun after the list of startable agents was read', () => {
  test('A run whose company became inactive meanwhile stays queued', async () => {
    const { company, agent } = await startableAgent()
    const [runId = ''] = await insertQueuedRuns(server(), company.id, agent.id, 1)
    const setStatus = (status: string) =>
      server().database.sql.query('update companies set status = $2 where id = $1', [company.id, status])
    const [candidate] = (await listStartable(server().store, ['process'], new Map(), 10)).filter((each) => each.agentId === agent.id)
    expect(candidate).toEqual({ agentId: agent.id, companyId: company.id })
    await setStatus('paused')
    const audits = await auditCount(server())
    expect(await startFor({ company, agent })).toEqual({ kind: 'none' })
    expect(await runRow(server(), runId)).toMatchObject({ status: 'queued' })
    expect(await auditCount(server())).toBe(audits)
    await setStatus('active')
    expect((await startFor({ company, agent })).kind).toBe('claimed')
  })
})
