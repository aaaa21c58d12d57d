import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  auditsOf,
  NO_HOLD,
  holdRow,
  keyClientForRun,
  plantColumns,
  expectRefused,
  runRow,
  expectUnchanged,
  wakesOf,
} from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const finish = (client: Client, runId: string, body: Record<string, unknown> = { status: 'succeeded' }) =>
  client.post(`/api/heartbeat-runs/${runId}/finish`, body)

describe('finish ends a run in one transaction (LOCK_PROTOCOL §6)', () => {
  test('The outcome, every issue the run held, the waiting wakes and their audit rows commit together', async () => {
    const { held: heldIssue, issue, checkout } = await world(server())
    const { issue: first, run, agent } = await heldIssue()
    const second = await issue()
    await checkout(run, second.id)
    await server().board.post(`/api/issues/${first.id}/comments`, { body: 'And one more thing' })
    const answer = await finish(run.client, run.id, {
      status: 'failed',
      error: 'it broke',
      errorCode: 'broken',
      usageJson: { tokens: 7 },
      resultJson: { summary: 'no' },
    })
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'failed', error: 'it broke', errorCode: 'broken', usageJson: { tokens: 7 }, resultJson: { summary: 'no' } },
    })
    expect(answer.body.finishedAt).not.toBeNull()
    for (const each of [first, second]) {
      expect(await holdRow(server(), each.id)).toMatchObject({ ...NO_HOLD, status: 'in_progress', assigneeAgentId: agent.id, lockEpoch: 2 })
      const cleared = await lastAudit(server(), each.id, 'issue.lock_cleared')
      expect(cleared).toMatchObject({ runId: run.id, details: { runId: run.id, why: 'run_finished', evicted: false, lockEpoch: 2 } })
    }
    const [wake] = await wakesOf(server(), first.id)
    expect(wake).toMatchObject({ agentId: agent.id, status: 'queued' })
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'queued' })
    expect((await lastAudit(server(), run.id, 'heartbeat.run_finished')).details).toEqual({
      agentId: agent.id,
      status: 'failed',
      previousStatus: 'running',
      errorCode: 'broken',
      issueIds: [first.id, second.id].toSorted(),
    })
    const { rows } = await server().database.sql.query(
      `select array_agg(action order by seq) as actions from activity_log
       where txid = (select txid from activity_log where entity_id = $1 and action = 'heartbeat.run_finished')`,
      [run.id],
    )
    expect(rows[0].actions.toSorted()).toEqual(['heartbeat.run_finished', 'issue.lock_cleared', 'issue.lock_cleared', 'wake.promoted'])
  })

  test.each(['succeeded', 'failed', 'cancelled', 'timed_out'])(
    'A second finish with the same outcome %s gets the same answer',
    async (status) => {
      const { held: heldIssue } = await world(server())
      const { run, agent } = await heldIssue()
      const first = await finish(run.client, run.id, { status })
      expect(first.body.status).toBe(status)
      const again = await expectUnchanged(server(), () => finish(agent.client, run.id, { status, error: 'reported late' }))
      expect(again.body).toEqual(first.body)
      await expectUnchanged(server(), () => finish(keyClientForRun(agent, run), run.id, { status }))
      // The token ended with its run, and gets nothing but this answer.
      const lost = await expectUnchanged(server(), () => finish(run.client, run.id, { status }))
      expect(lost.body).toEqual(first.body)
    },
  )

  test('A finish with another outcome is refused, because a terminal run never changes', async () => {
    const { held: heldIssue } = await world(server())
    const { run, agent } = await heldIssue()
    await finish(run.client, run.id, { status: 'succeeded' })
    const { body } = await expectRefused(server(), () => finish(agent.client, run.id, { status: 'failed' }), 409, 'run_outcome_fixed')
    expect(body.details).toEqual({ runId: run.id, status: 'succeeded' })
    await expect(server().database.sql.query("update heartbeat_runs set status = 'running' where id = $1", [run.id])).rejects.toThrow(
      'has ended',
    )
    await expect(server().database.sql.query("update heartbeat_runs set status = 'failed' where id = $1", [run.id])).rejects.toThrow(
      'has ended',
    )
  })

  test('A run whose lease expired cannot finish, and a queued run cannot succeed', async () => {
    const { held: heldIssue, issue } = await world(server())
    const { run, agent } = await heldIssue()
    await expireLease(server(), run.id)
    await expectRefused(server(), () => finish(agent.client, run.id), 409, 'run_ended')
    const given = await issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), given.id)
    await expectRefused(server(), () => finish(agent.client, wake?.runId ?? ''), 422, 'illegal_transition')
    expect((await finish(agent.client, wake?.runId ?? '', { status: 'cancelled' })).status).toBe(200)
    expect(await wakesOf(server(), given.id)).toMatchObject([{ status: 'cancelled' }])
  })

  test('The run, its agent and the board can finish it; another run gets 422, a colleague 403, another company 404', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const who = await here.agent()
    const [one, two, three] = [await here.run(who), await here.run(who), await here.run(who)]
    const colleague = await here.run(await here.agent())
    const foreign = await elsewhere.run(await elsewhere.agent())
    await expectRefused(server(), () => finish(one.client, two.id), 422, 'run_id_mismatch')
    await expectRefused(server(), () => finish(who.client, colleague.id), 403, 'forbidden')
    await expectRefused(server(), () => finish(who.client, foreign.id), 404, 'not_found')
    await expectRefused(server(), () => finish(who.client, randomUUID()), 404, 'not_found')
    await expectRefused(server(), () => finish(one.client, one.id, { status: 'running' }), 400, 'validation_failed')
    for (const [client, id] of [
      [one.client, one.id],
      [who.client, two.id],
      [server().board, three.id],
    ] as const)
      expect((await finish(client, id)).status).toBe(200)
  })

  test('The wake of a run that succeeded is completed, and that of a run that failed is failed', async () => {
    const { agent, issue, run } = await world(server())
    const who = await agent()
    for (const [status, wakeStatus] of [
      ['succeeded', 'completed'],
      ['failed', 'failed'],
    ]) {
      const given = await issue({ assigneeAgentId: who.id })
      const working = await run(who, { issueId: given.id })
      await finish(working.client, working.id, { status })
      expect(await wakesOf(server(), given.id)).toMatchObject([{ status: wakeStatus }])
    }
  })

  test('A finish clears only the columns that name the run and keeps a live run in the other column', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: ending, agent } = await heldIssue()
    const other = await run(agent)
    await plantColumns(server(), issue.id, { executionRunId: other.id })
    await finish(ending.client, ending.id)
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: null, executionRunId: other.id, lockEpoch: 2 })
    await finish(other.client, other.id)
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 3 })
  })

  test('Of eight concurrent finishes with different outcomes one is written', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const outcomes = ['succeeded', 'failed', 'succeeded', 'failed', 'timed_out', 'cancelled', 'succeeded', 'failed']
    const answers = await race(outcomes, (status) => finish(agent.client, run.id, { status }))
    const { status } = await runRow(server(), run.id)
    expect(countByStatus(answers)).toEqual({
      200: outcomes.filter((each) => each === status).length,
      409: outcomes.filter((each) => each !== status).length,
    })
    expect((await actionsOf(server(), run.id)).filter((action) => action === 'heartbeat.run_finished')).toHaveLength(1)
    expect((await auditsOf(server(), issue.id)).filter((row) => row.action === 'issue.lock_cleared')).toHaveLength(1)
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
  })
})

describe('cancel', () => {
  const cancel = (client: Client, runId: string) => client.post(`/api/heartbeat-runs/${runId}/cancel`)

  test('A cancellation by the board ends the run with Paperclip’s error text and frees its issues', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const answer = await cancel(server().board, run.id)
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'cancelled', error: 'Cancelled by control plane', errorCode: 'cancelled' },
    })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, assigneeAgentId: agent.id, lockEpoch: 2 })
    expect(await actionsOf(server(), run.id)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished', 'heartbeat.cancelled'])
    await expectRefused(server(), () => run.client.get('/api/agents/me'), 401, 'unauthorized')
  })

  test('A cancellation of an ended run changes nothing; one of a run whose lease expired ends it', async () => {
    const { agent, run } = await world(server())
    const who = await agent()
    const [ended, lapsed] = [await run(who), await run(who)]
    await finish(ended.client, ended.id)
    expect((await expectUnchanged(server(), () => cancel(server().board, ended.id))).body.status).toBe('succeeded')
    await expireLease(server(), lapsed.id)
    expect((await cancel(server().board, lapsed.id)).body.status).toBe('cancelled')
    await expectUnchanged(server(), () => cancel(server().board, lapsed.id))
  })

  test('A cancellation by an agent is refused', async () => {
    const { held: heldIssue } = await world(server())
    const { run, agent } = await heldIssue()
    for (const client of [run.client, agent.client]) {
      const { body } = await expectRefused(server(), () => cancel(client, run.id), 403, 'board_required')
      expect(body.error).toBe('Board access required')
    }
    await expectRefused(server(), () => cancel(server().board, randomUUID()), 404, 'not_found')
    await expectRefused(server(), () => cancel(server().board, 'nonsense'), 400, 'malformed_id')
  })
})
