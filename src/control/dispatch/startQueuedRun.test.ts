import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createProcessAgent, insertQueuedRuns } from '../../dev/testing/runner.ts'
import { NO_HOLD, holdRow, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { startQueuedRun } from './startQueuedRun.ts'
import type { StartResult, StartOrder } from './startQueuedRun.ts'
import { finishSupervisedRun } from '../execution/finishSupervisedRun.ts'

const server = useServer()
const supervisorId = randomUUID()

interface Whose {
  readonly company: { readonly id: string }
  readonly agent: { readonly id: string }
}

const claimFor = ({ company, agent }: Whose, at = server()): Promise<StartResult> =>
  startQueuedRun(at.store, supervisorId, ['process'], { agentId: agent.id, companyId: company.id })

async function startableAgent(maxConcurrentRuns = 1) {
  const here = await world(server())
  const agent = await createProcessAgent(here, '', { maxConcurrentRuns })
  return { here, company: here.company, agent }
}

async function startedRun(whose: Whose): Promise<StartOrder> {
  const claim = await claimFor(whose)
  if (claim.kind !== 'claimed') throw new Error(`expected a claim, got ${claim.kind}`)
  return claim.order
}

describe('claiming a queued run', () => {
  test('makes it run under this server for thirty seconds, with its issue held and its wake claimed', async () => {
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

  test('never exceeds what the agent may have at work, and runs it has elsewhere count', async () => {
    const { here, company, agent } = await startableAgent(3)
    await insertQueuedRuns(server(), company.id, agent.id, 5)
    await here.run(agent)
    const kinds: string[] = []
    for (let index = 0; index < 4; index += 1) kinds.push((await claimFor({ company, agent })).kind)
    expect(kinds).toEqual(['claimed', 'claimed', 'none', 'none'])
  })

  test('a run whose lease is out makes room for the next', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 2)
    const first = await startedRun({ company, agent })
    expect((await claimFor({ company, agent })).kind).toBe('none')
    await expireLease(server(), first.runId)
    expect((await claimFor({ company, agent })).kind).toBe('claimed')
  })

  test.each([0, -3, 99, 1e300, '7', null, {}])(
    'what is no sensible number of runs at once is one, or ten: %j',
    async (maxConcurrentRuns) => {
      const { company, agent } = await startableAgent()
      await server().database.sql.query(
        `update agents set runtime_config = jsonb_build_object('heartbeat', jsonb_build_object('maxConcurrentRuns', $2::jsonb)) where id = $1`,
        [agent.id, JSON.stringify(maxConcurrentRuns)],
      )
      await insertQueuedRuns(server(), company.id, agent.id, 11)
      let count = 0
      while ((await claimFor({ company, agent })).kind === 'claimed') count += 1
      expect(count).toBe(maxConcurrentRuns === 99 || maxConcurrentRuns === 1e300 ? 10 : 1)
    },
  )

  test('by many at once gives each run to one of them', async () => {
    const { company, agent } = await startableAgent(10)
    const runIds = await insertQueuedRuns(server(), company.id, agent.id, 8)
    const second = await server().startPeer()
    const claims: StartResult[] = []
    for (let round = 0; round < 8; round += 1)
      claims.push(...(await race([server(), second, server(), second], (at) => claimFor({ company, agent }, at))))
    await second.stop()
    const given = claims.flatMap((claim) => (claim.kind === 'claimed' ? [claim.order.runId] : []))
    expect(given.toSorted()).toEqual(runIds.toSorted())
    for (const runId of runIds) expect(await actionsOf(server(), runId)).toEqual(['heartbeat.run_started'])
  })

  test('of another company’s agent finds nothing', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const elsewhere = await world(server())
    const audits = await auditCount(server())
    expect(await claimFor({ company: elsewhere.company, agent })).toEqual({ kind: 'none' })
    expect(await auditCount(server())).toBe(audits)
  })

  test('whose issue was deleted closes it', async () => {
    const { company, agent } = await startableAgent()
    const [runId = ''] = await insertQueuedRuns(server(), company.id, agent.id, 1)
    await server().database.sql.query('update heartbeat_runs set issue_id = $2 where id = $1', [runId, randomUUID()])
    expect(await claimFor({ company, agent })).toEqual({ kind: 'set_aside' })
    expect(await runRow(server(), runId)).toMatchObject({ status: 'cancelled', errorCode: 'issue_missing' })
  })

  test('while somebody has the agent waits for nobody', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const other = await server().database.sql.connect()
    await other.query('begin')
    await other.query('select 1 from agents where id = $1 for no key update', [agent.id])
    expect(await claimFor({ company, agent })).toEqual({ kind: 'none' })
    await other.query('rollback')
    other.release()
    expect((await claimFor({ company, agent })).kind).toBe('claimed')
  })
})

describe('concluding a run', () => {
  const done = { status: 'succeeded' } as const

  test('writes its outcome, keeps its session and frees its issue, in one transaction', async () => {
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

  test('its session is gone on with by the next one of its task, or by whichever names it, unless that is to start afresh', async () => {
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
    // Of another agent's run it learns nothing (I8), and then goes on as it would have.
    const stolen = { payload: { taskKey: 'attic', resumeFromRunId: foreign.runId } }
    expect(await runWith(agent, stolen, 's-4')).toMatchObject({ sessionIdBefore: 's-2' })
    expect(await runWith(agent, { ...resumed, forceFreshSession: true }, 's-5')).toMatchObject({ sessionIdBefore: null })
  })

  test.each(['ended by somebody else', 'its lease is out'])('too late, because it was %s, changes nothing', async (how) => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const order = await startedRun({ company, agent })
    if (how === 'its lease is out') await expireLease(server(), order.runId)
    else await server().board.post(`/api/heartbeat-runs/${order.runId}/cancel`)
    const before = await runRow(server(), order.runId)
    const audits = await auditCount(server())
    expect(await finishSupervisedRun(server().store, order, done, 's-1')).toBe('over')
    expect(await runRow(server(), order.runId)).toEqual(before)
    expect(await auditCount(server())).toBe(audits)
  })

  test('twice is once', async () => {
    const { company, agent } = await startableAgent()
    await insertQueuedRuns(server(), company.id, agent.id, 1)
    const order = await startedRun({ company, agent })
    const said = await race([1, 2, 3], () => finishSupervisedRun(server().store, order, done, null))
    expect(said.toSorted()).toEqual(['ended', 'over', 'over'])
    expect(await actionsOf(server(), order.runId)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished'])
  })
})
