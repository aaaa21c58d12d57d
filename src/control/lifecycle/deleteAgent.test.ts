import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditsOf, insertDeferredWake, NO_HOLD, holdRow, expectRefused, wakesOf } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const remove = (agentId: string) => server().board.del(`/api/agents/${agentId}`)

describe('deleteAgent', () => {
  test('Deleting an agent with runs, issues, reports and comments frees its issues and keeps every audit row', async () => {
    const { held: heldIssue, issue, run, agent: another } = await world(server())
    const { issue: taken, run: working, agent } = await heldIssue()
    const waiting = await issue({ assigneeAgentId: agent.id, status: 'in_review' })
    const queued = await issue({ assigneeAgentId: agent.id })
    const report = await another({ reportsTo: agent.id })
    await working.client.post(`/api/issues/${taken.id}/comments`, { body: 'Mine' })
    await server().board.post(`/api/issues/${waiting.id}/admin/force-release`)
    const before = await auditsOf(server(), agent.id)
    const answer = await remove(agent.id)
    expect(answer).toMatchObject({ status: 200, body: { ok: true } })

    expect(await holdRow(server(), taken.id)).toMatchObject({ ...NO_HOLD, status: 'todo', assigneeAgentId: null, lockEpoch: 2 })
    expect(await holdRow(server(), waiting.id)).toMatchObject({ ...NO_HOLD, status: 'in_review', assigneeAgentId: null })
    expect(await holdRow(server(), queued.id)).toMatchObject({ ...NO_HOLD, status: 'todo', assigneeAgentId: null })
    expect((await server().board.get(`/api/agents/${report.id}`)).body.reportsTo).toBeNull()
    expect((await server().board.get(`/api/issues/${taken.id}/comments`)).body).toMatchObject([{ body: 'Mine', authorAgentId: agent.id }])

    const after = await auditsOf(server(), agent.id)
    expect(after.slice(0, before.length)).toEqual(before)
    const audit = await lastAudit(server(), agent.id, 'agent.deleted')
    expect(after.at(-1)?.id).toBe(audit.id)
    expect((audit.details['freedIssueIds'] as string[]).toSorted()).toEqual([taken.id, waiting.id, queued.id].toSorted())
    expect(await actionsOf(server(), working.id)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished'])
    expect((await lastAudit(server(), taken.id, 'issue.lock_cleared')).details).toMatchObject({ why: 'assignee_deleted', lockEpoch: 2 })
    await expectRefused(server(), () => working.client.get('/api/agents/me'), 401, 'unauthorized')
    await expectRefused(server(), () => agent.client.get('/api/agents/me'), 401, 'unauthorized')
    await expectRefused(server(), () => remove(agent.id), 404, 'not_found')
    expect((await run(report)).id).not.toBe('')
  })

  test('A wake of the deleted agent is closed, and the next wake that waits for its issue is promoted', async () => {
    const { held: heldIssue, agent: another } = await world(server())
    const { issue, agent } = await heldIssue()
    const next = await another()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'For the assignee' })
    const [mine] = await wakesOf(server(), issue.id)
    await insertDeferredWake(server(), issue.id, next.id)
    await remove(agent.id)
    expect(await actionsOf(server(), mine?.id ?? '')).toEqual(['wake.closed'])
    const rest = await wakesOf(server(), issue.id)
    expect(rest).toMatchObject([{ agentId: next.id, status: 'queued' }])
  })

  test('Writes of the agent’s runs that race the deletion leave the issue free', async () => {
    const { held: heldIssue } = await world(server())
    for (let round = 0; round < 4; round += 1) {
      const { issue, run, agent } = await heldIssue()
      const answers = await race([0, 1, 2] as const, (who) => {
        if (who === 0) return remove(agent.id)
        return who === 1
          ? run.client.patch(`/api/issues/${issue.id}`, { title: `Round ${round}` })
          : run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)
      })
      expect(answers[0]?.status).toBe(200)
      for (const answer of answers.slice(1)) expect([200, 401, 404, 409], answer.text).toContain(answer.status)
      expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, assigneeAgentId: null, status: 'todo' })
    }
  })

  test('Deleting an agent is refused to agents, and a missing agent is 404', async () => {
    const { agent } = await world(server())
    const ceo = await agent({ role: 'ceo' })
    await expectRefused(server(), () => ceo.client.del(`/api/agents/${ceo.id}`), 403, 'board_required')
    await expectRefused(server(), () => remove(randomUUID()), 404, 'not_found')
  })
})
