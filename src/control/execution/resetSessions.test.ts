import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startQueuedRun } from '../../control/dispatch/index.ts'
import { createProcessAgent, insertQueuedRuns } from '../../dev/testing/runner.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

/** An agent with two sessions to resume: that of one task, and that of everything else. */
async function setup() {
  const here = await world(server())
  const agent = await createProcessAgent(here, '')
  await server().database.sql.query(
    `insert into agent_task_sessions (agent_id, task_key, company_id, adapter_type, session_id, updated_at)
     values ($1, 'task', $2, 'process', 's-task', now() - interval '1 hour'), ($1, 'agent', $2, 'process', 's-agent', now())`,
    [agent.id, here.company.id],
  )
  const state = `/api/agents/${agent.id}/runtime-state`
  return {
    agent,
    read: async () => (await server().board.get(state)).body,
    reset: (body?: object) => server().board.post(`${state}/reset-session`, body),
    /** The session that the next run of the agent would resume. */
    nextSession: async () => {
      await insertQueuedRuns(server(), here.company.id, agent.id, 1)
      const result = await startQueuedRun(server().store, randomUUID(), ['process'], { agentId: agent.id, companyId: here.company.id })
      if (result.kind !== 'claimed') throw new Error(result.kind)
      await server().board.post(`/api/heartbeat-runs/${result.order.runId}/cancel`)
      return result.order.sessionIdBefore
    },
  }
}

describe('resetSessions', () => {
  test('A run resumes the agent’s session before a reset and none after it; the reset is audited', async () => {
    const { agent, read, reset, nextSession } = await setup()
    expect(await read()).toMatchObject({ sessionId: 's-agent', sessionDisplayId: 's-agent' })
    expect(await nextSession()).toBe('s-agent')
    const answer = await reset()
    expect(answer, answer.text).toMatchObject({ status: 200, body: { agentId: agent.id, sessionId: null, clearedTaskSessions: 2 } })
    expect(await lastAudit(server(), agent.id, 'agent.runtime_session_reset')).toMatchObject({
      actorId: 'local-board',
      agentId: agent.id,
      details: { taskKey: null, clearedTaskSessions: 2 },
    })
    expect(await nextSession()).toBeNull()
    expect((await reset()).body).toMatchObject({ clearedTaskSessions: 0 })
  })

  test('The kept sessions are listed, newest first, and each is reset by its key (K24)', async () => {
    const { agent, reset } = await setup()
    const list = async () => (await server().board.get(`/api/agents/${agent.id}/task-sessions`)).body
    const before = await list()
    expect(before).toMatchObject([
      { agentId: agent.id, taskKey: 'agent', sessionId: 's-agent', adapterType: 'process', lastRunId: null, lastError: null },
      { agentId: agent.id, taskKey: 'task', sessionId: 's-task' },
    ])
    expect(new Set(before.map(({ id }: { id: string }) => id)).size).toBe(2)
    await reset({ taskKey: before[0].taskKey })
    expect((await list()).map(({ id }: { id: string }) => id)).toEqual([before[1].id])
    expect((await server().board.get(`/api/agents/${randomUUID()}/task-sessions`)).status).toBe(404)
  })

  test('A reset of one task keeps the sessions of all other tasks', async () => {
    const { reset, read, nextSession } = await setup()
    expect((await reset({ taskKey: 'other' })).body).toMatchObject({ clearedTaskSessions: 0, sessionId: 's-agent' })
    expect((await reset({ taskKey: 'agent' })).body).toMatchObject({ clearedTaskSessions: 1, sessionId: 's-task' })
    expect(await nextSession()).toBeNull()
    expect(await read()).toMatchObject({ sessionId: 's-task' })
  })

  test('A reset by an agent is refused', async () => {
    const { agent, reset } = await setup()
    const before = await auditCount(server())
    const own = await agent.client.post(`/api/agents/${agent.id}/runtime-state/reset-session`, {})
    expect(own.body).toMatchObject({ code: 'board_required' })
    expect((await server().board.post(`/api/agents/${randomUUID()}/runtime-state/reset-session`)).status).toBe(404)
    expect((await reset({ taskKey: '' })).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })
})
