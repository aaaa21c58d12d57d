import { describe, expect, test } from 'vitest'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

type Files = Record<string, string>
const skillText = (name: string, text = 'Do it well.'): string => `---\nname: ${name}\n---\n\n${text}\n`

const send = (files: Files, fields: object = {}) =>
  board().post('/api/companies/import', {
    source: { type: 'inline', files },
    target: { mode: 'new_company', newCompanyName: 'Acme Works' },
    ...fields,
  })

/** A company with a skill, and with an agent that has it, instructions and a prompt besides. */
async function setup() {
  const here = await world(server())
  const { company, agent } = here
  const files = { 'letters/SKILL.md': skillText('letters'), 'letters/docs/tone.md': 'Kind.\n', 'other/SKILL.md': skillText('other') }
  await board().post(`/api/companies/${company.id}/skills/import`, { files })
  const ada = await agent({
    name: 'Ada',
    adapterType: 'claude_local',
    adapterConfig: { promptTemplate: 'Go: {{prompt}}' },
    desiredSkills: ['letters', 'paperclip'],
  })
  const write = (path: string, content: string) => board().put(`/api/agents/${ada.id}/instructions-bundle/file`, { path, content })
  await write('AGENTS.md', 'Be kind.\n\nAlways.\n')
  await write('docs/TOOLS.md', 'A pen.')
  const bob = await agent({ name: 'Bob', adapterType: 'claude_local', adapterConfig: { promptTemplate: 'Only a prompt.' } })
  const exported = async (body: object = {}, id = company.id, client = board()) => {
    const answer = await client.post(`/api/companies/${id}/export`, body)
    expect(answer.status, answer.text).toBe(200)
    return answer.body as {
      files: Files
      warnings: string[]
      manifest: { skills: unknown[]; agents: { slug: string; skills: string[] }[] }
    }
  }
  return { ...here, ada, bob, exported }
}

describe('skills and instructions in packages', () => {
  test('A round trip keeps every file, the skills of agents, the entry file, and a prompt beside instructions', async () => {
    const { exported } = await setup()
    const { files, manifest } = await exported()
    expect(files).toMatchObject({
      'skills/letters/SKILL.md': skillText('letters'),
      'skills/letters/docs/tone.md': 'Kind.\n',
      'skills/other/SKILL.md': skillText('other'),
      'agents/ada/docs/TOOLS.md': 'A pen.',
    })
    expect(files['agents/ada/AGENTS.md']).toContain('Be kind.\n\nAlways.\n')
    expect(manifest.skills).toMatchObject([{ slug: 'letters', path: 'skills/letters/SKILL.md' }, { slug: 'other' }])
    expect(manifest.agents.find(({ slug }) => slug === 'ada')?.skills).toEqual(['letters', 'paperclip'])
    const made = await send(files)
    expect(made.status, made.text).toBe(200)
    expect(made.body.skills).toMatchObject([
      { slug: 'letters', action: 'created' },
      { slug: 'other', action: 'created' },
    ])
    expect(made.body.warnings).toContain('agents/ada/AGENTS.md: brings 2 file(s) of instructions')
    expect((await exported({}, made.body.company.id)).files).toEqual(files)
    const ada = made.body.agents.find((agent: { slug: string }) => agent.slug === 'ada').id
    expect((await board().get(`/api/agents/${ada}/instructions-bundle/file?path=AGENTS.md`)).body.content).toBe('Be kind.\n\nAlways.\n')
    expect((await board().get(`/api/agents/${ada}`)).body.adapterConfig).toEqual({
      promptTemplate: 'Go: {{prompt}}',
      desiredSkills: ['letters', 'paperclip'],
    })
    const bob = made.body.agents.find((agent: { slug: string }) => agent.slug === 'bob').id
    expect((await board().get(`/api/agents/${bob}/instructions-bundle`)).body.mode).toBeNull()
    expect((await lastAudit(server(), made.body.company.id, 'company.skills_imported')).details).toMatchObject({
      skills: [{ slug: 'letters' }, { slug: 'other' }],
    })
    expect((await lastAudit(server(), ada, 'agent.instructions_bundle_updated')).details).toMatchObject({ entryFile: 'AGENTS.md' })
  })

  test('A package of another program with files beside an agent becomes instructions, and its text is their entry', async () => {
    const made = await send({
      'agents/ceo/AGENTS.md': '---\nname: CEO\nskills:\n  - owner/repository/letters\n---\n\nRead HEARTBEAT.md.\n',
      'agents/ceo/HEARTBEAT.md': 'Look around.',
      'skills/letters/SKILL.md': skillText('letters'),
    })
    expect(made.status, made.text).toBe(200)
    const [{ id }] = made.body.agents
    expect((await board().get(`/api/agents/${id}/instructions-bundle`)).body).toMatchObject({
      mode: 'managed',
      files: [{ path: 'AGENTS.md', isEntryFile: true }, { path: 'HEARTBEAT.md' }],
    })
    expect((await board().get(`/api/agents/${id}`)).body.adapterConfig).toEqual({ desiredSkills: ['letters'] })
  })

  test('A path that leaves the folder of an agent is an error of the package, and a skill that cannot be stored a warning', async () => {
    const files = { 'agents/a/AGENTS.md': 'x', 'agents/a/con.md': 'x' }
    expect(await send(files)).toMatchObject({
      status: 422,
      body: { code: 'package_invalid', details: { errors: [expect.stringContaining('device')] } },
    })
    expect(await send({ 'agents/a/AGENTS.md': 'x', 'agents/a/../../x.md': 'x' })).toMatchObject({ status: 400 })
    const made = await send({ 'skills/x/readme.md': 'x', 'skills/y/SKILL.md': skillText('y'), 'skills/y/run.sh': 'echo' })
    expect(made.body.warnings).toEqual(expect.arrayContaining([expect.stringContaining('belong to no folder'), 'skills/y: has programs']))
  })

  test('A skill of the company with the same name stays, unless rows are to be replaced', async () => {
    const { company } = await setup()
    const files = { 'skills/letters/SKILL.md': skillText('letters', 'Other.'), 'skills/other/SKILL.md': skillText('other') }
    const target = { mode: 'existing_company', companyId: company.id }
    const kept = await send(files, { target })
    expect(kept.body.skills).toMatchObject([
      { slug: 'letters', action: 'skipped', reason: expect.stringContaining('stays') },
      { slug: 'other', action: 'skipped' },
    ])
    const preview = await board().post('/api/companies/import/preview', {
      source: { type: 'inline', files },
      target,
      collisionStrategy: 'replace',
    })
    expect(preview.body.plan.skillPlans).toMatchObject([
      { slug: 'letters', action: 'update' },
      { slug: 'other', action: 'skip' },
    ])
    expect((await send(files, { target, collisionStrategy: 'replace' })).body.skills).toMatchObject([
      { slug: 'letters', action: 'updated' },
      { action: 'skipped' },
    ])
  })

  test('Instructions of an agent that is replaced are written, each as a revision', async () => {
    const { company, ada, exported } = await setup()
    const { files } = await exported()
    await board().put(`/api/agents/${ada.id}/instructions-bundle/file`, { path: 'AGENTS.md', content: 'Changed.' })
    const made = await send(files, { target: { mode: 'existing_company', companyId: company.id }, collisionStrategy: 'replace' })
    expect(made.status, made.text).toBe(200)
    expect((await board().get(`/api/agents/${ada.id}/instructions-bundle/file?path=AGENTS.md`)).body.content).toBe('Be kind.\n\nAlways.\n')
  })

  test('Skills are left out or chosen by name, and a peer exports no instructions', async () => {
    const { agent, company, exported } = await setup()
    expect(Object.keys((await exported({ include: { skills: false } })).files).filter((path) => path.startsWith('skills/'))).toEqual([])
    expect(Object.keys((await exported({ skills: ['other'] })).files).filter((path) => path.startsWith('skills/'))).toEqual([
      'skills/other/SKILL.md',
    ])
    const worker = await agent()
    const seen = (await exported({}, company.id, worker.client)).files
    expect(JSON.stringify(seen)).not.toContain('Be kind.')
    expect(seen['agents/ada/docs/TOOLS.md']).toBeUndefined()
  })

  test('A CEO imports neither skills nor instructions nor the skills of an agent, and a warning says so', async () => {
    const { company, agent, run, exported } = await setup()
    await server().database.sql.query('update companies set require_board_approval_for_new_agents = false where id = $1', [company.id])
    const { files } = await exported()
    const chief = await run(await agent({ role: 'ceo' }))
    const made = await chief.client.post(`/api/companies/${company.id}/imports/apply`, {
      source: {
        type: 'inline',
        files: {
          'agents/eve/AGENTS.md': files['agents/ada/AGENTS.md'] ?? '',
          'agents/eve/x.md': 'x',
          'skills/new/SKILL.md': skillText('new'),
        },
      },
      target: { mode: 'existing_company', companyId: company.id },
      agents: ['eve'],
    })
    expect(made.status, made.text).toBe(200)
    expect(made.body).toMatchObject({
      skills: [],
      warnings: expect.arrayContaining([
        expect.stringContaining('1 skill(s) are ignored'),
        expect.stringContaining('skills and instructions are ignored'),
      ]),
    })
    const [{ id }] = made.body.agents
    expect((await board().get(`/api/agents/${id}/instructions-bundle`)).body.mode).toBeNull()
    expect((await board().get(`/api/agents/${id}`)).body.adapterConfig).toEqual({})
  })
})
