import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function setup() {
  const base = await world(server())
  return { ...base, path: `/api/companies/${base.company.id}/branding` }
}

describe('PATCH /companies/:companyId/branding', () => {
  test('The board and a CEO in a run change the branding, and the audit row has the previous values', async () => {
    const { path, company, agent, run } = await setup()
    expect(await server().board.patch(path, { name: 'Bold', brandColor: '#abcdef' })).toMatchObject({
      status: 200,
      body: { id: company.id, name: 'Bold', brandColor: '#abcdef' },
    })
    const ceo = await run(await agent({ role: 'ceo' }))
    expect((await ceo.client.patch(path, { description: 'We build' })).body).toMatchObject({ description: 'We build', name: 'Bold' })
    expect(await lastAudit(server(), company.id, 'company.branding_updated')).toMatchObject({
      runId: ceo.id,
      details: { description: 'We build', changedKeys: ['description'], _previous: { description: null } },
    })
    const before = await auditCount(server())
    expect((await server().board.patch(path, { name: 'Bold', logoAssetId: null })).status).toBe(200)
    expect(await auditCount(server())).toBe(before)
  })

  test('A body without a field, with other fields, with a malformed value or with a missing logo is refused', async () => {
    const { path, company } = await setup()
    const before = await auditCount(server())
    for (const body of [{}, { status: 'paused' }, { name: 'x', budgetMonthlyCents: 1 }, { brandColor: 'red' }, { name: '' }]) {
      expect(await server().board.patch(path, body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    }
    for (const to of [path, `/api/companies/${company.id}`]) {
      // A name of which a screen shows nothing, as it is refused for agents, projects, labels and secrets.
      for (const name of ['\u200b', '\u202e\u2060', '\u3164'])
        expect(await server().board.patch(to, { name }), name).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(await server().board.patch(to, { logoAssetId: randomUUID() })).toMatchObject({
        status: 404,
        body: { error: 'Logo asset not found' },
      })
    }
    expect(await server().board.post('/api/companies', { name: '\u200b' })).toMatchObject({
      status: 400,
      body: { code: 'validation_failed' },
    })
    expect(await auditCount(server())).toBe(before)
  })

  test('An agent that is no CEO gets 403, and a company that is foreign or missing gives the same 404', async () => {
    const { path, agent, run } = await setup()
    const elsewhere = await setup()
    const ceo = await elsewhere.run(await elsewhere.agent({ role: 'ceo' }))
    const worker = await run(await agent())
    const before = await auditCount(server())
    expect((await worker.client.patch(path, { name: 'Mine' })).status).toBe(403)
    const answers = [
      await ceo.client.patch(path, { name: 'Mine' }),
      await ceo.client.patch(`/api/companies/${randomUUID()}/branding`, { name: 'Mine' }),
    ]
    expect(answers.map(({ status, body }) => [status, body.error])).toEqual(Array(2).fill([404, 'Company not found']))
    expect((await server().board.get('/api/companies')).body.map((row: { name: string }) => row.name)).not.toContain('Mine')
    expect(await auditCount(server())).toBe(before)
  })
})

describe('GET /companies/stats', () => {
  test('The counts leave out empty companies, terminated agents and hidden issues, and an agent gets 403', async () => {
    const { company, agent, issue } = await setup()
    const empty = await setup()
    const [worker, terminated] = [await agent(), await agent()]
    await server().board.post(`/api/agents/${terminated.id}/terminate`)
    await issue()
    const hidden = await issue()
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    const { status, body } = await server().board.get('/api/companies/stats')
    expect(status).toBe(200)
    expect(body[company.id]).toEqual({ agentCount: 1, issueCount: 1 })
    expect(body).not.toHaveProperty(empty.company.id)
    expect(await worker.client.get('/api/companies/stats')).toMatchObject({ status: 403, body: { code: 'board_required' } })
  })
})
