import { describe, expect, test } from 'vitest'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

const skillText = (name: string, text = 'Do it well.'): string => `---\nname: ${name}\n---\n\n${text}\n`

async function setup() {
  const here = await world(server())
  const skills = `/api/companies/${here.company.id}/skills`
  const creatorAgent = await here.agent({ permissions: { canCreateAgents: true } })
  const creator = await here.run(creatorAgent)
  const propose = (text: string, name = 'letters') =>
    creator.client.post(`${skills}/import`, { files: { 'SKILL.md': skillText(name, text) } })
  const decide = (id: string, verb = 'approve', body: unknown = {}) => board().post(`/api/approvals/${id}/${verb}`, body)
  return { ...here, skills, creator, propose, decide }
}

describe('a skill that an agent proposes', () => {
  test('It waits with its whole text, other agents do not see the text, and the approval stores exactly what was shown', async () => {
    const { company, skills, creator, propose, decide, agent } = await setup()
    const text = 'Use token=abcdefghijklmnop and sk-abcdefghijklmnopqrstuvwx.'
    const asked = await propose(text)
    expect(asked, asked.text).toMatchObject({
      status: 202,
      body: { imported: [], approval: { status: 'pending', requestedByAgentId: creator.agentId } },
    })
    expect((await board().get(skills)).body).toEqual([])
    const { id } = asked.body.approval
    const shown = (await board().get(`/api/approvals/${id}`)).body
    expect(shown.payload.textChange).toEqual({
      kind: 'skills',
      skills: { letters: { 'SKILL.md': skillText('letters', text) } },
      bases: { letters: null },
    })
    expect(JSON.stringify((await (await agent()).client.get(`/api/approvals/${id}`)).body)).not.toContain('Use token')
    expect(await decide(id, 'approve', { payloadHash: shown.payloadHash })).toMatchObject({ status: 200, body: { status: 'approved' } })
    const [stored] = (await board().get(skills)).body
    expect((await board().get(`${skills}/${stored.id}`)).body.markdown).toBe(skillText('letters', text))
    expect((await lastAudit(server(), company.id, 'company.skills_imported')).details).toMatchObject({
      approvalId: id,
      skills: [{ slug: 'letters', contentHash: stored.sourceRef, action: 'created' }],
    })
  })

  test('A repeated proposal is one approval, and a rejected one stores nothing', async () => {
    const { skills, propose, decide } = await setup()
    const first = await propose('one')
    const before = await auditCount(server())
    expect((await propose('one')).body.approval.id).toBe(first.body.approval.id)
    expect(await auditCount(server())).toBe(before)
    expect(await decide(first.body.approval.id, 'reject')).toMatchObject({ status: 200 })
    expect((await board().get(skills)).body).toEqual([])
  })

  test('A skill that has changed since it was asked for is not replaced', async () => {
    const { skills, propose, decide } = await setup()
    await board().post(`${skills}/import`, { files: { 'SKILL.md': skillText('letters', 'By the board.') } })
    const asked = await propose('By an agent.')
    expect(asked.body.approval.payload.summary).toContain('take the place of letters')
    await board().post(`${skills}/import`, { files: { 'SKILL.md': skillText('letters', 'Newer.') } })
    expect(await decide(asked.body.approval.id)).toMatchObject({ status: 409, body: { code: 'document_stale' } })
    const [stored] = (await board().get(skills)).body
    expect((await board().get(`${skills}/${stored.id}`)).body.markdown).toContain('Newer.')
    expect(await board().get(`/api/approvals/${asked.body.approval.id}`)).toMatchObject({ body: { status: 'pending' } })
  })

  test('No agent writes the field by itself: neither a request for an approval nor a resubmission takes it', async () => {
    const { company, creator, propose, decide, skills } = await setup()
    const payload = {
      title: 'x',
      textChange: { kind: 'skills', skills: { evil: { 'SKILL.md': skillText('evil') } }, bases: { evil: null } },
    }
    expect(await creator.client.post(`/api/companies/${company.id}/approvals`, { type: 'request_board_approval', payload })).toMatchObject({
      status: 422,
      body: { code: 'payload_invalid' },
    })
    const { id } = (await propose('mine')).body.approval
    await decide(id, 'request-revision')
    expect(await creator.client.post(`/api/approvals/${id}/resubmit`, { payload })).toMatchObject({
      status: 422,
      body: { code: 'payload_invalid' },
    })
    expect(await creator.client.post(`/api/approvals/${id}/resubmit`, {})).toMatchObject({ status: 200 })
    expect(await decide(id)).toMatchObject({ status: 200 })
    expect((await board().get(skills)).body.map((skill: { slug: string }) => skill.slug)).toEqual(['letters'])
  })

  test('Only an agent that creates agents proposes a skill, and no more text than a person reads', async () => {
    const { skills, agent, run, creator } = await setup()
    const files = { 'SKILL.md': skillText('letters') }
    expect(await (await run(await agent())).client.post(`${skills}/import`, { files })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    })
    const long = { ...files, 'long.md': 'x'.repeat(130 * 1024) }
    expect(await creator.client.post(`${skills}/import`, { files: long })).toMatchObject({
      status: 422,
      body: { error: expect.stringContaining('a person reads it') },
    })
  })
})

describe('the skills that an agent asks for', () => {
  test('An agent that asks for skills gets an approval with the resulting configuration, and has them after the decision', async () => {
    const { agent, run, decide } = await setup()
    const worker = await agent()
    const { client } = await run(worker)
    const asked = await client.post(`/api/agents/${worker.id}/skills/sync`, { desiredSkills: ['paperclip'] })
    expect(asked, asked.text).toMatchObject({ status: 202, body: { desiredSkills: [], approval: { status: 'pending' } } })
    const shown = (await board().get(`/api/approvals/${asked.body.approval.id}`)).body
    expect(shown.resultingConfiguration.adapterConfig).toEqual({ desiredSkills: ['paperclip'] })
    expect(await decide(asked.body.approval.id, 'approve', { payloadHash: shown.payloadHash })).toMatchObject({ status: 200 })
    expect((await client.get(`/api/agents/${worker.id}/skills`)).body.desiredSkills).toEqual(['paperclip'])
    expect(await actionsOf(server(), worker.id)).toContain('agent.skills_synced')
    expect((await board().get(`/api/agents/${worker.id}/config-revisions`)).body[0]).toMatchObject({ source: 'skill-sync' })
  })

  test('A worker cannot ask for the skills of a peer, and a CEO that asks for them of an agent below makes a proposal', async () => {
    const { agent, run } = await setup()
    const peer = await agent()
    const worker = await run(await agent())
    const sync = { desiredSkills: ['paperclip'] }
    expect(await worker.client.post(`/api/agents/${peer.id}/skills/sync`, sync)).toMatchObject({ status: 403, body: { code: 'not_self' } })
    const chief = await run(await agent({ role: 'ceo' }))
    expect(await chief.client.post(`/api/agents/${peer.id}/skills/sync`, sync)).toMatchObject({ status: 202 })
  })
})
