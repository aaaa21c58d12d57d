import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  insertDeferredWake,
  NO_HOLD,
  holdRow,
  keyClientForRun,
  expectRefused,
  runRow,
  expectUnchanged,
  wakesOf,
} from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const changeLifecycle = (agentId: string, verb: 'pause' | 'resume' | 'terminate', client: Client = server().board) =>
  client.post(`/api/agents/${agentId}/${verb}`)

describe.each([
  ['pause', 'paused', 'agent_paused', 'agent.paused'],
  ['terminate', 'terminated', 'agent_terminated', 'agent.terminated'],
] as const)('%s an agent (LOCK_PROTOCOL §4.4)', (verb, status, errorCode, action) => {
  test('The agent’s running and queued runs end and its issues are freed in one transaction', async () => {
    const { held: heldIssue, issue, run, checkout } = await world(server())
    const { issue: first, run: working, agent } = await heldIssue()
    const other = await run(agent)
    const second = await issue()
    await checkout(other, second.id)
    const queued = await issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), queued.id)
    const answer = await changeLifecycle(agent.id, verb)
    expect(answer).toMatchObject({ status: 200, body: { id: agent.id, status } })
    for (const id of [working.id, other.id, wake?.runId ?? '']) {
      expect(await runRow(server(), id)).toMatchObject({ status: 'cancelled', errorCode })
    }
    for (const each of [first, second])
      expect(await holdRow(server(), each.id)).toMatchObject({ ...NO_HOLD, status: 'in_progress', lockEpoch: 2 })
    const audit = await lastAudit(server(), agent.id, action)
    expect((audit.details['endedRunIds'] as string[]).toSorted()).toEqual([working.id, other.id, wake?.runId ?? ''].toSorted())
    const { rows } = await server().database.sql.query(
      `select count(*)::int as cleared from activity_log where action = 'issue.lock_cleared'
         and txid = (select txid from activity_log where seq = $1)`,
      [audit.seq],
    )
    expect(rows).toEqual([{ cleared: 2 }])
    await expectRefused(server(), () => working.client.get('/api/agents/me'), 401, 'unauthorized')
    await expectUnchanged(server(), () => changeLifecycle(agent.id, verb))
  })

  test('Waiting wakes of the agent are closed with the reason, and the next wake is promoted', async () => {
    const { held: heldIssue, agent, issue, run, checkout } = await world(server())
    const { issue: taken, run: holder, agent: owner } = await heldIssue()
    const next = await agent()
    await server().board.post(`/api/issues/${taken.id}/comments`, { body: 'For the assignee' })
    await insertDeferredWake(server(), taken.id, next.id)
    await server().database.sql.query('update issues set assignee_agent_id = null where id = $1', [taken.id])
    await changeLifecycle(owner.id, verb)
    expect(await runRow(server(), holder.id)).toMatchObject({ status: 'cancelled' })
    expect(await wakesOf(server(), taken.id)).toMatchObject([
      { agentId: owner.id, status: 'skipped', closeReason: 'agent_not_invokable' },
      { agentId: next.id, status: 'queued' },
    ])
    const [closed] = await wakesOf(server(), taken.id)
    expect((await lastAudit(server(), closed?.id ?? '', 'wake.closed')).details).toMatchObject({
      why: 'agent_not_invokable',
      issueId: taken.id,
    })
    expect((await checkout(await run(next), (await issue()).id)).status).toBe(200)
  })

  test('Concurrent checkouts of the same agent leave nothing held, in any order', async () => {
    const { agent, run, issue, checkout } = await world(server())
    for (let round = 0; round < 4; round += 1) {
      const who = await agent()
      const runs = [await run(who), await run(who), await run(who)]
      const wanted = [await issue(), await issue(), await issue()]
      const answers = await race([0, 1, 2, 3] as const, (at) => {
        const taking = runs[at]
        return taking === undefined ? changeLifecycle(who.id, verb) : checkout(taking, wanted[at]?.id ?? '')
      })
      expect(answers[3]?.status).toBe(200)
      for (const answer of answers.slice(0, 3)) expect([200, 401]).toContain(answer.status)
      for (const each of wanted) expect(await holdRow(server(), each.id)).toMatchObject(NO_HOLD)
      for (const each of runs) expect(await runRow(server(), each.id)).toMatchObject({ status: 'cancelled' })
    }
  })

  test('Concurrent openings of runs leave no live run', async () => {
    const { agent } = await world(server())
    const who = await agent()
    await race(Array.from({ length: 6 }), (_, index) =>
      index === 3 ? changeLifecycle(who.id, verb) : who.client.post(`/api/agents/${who.id}/runs`),
    )
    const { rows } = await server().database.sql.query(
      "select count(*)::int as live from heartbeat_runs where agent_id = $1 and status in ('queued', 'running')",
      [who.id],
    )
    expect(rows).toEqual([{ live: 0 }])
  })

  test('Only the board may do it, and a missing agent is 404', async () => {
    const { agent } = await world(server())
    const ceo = await agent({ role: 'ceo' })
    const who = await agent()
    for (const client of [ceo.client, who.client])
      await expectRefused(server(), () => changeLifecycle(who.id, verb, client), 403, 'board_required')
    await expectRefused(server(), () => changeLifecycle(randomUUID(), verb), 404, 'not_found')
  })
})

describe('pause and resume', () => {
  test('A paused agent starts no run and keeps its issue; after a resume it goes on with a new run', async () => {
    const { held: heldIssue, run, checkout } = await world(server())
    const { issue, agent } = await heldIssue()
    const paused = await changeLifecycle(agent.id, 'pause')
    expect(paused.body).toMatchObject({ pauseReason: 'manual' })
    expect(paused.body.pausedAt).not.toBeNull()
    await expectRefused(server(), () => agent.client.post(`/api/agents/${agent.id}/runs`), 409, 'agent_paused')
    const resumed = await changeLifecycle(agent.id, 'resume')
    expect(resumed.body).toMatchObject({ status: 'idle', pauseReason: null, pausedAt: null })
    expect((await lastAudit(server(), agent.id, 'agent.resumed')).details).toEqual({ previousPauseReason: 'manual' })
    await expectUnchanged(server(), () => changeLifecycle(agent.id, 'resume'))
    expect((await checkout(await run(agent), issue.id)).status).toBe(200)
  })

  test('A terminated or pending agent can be neither paused nor resumed', async () => {
    const { agent } = await world(server())
    const who = await agent()
    for (const [status, code] of [
      ['pending_approval', 'agent_pending'],
      ['terminated', 'agent_terminated'],
    ] as const) {
      await server().database.sql.query('update agents set status = $2 where id = $1', [who.id, status])
      for (const verb of ['pause', 'resume'] as const) await expectRefused(server(), () => changeLifecycle(who.id, verb), 409, code)
    }
  })

  test('The keys of a terminated agent are revoked, and assigning work to it is refused', async () => {
    const { held: heldIssue, issue } = await world(server())
    const { agent, run } = await heldIssue()
    await changeLifecycle(agent.id, 'terminate')
    await expectRefused(server(), () => agent.client.get('/api/agents/me'), 401, 'unauthorized')
    await expectRefused(server(), () => keyClientForRun(agent, run).get('/api/agents/me'), 401, 'unauthorized')
    expect((await lastAudit(server(), agent.id, 'agent.terminated')).details['revokedKeyIds']).toHaveLength(1)
    const open = await issue()
    const assign = () => server().board.patch(`/api/issues/${open.id}`, { assigneeAgentId: agent.id })
    await expectRefused(server(), assign, 409, 'agent_terminated')
  })
})
