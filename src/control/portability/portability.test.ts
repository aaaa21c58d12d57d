import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'
import { MAX_FILES } from './limits.ts'

const server = useServer()
const everything = { company: true, agents: true, projects: true, issues: true }
const SECRETS = ['plain-env-value', 'sk-1234567890abcdefghij', 'hidden-in-config', 'project-env-value']

type Files = Record<string, string>
const inline = (files: Files) => ({ type: 'inline', files })
const newCompany = { mode: 'new_company' } as const
const existing = (companyId: string) => ({ mode: 'existing_company', companyId })

/** A company with one row of each kind that a package can contain. */
async function setup() {
  const testWorld = await world(server())
  const { company, agent, issue } = testWorld
  const post = async (path: string, body: unknown) => {
    const answer = await server().board.post(`/api/companies/${company.id}${path}`, body)
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }
  await server().board.patch(`/api/companies/${company.id}`, {
    description: 'We make things.\n\n---\n\nAnd more.',
    brandColor: '#a1b2c3',
    requireBoardApprovalForNewAgents: false,
  })
  const boss = await agent({ name: 'Grace Hopper', role: 'ceo', title: 'Chief: "the" boss', capabilities: 'Decides\nthings' })
  const worker = await agent({
    name: 'Ada',
    role: 'engineer',
    reportsTo: boss.id,
    adapterType: 'claude_local',
    adapterConfig: {
      model: 'opus',
      promptTemplate: 'You are Ada.\n\n{{prompt}}\n',
      env: { API_KEY: SECRETS[0], REGION: { type: 'plain', value: 'eu' } },
      apiToken: SECRETS[2],
    },
    runtimeConfig: { heartbeat: { wakeOnDemand: true } },
    budgetMonthlyCents: 700,
  })
  const label = await post('/labels', { name: 'Bug', color: '#ff0000' })
  const project = await post('/projects', {
    name: 'Web Site',
    description: 'The site',
    leadAgentId: boss.id,
    color: '#123456',
    env: { TOKEN: SECRETS[3] },
    workspace: { repoUrl: 'https://example.invalid/site.git', cwd: '/srv/site', setupCommand: 'prepare-it' },
  })
  const parent = await issue({ title: 'Build it', projectId: project.id, status: 'backlog' })
  const first = await issue({
    title: 'Same name',
    description: `First, key ${SECRETS[1]}`,
    parentId: parent.id,
    assigneeAgentId: worker.id,
    labelIds: [label.id],
    priority: 'high',
  })
  await issue({ title: 'Same name', description: 'Second', blockedByIssueIds: [first.id] })
  return { ...testWorld, boss, worker, project }
}

async function exported(client: Client, companyId: string, body: object = { include: everything }, path = 'export') {
  const answer = await client.post(`/api/companies/${companyId}/${path}`, body)
  expect(answer.status, answer.text).toBe(200)
  return answer.body as {
    rootPath: string
    manifest: Record<string, never[]>
    files: Files
    warnings: string[]
    paperclipExtensionPath: string
  }
}

const importPackage = (body: object, headers?: Record<string, string>) => server().board.post('/api/companies/import', body, headers)

describe('export', () => {
  test('An exported company is imported again as an equal company, and no agent is started', async () => {
    const { company } = await setup()
    const first = await exported(server().board, company.id)
    const answer = await importPackage({ source: inline(first.files), target: { ...newCompany, newCompanyName: 'Acme Works' } })
    expect(answer).toMatchObject({
      status: 200,
      body: {
        company: { name: 'Acme Works', action: 'created' },
        agents: [
          { slug: 'grace-hopper', action: 'created' },
          { slug: 'ada', action: 'created' },
        ],
        projects: [{ slug: 'web-site', action: 'created' }],
        issues: [{ title: 'Build it' }, { title: 'Same name' }, { title: 'Same name' }],
      },
    })
    const { id } = answer.body.company
    const second = await exported(server().board, id)
    expect(second.files).toEqual(first.files)
    expect(second.manifest).toEqual({
      ...first.manifest,
      generatedAt: expect.any(String),
      source: { companyId: id, companyName: 'Acme Works' },
    })
    expect((await lastAudit(server(), id, 'company.imported')).details).toEqual({
      companyAction: 'created',
      importMode: 'board',
      collisionStrategy: 'rename',
      agents: 2,
      projects: 1,
      issues: 3,
      warnings: answer.body.warnings.length,
    })
    expect(await actionsOf(server(), answer.body.agents[0].id)).toEqual(['agent.created'])
    expect(await actionsOf(server(), answer.body.issues[2].id)).toEqual(['issue.created', 'issue.blockers_updated'])
    expect(server().messages.filter((row) => row.companyId === id).length).toBeGreaterThan(8)
    const { rows } = await server().database.sql.query('select 1 from wakes where company_id = $1', [id])
    expect(rows).toEqual([])
  })

  test('A package contains no secret, names the values that it omits, and shows an agent nothing that the host runs', async () => {
    const { company, boss, worker } = await setup()
    const board = await exported(server().board, company.id)
    for (const secret of SECRETS) expect(JSON.stringify(board)).not.toContain(secret)
    expect(JSON.parse(board.files['.paperclip.yaml'] ?? '').agents.ada.adapterConfig).toEqual({
      model: 'opus',
      env: { API_KEY: { type: 'plain', value: '' }, REGION: { type: 'plain', value: '' } },
    })
    expect(board.manifest['envInputs']?.map(({ key, agentSlug, projectSlug }) => [key, agentSlug ?? projectSlug]).toSorted()).toEqual([
      ['API_KEY', 'ada'],
      ['REGION', 'ada'],
      ['TOKEN', 'web-site'],
    ])
    expect(board.warnings).toEqual(
      expect.arrayContaining([
        'agents/ada/AGENTS.md: the values of REGION, API_KEY are not exported; set them after an import',
        'agents/ada/AGENTS.md: adapterConfig.apiToken looks like a secret and is not exported',
        'tasks/same-name/TASK.md: a part of the text looks like a secret and is redacted',
      ]),
    )
    for (const client of [worker.client, boss.client]) {
      const seen = await exported(client, company.id)
      for (const hidden of ['opus', '/srv/site', 'prepare-it', 'You are Ada', 'TOKEN', 'claude_local'])
        expect(JSON.stringify(seen)).not.toContain(hidden)
      expect(seen.warnings).toContain('Adapters, environments and commands are omitted, because only the board may read them')
    }
  })

  test('A package contains the requested parts, and no terminated or pending agent', async () => {
    const { company, agent, issue, project } = await setup()
    const gone = await agent({ name: 'Gone' })
    await server().board.post(`/api/agents/${gone.id}/terminate`)
    expect(Object.keys((await exported(server().board, company.id, {})).files)).toEqual([
      '.paperclip.yaml',
      'COMPANY.md',
      'agents/ada/AGENTS.md',
      'agents/grace-hopper/AGENTS.md',
    ])
    const other = await issue({ title: 'Elsewhere' })
    const chosen = { include: { company: false, agents: false, issues: true }, issues: [other.identifier] }
    expect(Object.keys((await exported(server().board, company.id, chosen)).files)).toEqual(['.paperclip.yaml', 'tasks/elsewhere/TASK.md'])
    const ofProject = { ...chosen, issues: [], projectIssues: [project.urlKey] }
    expect(Object.keys((await exported(server().board, company.id, ofProject)).files)).toEqual([
      '.paperclip.yaml',
      'tasks/build-it/TASK.md',
    ])
    expect(await server().board.post(`/api/companies/${company.id}/exports/preview`, { include: everything })).toMatchObject({
      status: 200,
      body: {
        counts: { agents: 2, projects: 1, issues: 4, files: 9 },
        fileInventory: expect.arrayContaining([{ path: 'COMPANY.md', kind: 'company' }]),
      },
    })
  })

  test('An export that is too large is refused', async () => {
    const { company } = await world(server())
    await server().database.sql.query(
      `insert into issues (company_id, issue_number, identifier, title)
       select $1, n, $2 || '-' || n, 'Many' from generate_series(1000, 1000 + $3) n`,
      [company.id, `BIG${'A'.repeat(3)}`, MAX_FILES],
    )
    expect(await server().board.post(`/api/companies/${company.id}/export`, { include: everything })).toMatchObject({
      status: 422,
      body: { code: 'unprocessable' },
    })
  })
})

describe('import', () => {
  test('A preview shows the plan of an import and writes nothing', async () => {
    const { company } = await setup()
    const { files } = await exported(server().board, company.id)
    const before = await auditCount(server())
    const order = { source: inline(files), target: existing(company.id), agents: ['ada'], collisionStrategy: 'skip' }
    const answer = await server().board.post('/api/companies/import/preview', order)
    expect(answer).toMatchObject({
      status: 200,
      body: {
        targetCompanyId: company.id,
        targetCompanyName: 'Acme Works',
        selectedAgentSlugs: ['ada'],
        plan: {
          companyAction: 'none',
          agentPlans: [{ slug: 'ada', action: 'skip' }],
          projectPlans: [{ slug: 'web-site', action: 'skip' }],
          issuePlans: [{ slug: 'build-it' }, { slug: 'same-name' }, { slug: 'same-name-2' }],
        },
        errors: [],
      },
    })
    expect(await auditCount(server())).toBe(before)
    const { rows } = await server().database.sql.query('select count(*)::int as count from issues where company_id = $1', [company.id])
    expect(rows).toEqual([{ count: 3 }])
  })

  test('An import keeps names that differ only outside a-z, and takes no agent or project for another (K23)', async () => {
    const source = await world(server())
    const target = await world(server())
    for (const kind of ['agents', 'projects']) {
      for (const name of ['Ünal', '李']) await server().board.post(`/api/companies/${source.company.id}/${kind}`, { name })
      for (const name of ['Önal', '王']) await server().board.post(`/api/companies/${target.company.id}/${kind}`, { name })
    }
    const { files } = await exported(server().board, source.company.id, { include: { agents: true, projects: true } })
    const order = { source: inline(files), target: existing(target.company.id), collisionStrategy: 'skip' }
    expect((await importPackage(order)).status).toBe(200)
    for (const kind of ['agents', 'projects']) {
      const rows = (await server().board.get(`/api/companies/${target.company.id}/${kind}`)).body as { name: string; urlKey: string }[]
      expect(rows.map(({ name }) => name).toSorted()).toEqual(['Ünal', '李', 'Önal', '王'].toSorted())
      expect(new Set(rows.map(({ urlKey }) => urlKey)).size).toBe(4)
    }
    const again = (await importPackage(order)).body
    expect([...again.agents, ...again.projects].map(({ action }: { action: string }) => action)).toEqual(Array(4).fill('skipped'))
  })

  test('An import handles existing rows by its collision strategy: rename, skip or replace', async () => {
    const { company, worker } = await setup()
    const { files } = await exported(server().board, company.id, { include: { company: true, agents: true, projects: true } })
    const packed = {
      ...files,
      'COMPANY.md': '---\nname: Other\n---\n\nNew words\n',
      'agents/ada/AGENTS.md': '---\nname: Ada\ntitle: Countess\n---\n',
    }
    const order = (collisionStrategy: string) => ({ source: inline(packed), target: existing(company.id), collisionStrategy })
    expect((await importPackage(order('skip'))).body).toMatchObject({
      company: { id: company.id, name: 'Acme Works', action: 'unchanged' },
      agents: [{ slug: 'ada', id: worker.id, action: 'skipped' }, { action: 'skipped' }],
      projects: [{ action: 'skipped' }],
    })
    expect((await importPackage(order('rename'))).body).toMatchObject({
      company: { action: 'unchanged' },
      agents: [
        { name: 'Ada 2', action: 'created' },
        { name: 'Grace Hopper 2', action: 'created' },
      ],
      projects: [{ name: 'Web Site 2', action: 'created' }],
    })
    expect((await importPackage(order('replace'))).body).toMatchObject({
      company: { name: 'Acme Works', action: 'updated' },
      agents: [{ id: worker.id, action: 'updated' }, { action: 'updated' }],
      projects: [{ action: 'updated' }],
    })
    expect((await server().board.get(`/api/agents/${worker.id}`)).body).toMatchObject({ name: 'Ada', title: 'Countess' })
    expect((await server().board.get(`/api/companies/${company.id}`)).body).toMatchObject({ name: 'Acme Works', description: 'New words' })
    expect(await actionsOf(server(), worker.id)).toEqual(['agent.created', 'agent.key_created', 'agent.updated'])
  })

  test('Two imports under one Idempotency-Key create one company', async () => {
    const order = { source: inline({ 'COMPANY.md': '---\nname: Once\n---\n' }), target: newCompany }
    const key = { 'idempotency-key': randomUUID() }
    const [first, second] = [await importPackage(order, key), await importPackage(order, key)]
    expect(first.status).toBe(200)
    expect(second.text).toBe(first.text)
    expect(await actionsOf(server(), first.body.company.id)).toEqual(['company.imported', 'company.created'])
  })

  test('An import uses the adapter that the board chooses, without the settings of the packaged one', async () => {
    const files = {
      'COMPANY.md': '---\nname: Chosen\n---\n',
      'agents/ada/AGENTS.md': '---\nname: Ada\n---\n\nYou are Ada.\n',
      '.paperclip.yaml': JSON.stringify({ agents: { ada: { adapterType: 'http', adapterConfig: { url: 'https://example.invalid' } } } }),
    }
    const order = { source: inline(files), target: newCompany, adapterOverrides: { ada: { adapterType: 'claude_local' } } }
    const answer = await importPackage(order)
    expect(answer.body.warnings).toContain('agents/ada/AGENTS.md: url belongs to another adapter and is ignored')
    expect((await server().board.get(`/api/agents/${answer.body.agents[0].id}`)).body).toMatchObject({
      adapterType: 'claude_local',
      adapterConfig: { promptTemplate: 'You are Ada.' },
    })
    const unknown = await importPackage({ ...order, adapterOverrides: { ada: { adapterType: 'nonsense' } } })
    expect(unknown).toMatchObject({ status: 422, body: { code: 'package_invalid' } })
  })

  test.each([
    ['a source that would be fetched', 422, 'unprocessable', { source: { type: 'github', url: 'https://example.invalid/a/b' } }],
    ['a title that is none', 422, 'package_invalid', { source: inline({ 'tasks/a/TASK.md': `---\ntitle: ${'x'.repeat(501)}\n---\n` }) }],
    [
      'agents that report in a circle',
      422,
      'package_invalid',
      {
        source: inline({
          'agents/a/AGENTS.md': '---\nname: A\nreportsTo: b\n---\n',
          'agents/b/AGENTS.md': '---\nname: B\nreportsTo: a\n---\n',
        }),
      },
    ],
    [
      'tasks that wait for each other',
      422,
      'unprocessable',
      {
        source: inline({ 'tasks/a/TASK.md': '---\nblockedBy:\n  - b\n---\n', 'tasks/b/TASK.md': '---\nblockedBy: ["a"]\n---\n' }),
      },
    ],
    ['a path that climbs', 400, 'validation_failed', { source: inline({ '../COMPANY.md': 'x' }) }],
    [
      'too many files',
      400,
      'validation_failed',
      {
        source: inline(Object.fromEntries(Array.from({ length: MAX_FILES + 1 }, (_, at) => [`f${at}.md`, '']))),
      },
    ],
    ['more than two megabytes', 413, 'body_too_large', { source: inline({ 'COMPANY.md': 'x'.repeat(2 * 1024 * 1024) }) }],
  ])('An import of %s is refused with %i %s and writes nothing', async (_, status, code, part) => {
    const { company } = await world(server())
    const before = await auditCount(server())
    expect(await importPackage({ target: existing(company.id), ...part })).toMatchObject({ status, body: { code } })
    expect(await auditCount(server())).toBe(before)
  })

  test('An import requires an existing company that is not archived', async () => {
    const order = { source: inline({ 'COMPANY.md': 'Words' }), target: existing(randomUUID()) }
    expect(await importPackage(order)).toMatchObject({ status: 404, body: { error: 'Company not found' } })
    expect((await server().board.post('/api/companies/import/preview', order)).status).toBe(404)
    expect(await importPackage({ ...order, target: newCompany })).toMatchObject({ status: 422, body: { code: 'package_invalid' } })
    const { company } = await world(server())
    await server().board.post(`/api/companies/${company.id}/archive`)
    expect(await importPackage({ ...order, target: existing(company.id) })).toMatchObject({
      status: 409,
      body: { code: 'company_not_active' },
    })
  })
})

describe('import by a CEO', () => {
  const files = {
    'agents/eve/AGENTS.md': '---\nname: Eve\nrole: ceo\n---\n\nObey me.\n',
    'projects/lair/PROJECT.md': '---\nname: Lair\n---\n',
    'tasks/plot/TASK.md': '---\ntitle: Plot\nstatus: in_progress\nassignee: eve\nproject: lair\n---\n',
    '.paperclip.yaml': JSON.stringify({
      agents: { eve: { adapterType: 'process', adapterConfig: { command: 'rm' }, permissions: { canCreateAgents: true } } },
      projects: {
        lair: {
          env: { A: 'b' },
          workspaces: [
            { cwd: '/', setupCommand: 'rm' },
            { repoUrl: 'https://example.invalid/x.git', setupCommand: 'rm' },
          ],
        },
      },
    }),
  }

  test('An import by a CEO creates agents without permissions, and nothing that the host would run (I18)', async () => {
    const { company, boss } = await setup()
    const answer = await boss.client.post(`/api/companies/${company.id}/imports/apply`, {
      source: inline(files),
      target: existing(company.id),
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body.warnings).toHaveLength(3)
    expect((await server().board.get(`/api/agents/${answer.body.agents[0].id}`)).body).toMatchObject({
      role: 'general',
      status: 'idle',
      adapterType: 'process',
      adapterConfig: {},
      runtimeConfig: {},
      permissions: { canCreateAgents: false },
    })
    expect((await server().board.get(`/api/projects/${answer.body.projects[0].id}`)).body).toMatchObject({
      env: null,
      workspaces: [{ cwd: null, setupCommand: null, repoUrl: 'https://example.invalid/x.git' }],
    })
    expect((await server().board.get(`/api/issues/${answer.body.issues[0].id}`)).body).toMatchObject({
      status: 'todo',
      assigneeAgentId: answer.body.agents[0].id,
      executionRunId: null,
      createdByAgentId: boss.id,
    })
    expect(await lastAudit(server(), company.id, 'company.imported')).toMatchObject({
      actorId: boss.id,
      details: { importMode: 'agent_safe' },
    })
  })

  test('An import by a CEO is refused where the board approves new agents, and where the acting run is dead', async () => {
    const { company, boss, run } = await setup()
    const body = { source: inline(files), target: existing(company.id) }
    await server().board.patch(`/api/companies/${company.id}`, { requireBoardApprovalForNewAgents: true })
    const before = await auditCount(server())
    expect(await boss.client.post(`/api/companies/${company.id}/imports/apply`, body)).toMatchObject({
      status: 403,
      body: { code: 'approval_required' },
    })
    expect((await boss.client.post(`/api/companies/${company.id}/imports/preview`, body)).body.errors).toHaveLength(1)
    expect(await auditCount(server())).toBe(before)
    const withoutAgents = { ...body, include: { agents: false, issues: false } }
    const acting = await run(boss)
    expect((await acting.client.post(`/api/companies/${company.id}/imports/apply`, withoutAgents)).status).toBe(200)
    await server().board.post(`/api/heartbeat-runs/${acting.id}/cancel`)
    const dead = boss.client.with({ 'x-paperclip-run-id': acting.id })
    expect(await dead.post(`/api/companies/${company.id}/imports/apply`, withoutAgents)).toMatchObject({
      status: 409,
      body: { code: 'run_ended' },
    })
  })

  test('An import by a CEO changes no existing row and reaches no other company', async () => {
    const { company, boss, worker } = await setup()
    const other = await world(server())
    const stranger = await other.agent({ role: 'ceo' })
    const body = { source: inline(files), target: existing(company.id) }
    const before = await auditCount(server())
    const path = `/api/companies/${company.id}/imports/apply`
    for (const wrong of [
      { ...body, collisionStrategy: 'replace' },
      { ...body, target: newCompany },
      { ...body, target: existing(other.company.id) },
    ])
      expect(await boss.client.post(path, wrong)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect((await worker.client.post(path, body)).status).toBe(403)
    expect((await boss.client.post('/api/companies/import', body)).body).toMatchObject({ error: 'Board access required' })
    for (const verb of ['export', 'exports', 'exports/preview', 'imports/preview', 'imports/apply']) {
      const sent = verb.startsWith('imports') ? body : {}
      const foreign = await stranger.client.post(`/api/companies/${company.id}/${verb}`, sent)
      const random = await stranger.client.post(`/api/companies/${randomUUID()}/${verb}`, sent)
      expect([foreign.status, foreign.body.error, foreign.body.code]).toEqual([404, 'Company not found', 'not_found'])
      expect([random.status, random.body.error, random.body.code]).toEqual([404, 'Company not found', 'not_found'])
    }
    expect(await auditCount(server())).toBe(before)
  })
})
