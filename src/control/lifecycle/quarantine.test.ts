import { describe, expect, test } from 'vitest'
import { follow } from '../../dev/testing/follower.ts'
import { expectRefused } from '../../dev/testing/holds.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function arrange() {
  const here = await world(server())
  const held = await here.held()
  const second = await here.agent()
  await here.checkout(await here.run(second), (await here.issue()).id)
  const { body: keys } = await server().board.get(`/api/agents/${held.agent.id}/keys`)
  const quarantine = () => server().board.post(`/api/agents/${held.agent.id}/quarantine`, { reason: 'It posts where it should not' })
  return { ...here, ...held, second, keyIds: keys.map((key: { id: string }) => key.id), quarantine }
}

describe('quarantine', () => {
  test('Runs, keys and the hold end in one transaction with the reason, and every credential is 401 on every server', async () => {
    const { agent, run, issue, keyIds, quarantine } = await arrange()
    const peer = await server().startPeer()
    try {
      for (const client of [agent.client, run.client, peer.bearer(agent.key), peer.bearer(run.token)])
        expect((await client.get(`/api/issues/${issue.id}`)).status).toBe(200)
      expect(await quarantine()).toMatchObject({ status: 200, body: { status: 'paused', pauseReason: 'quarantine' } })
      expect(await lastAudit(server(), agent.id, 'agent.quarantined')).toMatchObject({
        actorType: 'user',
        details: { reason: 'It posts where it should not', endedRunIds: [run.id], revokedKeyIds: keyIds, closedWakeIds: [] },
      })
      for (const client of [agent.client, run.client])
        for (const answer of [
          await client.get(`/api/issues/${issue.id}`),
          await client.post(`/api/issues/${issue.id}/comments`, { body: 'a' }),
        ])
          expect(answer.status).toBe(401)
      // Another server may trust its look-up for a second, but it writes nothing.
      for (const token of [agent.key, run.token])
        expect([401, 409]).toContain((await peer.bearer(token).post(`/api/issues/${issue.id}/comments`, { body: 'a' })).status)
      expect((await server().board.get(`/api/issues/${issue.id}`)).body).toMatchObject({ checkoutRunId: null, executionRunId: null })
      const { rows } = await server().database.sql.query('select distinct txid from activity_log where request_id = $1', [
        (await lastRequestId(agent.id)) ?? '',
      ])
      expect(rows).toHaveLength(1)
    } finally {
      await peer.stop()
    }
  })

  test('Its streams end on every server', async () => {
    const { agent, company, quarantine } = await arrange()
    const peer = await server().startPeer()
    try {
      const path = `/api/companies/${company.id}/events/stream`
      const headers = { authorization: `Bearer ${agent.key}` }
      const readers = await Promise.all([server(), peer].map(({ url }) => follow(url, path, headers)))
      expect(readers.map(({ status }) => status)).toEqual([200, 200])
      await quarantine()
      await Promise.all(readers.map(({ ended }) => ended))
    } finally {
      await peer.stop()
    }
  })

  test('A wake that waits for the agent is closed', async () => {
    const here = await world(server())
    const [holder, waiting] = [await here.agent(), await here.agent()]
    const { id: issueId } = await here.issue()
    expect((await here.checkout(await here.run(holder), issueId)).status).toBe(200)
    await server().database.sql.query(
      `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id)
       values ($1, $2, $3, 'automation', 'test', 'deferred_issue_execution', 'user', 'a')`,
      [here.company.id, waiting.id, issueId],
    )
    await server().board.post(`/api/agents/${waiting.id}/quarantine`, { reason: 'Test' })
    const { rows } = await server().database.sql.query('select status, close_reason from wakes where agent_id = $1', [waiting.id])
    expect(rows).toEqual([{ status: 'skipped', close_reason: 'agent_not_invokable' }])
    expect((await lastAudit(server(), waiting.id, 'agent.quarantined')).details['closedWakeIds']).toHaveLength(1)
  })

  test('A paused agent can be quarantined, and a second quarantine changes nothing', async () => {
    const { agent, quarantine } = await arrange()
    await server().board.post(`/api/agents/${agent.id}/pause`)
    expect((await quarantine()).body).toMatchObject({ status: 'paused', pauseReason: 'quarantine' })
    const messages = server().messages.length
    expect((await quarantine()).status).toBe(200)
    expect(server().messages.length).toBe(messages)
  })

  test('Nothing but a release ends it, and a release brings nothing back', async () => {
    const { agent, quarantine } = await arrange()
    await quarantine()
    await expectRefused(server(), () => server().board.post(`/api/agents/${agent.id}/resume`), 409, 'agent_quarantined')
    await expectRefused(server(), () => server().board.post(`/api/agents/${agent.id}/keys`, { name: 'new' }), 409, 'agent_quarantined')
    expect((await server().board.del(`/api/agents/${agent.id}/quarantine`)).body).toMatchObject({ status: 'paused', pauseReason: 'manual' })
    expect((await agent.client.get('/api/agents/me')).status).toBe(401)
    expect((await server().board.post(`/api/agents/${agent.id}/resume`)).body.status).toBe('idle')
    expect((await server().board.post(`/api/agents/${agent.id}/keys`, { name: 'new' })).status).toBe(201)
  })

  test('The report shows what the agent changed, ran and asked for, and no agent may read it', async () => {
    const { agent, run, issue, company, second, quarantine } = await arrange()
    await server().board.patch(`/api/agents/${agent.id}`, { adapterConfig: { nested: [{ url: 'https://Hooks.example:8443/a' }] } })
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'Written' })
    const approval = await run.client.post(`/api/companies/${company.id}/approvals`, {
      type: 'request_board_approval',
      payload: { title: 'May I?', summary: 'Please' },
    })
    await quarantine()
    const { body } = await server().board.get(`/api/agents/${agent.id}/quarantine?hours=1`)
    expect(body).toMatchObject({
      agentId: agent.id,
      isQuarantined: true,
      quarantine: { reason: 'It posts where it should not', endedRunIds: [run.id] },
      runs: [{ id: run.id, status: 'cancelled', errorCode: 'agent_quarantined' }],
      approvals: [{ id: approval.body.id, status: 'pending' }],
      hosts: ['hooks.example:8443'],
    })
    const actions = body.changes.map((row: { action: string }) => row.action)
    expect(actions).toEqual(expect.arrayContaining(['issue.checked_out', 'issue.comment_added', 'approval.created']))
    expect(body.changes.every((row: { actorId: string }) => row.actorId === agent.id)).toBe(true)
    expect((await second.client.get(`/api/agents/${agent.id}/quarantine`)).status).toBe(403)
  })
})

const lastRequestId = async (agentId: string): Promise<string | undefined> => {
  const { rows } = await server().database.sql.query<{ request_id: string }>(
    "select request_id from activity_log where entity_id = $1 and action = 'agent.quarantined'",
    [agentId],
  )
  return rows[0]?.request_id
}
