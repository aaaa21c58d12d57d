import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { REDACTED } from '../../platform/kernel/redact.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function setup() {
  const base = await world(server())
  const projects = `/api/companies/${base.company.id}/projects`
  const project = async (fields: Record<string, unknown> = {}) => {
    const answer = await server().board.post(projects, { name: 'Rocket', ...fields })
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }
  return { ...base, projects, project }
}

interface Workspace {
  id: string
  isPrimary: boolean
}
const primaries = (workspaces: Workspace[]): string[] => workspaces.filter((each) => each.isPrimary).map((each) => each.id)

describe('projects', () => {
  test('A new project has every field that the API promises', async () => {
    const { projects, company, agent } = await setup()
    const goal = (await server().board.post(`/api/companies/${company.id}/goals`, { title: 'Moon' })).body
    const lead = await agent()
    const { status, body } = await server().board.post(projects, {
      name: 'Rocket: Stage 2!',
      goalIds: [goal.id],
      leadAgentId: lead.id,
      targetDate: '2027-01-31',
      workspace: { repoUrl: 'https://example.com/acme/rocket.git', defaultRef: 'main' },
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      name: 'Rocket: Stage 2!',
      urlKey: 'rocket-stage-2',
      status: 'backlog',
      goalId: goal.id,
      goalIds: [goal.id],
      goals: [{ id: goal.id, title: 'Moon' }],
      leadAgentId: lead.id,
      targetDate: '2027-01-31',
      color: expect.stringMatching(/^#[0-9a-f]{6}$/),
      env: null,
      primaryWorkspace: { name: 'rocket', sourceType: 'git_repo', isPrimary: true, runtimeServices: [] },
      codebase: { repoName: 'rocket', defaultRef: 'main', localFolder: null, origin: 'managed_checkout' },
    })
    expect(body.codebase.workspaceId).toBe(body.workspaces[0].id)
    expect((await lastAudit(server(), body.id, 'project.created')).details).toMatchObject({
      goalIds: [goal.id],
      workspaceId: body.workspaces[0].id,
    })
    expect((await server().board.get(`/api/projects/rocket-stage-2?companyId=${company.id}`)).body).toEqual(body)
    expect((await lead.client.get('/api/projects/Rocket-Stage-2')).body.id).toBe(body.id)
    expect((await server().board.get(projects)).body).toEqual([body])
  })

  test('The list has the projects in the statuses that the request names (K10)', async () => {
    const { projects, project } = await setup()
    const [planned, backlog] = [await project({ status: 'planned' }), await project()]
    const ids = async (query: string) => (await server().board.get(`${projects}${query}`)).body.map(({ id }: { id: string }) => id)
    expect(await ids('?status=planned')).toEqual([planned.id])
    expect(await ids('?status=planned,backlog&includeArchived=true')).toEqual([planned.id, backlog.id])
    expect((await server().board.get(`${projects}?status=done`)).status).toBe(400)
  })

  test('A url-key needs a company, is ambiguous for two projects, and gives 404 when it is unknown', async () => {
    const { project, company } = await setup()
    await project()
    expect(await server().board.get('/api/projects/rocket')).toMatchObject({ status: 422, body: { code: 'company_needed' } })
    await project()
    expect(await server().board.get(`/api/projects/rocket?companyId=${company.id}`)).toMatchObject({
      status: 409,
      body: { code: 'shortname_ambiguous' },
    })
    expect((await server().board.get(`/api/projects/nothing?companyId=${company.id}`)).status).toBe(404)
  })

  test('Projects whose names differ only outside a-z keep them, and each has a short name of its own (K23)', async () => {
    const { projects, company } = await setup()
    const names = ['Ünal', 'Önal', '李', '王']
    const made = await race(names, (name) => server().board.post(projects, { name }))
    expect(made.map(({ body }) => body.name)).toEqual(names)
    expect(new Set(made.map(({ body }) => body.urlKey)).size).toBe(names.length)
    for (const { body } of made)
      expect((await server().board.get(`/api/projects/${body.urlKey}?companyId=${company.id}`)).body).toMatchObject({ id: body.id })
    const other = (await server().board.post(projects, { name: 'Other' })).body
    expect(await server().board.patch(`/api/projects/${other.id}`, { name: 'Änal' })).toMatchObject({
      status: 200,
      body: { name: 'Änal', urlKey: 'nal-3' },
    })
    expect(await server().board.post(projects, { name: '\u200b' })).toMatchObject({ status: 400 })
  })

  test('A change is recorded with the names of its secrets only, and a change without a difference is not recorded', async () => {
    const { project, company } = await setup()
    const { id } = await project()
    const goal = (await server().board.post(`/api/companies/${company.id}/goals`, { title: 'Moon' })).body
    const { status, body } = await server().board.patch(`/api/projects/${id}`, {
      name: 'Probe',
      goalIds: [goal.id],
      env: { API_TOKEN: 'hunter2-hunter2', MODE: { type: 'plain', value: 'fast' } },
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      name: 'Probe',
      urlKey: 'probe',
      goalId: goal.id,
      env: { API_TOKEN: { type: 'plain', value: 'hunter2-hunter2' } },
    })
    const { details } = await lastAudit(server(), id, 'project.updated')
    expect(details).toMatchObject({
      name: 'Probe',
      env: ['API_TOKEN', 'MODE'],
      goalIds: [goal.id],
      _previous: { name: 'Rocket', env: [], goalIds: [] },
    })
    expect(JSON.stringify(details)).not.toContain('hunter2')
    const before = await auditCount(server())
    expect((await server().board.patch(`/api/projects/${id}`, { name: 'Probe', goalIds: [goal.id] })).status).toBe(200)
    expect(await auditCount(server())).toBe(before)
  })

  test('A workspace that an agent reads and sends back keeps its secrets, and a placeholder of no secret is refused', async () => {
    const { project, agent, run } = await setup()
    const { id } = await project({ env: { API_TOKEN: 'hunter2-hunter2' } })
    const stored = { name: 'code', repoUrl: 'https://example.com/x?access_token=hunter2-hunter2' }
    const workspace = (await server().board.post(`/api/projects/${id}/workspaces`, stored)).body
    const worker = await run(await agent())
    const [shown] = (await worker.client.get(`/api/projects/${id}/workspaces`)).body
    expect(shown.repoUrl).toContain(REDACTED)
    const address = `/api/projects/${id}/workspaces/${workspace.id}`
    expect(await worker.client.patch(address, { name: 'main', repoUrl: shown.repoUrl })).toMatchObject({ status: 200 })
    expect((await server().board.get(`/api/projects/${id}`)).body.workspaces).toMatchObject([{ ...stored, name: 'main' }])
    const refused = { status: 422, body: { code: 'payload_invalid' } }
    expect(await worker.client.patch(address, { repoUrl: `https://example.org/x?access_token=${REDACTED}` })).toMatchObject(refused)
    expect(await server().board.patch(`/api/projects/${id}`, { env: { OTHER: REDACTED } })).toMatchObject(refused)
    expect(
      await server().board.post(`/api/projects/${id}/workspaces`, { repoUrl: 'https://example.com/y', setupCommand: REDACTED }),
    ).toMatchObject(refused)
  })

  test('An agent sees the environment of a project neither in the project nor in its issues', async () => {
    const { project, issue, agent } = await setup()
    const { id } = await project({ env: { API_TOKEN: 'hunter2-hunter2' } })
    const work = await issue({ projectId: id })
    const reader = await agent()
    for (const path of [`/api/projects/${id}`, `/api/issues/${work.id}`]) {
      const answer = await reader.client.get(path)
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('hunter2')
    }
    expect((await server().board.get(`/api/issues/${work.id}`)).body.project).toMatchObject({
      id,
      urlKey: 'rocket',
      codebase: {},
      goalIds: [],
    })
  })

  test('An agent changes the plan of a project, but no field that decides what this host executes (I18)', async () => {
    const { project, projects, agent, run } = await setup()
    const { id } = await project()
    const worker = await run(await agent())
    expect((await worker.client.patch(`/api/projects/${id}`, { status: 'in_progress' })).status).toBe(200)
    const before = await auditCount(server())
    const refused = [
      await worker.client.patch(`/api/projects/${id}`, { env: { A: 'b' } }),
      await worker.client.patch(`/api/projects/${id}`, { executionWorkspacePolicy: { provisionCommand: 'x' } }),
      await worker.client.post(projects, { name: 'x', env: { A: 'b' } }),
      await worker.client.post(projects, { name: 'x', workspace: { cwd: '/etc' } }),
      await worker.client.post(`/api/projects/${id}/workspaces`, { cwd: '/etc' }),
      await worker.client.post(`/api/projects/${id}/workspaces`, { repoUrl: 'https://example.com/x', setupCommand: 'rm -rf /' }),
      await worker.client.post(`/api/projects/${id}/workspaces`, { repoUrl: 'https://example.com/x', cleanupCommand: 'rm -rf /' }),
      await worker.client.post(`/api/projects/${id}/workspaces`, { repoUrl: 'https://example.com/x', runtimeConfig: {} }),
    ]
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(refused.map(() => [403, 'approval_required']))
    expect(await auditCount(server())).toBe(before)
  })

  test('Missing and foreign goals and leads are refused', async () => {
    const { projects } = await setup()
    const elsewhere = await setup()
    const foreign = (await server().board.post(`/api/companies/${elsewhere.company.id}/goals`, { title: 'x' })).body
    for (const fields of [{ goalIds: [foreign.id] }, { goalId: randomUUID() }, { leadAgentId: (await elsewhere.agent()).id }]) {
      const count = await auditCount(server())
      expect(await server().board.post(projects, { name: 'x', ...fields })).toMatchObject({
        status: 422,
        body: { code: 'unknown_reference' },
      })
      expect(await auditCount(server())).toBe(count)
    }
  })

  test('Deleting a project detaches its issues, but an agent cannot delete the project of an issue that another run holds', async () => {
    const { project, held: heldIssue, run, agent } = await setup()
    const { id } = await project({ workspace: { cwd: '/srv/rocket' } })
    const { issue } = await heldIssue()
    await server().board.patch(`/api/issues/${issue.id}`, { projectId: id })
    const stranger = await run(await agent())
    expect(await stranger.client.del(`/api/projects/${id}`)).toMatchObject({ status: 409, body: { code: 'checked_out_by_other' } })
    expect(await server().board.del(`/api/projects/${id}`)).toMatchObject({ status: 200, body: { id, name: 'Rocket' } })
    expect((await lastAudit(server(), id, 'project.deleted')).details).toEqual({
      name: 'Rocket',
      status: 'backlog',
      issues: 1,
      workspaces: 1,
    })
    expect((await server().board.get(`/api/issues/${issue.id}`)).body).toMatchObject({
      projectId: null,
      project: null,
      status: 'in_progress',
    })
    expect((await server().board.del(`/api/projects/${id}`)).status).toBe(404)
  })

  test('An issue references a workspace of its own company and project only, and loses it when the project is deleted', async () => {
    const { project, issue, company } = await setup()
    const elsewhere = await setup()
    const [mine, other] = [await project({ workspace: { cwd: '/a' } }), await project({ workspace: { cwd: '/b' } })]
    const foreign = await elsewhere.project({ workspace: { cwd: '/c' } })
    const issues = `/api/companies/${company.id}/issues`
    const before = await auditCount(server())
    for (const projectWorkspaceId of [foreign.workspaces[0].id, other.workspaces[0].id, randomUUID()]) {
      expect(await server().board.post(issues, { title: 'x', projectId: mine.id, projectWorkspaceId })).toMatchObject({
        status: 422,
        body: { code: 'unknown_reference' },
      })
    }
    expect(await auditCount(server())).toBe(before)
    const work = await issue({ projectId: mine.id, projectWorkspaceId: mine.workspaces[0].id })
    await server().board.del(`/api/projects/${mine.id}`)
    expect((await server().board.get(`/api/issues/${work.id}`)).body).toMatchObject({ projectId: null, projectWorkspaceId: null })
  })

  test('A project of another company gives the same 404 as a missing project', async () => {
    const { project, projects } = await setup()
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    const { id, workspaces } = await project({ workspace: { cwd: '/srv/rocket' } })
    const wid = workspaces[0].id
    for (const of of [id, randomUUID()]) {
      const answers = [
        await outsider.client.get(`/api/projects/${of}`),
        await outsider.client.patch(`/api/projects/${of}`, { name: 'mine' }),
        await outsider.client.del(`/api/projects/${of}`),
        await outsider.client.get(`/api/projects/${of}/workspaces`),
        await outsider.client.post(`/api/projects/${of}/workspaces`, { repoUrl: 'https://example.com/x' }),
        await outsider.client.patch(`/api/projects/${of}/workspaces/${wid}`, { name: 'mine' }),
        await outsider.client.del(`/api/projects/${of}/workspaces/${wid}`),
      ]
      expect(answers.map(({ status, body }) => [status, body.error])).toEqual(answers.map(() => [404, 'Project not found']))
    }
    expect((await outsider.client.get(projects)).status).toBe(404)
  })
})

test('A request to run a service in a workspace is refused and records nothing', async () => {
  const { project, agent } = await setup()
  const { id, workspaces } = await project({
    workspace: { repoUrl: 'https://example.com/a', runtimeConfig: { services: [{ command: 'sh' }] } },
  })
  const worker = await agent()
  const elsewhere = await setup()
  const outsider = await elsewhere.agent()
  const path = (action: string, workspace = workspaces[0].id) => `/api/projects/${id}/workspaces/${workspace}/runtime-services/${action}`
  const before = await auditCount(server())
  for (const client of [server().board, worker.client])
    for (const action of ['start', 'stop', 'restart'])
      expect(await client.post(path(action), {})).toMatchObject({
        status: 422,
        body: { code: 'unprocessable', error: 'This server runs no services in workspaces' },
      })
  expect(await server().board.post(path('explode'))).toMatchObject({ status: 404, body: { error: 'Runtime service action not found' } })
  expect(await server().board.post(path('start', randomUUID()))).toMatchObject({
    status: 404,
    body: { error: 'Project workspace not found' },
  })
  expect(await server().board.post(path('start', 'nope'))).toMatchObject({ status: 400, body: { code: 'malformed_id' } })
  expect(await outsider.client.post(path('start'))).toMatchObject({ status: 404, body: { error: 'Project not found' } })
  expect(await auditCount(server())).toBe(before)
})

describe('workspaces of a project', () => {
  test('The first workspace is primary, a new primary one replaces it, and exactly one is primary at any time', async () => {
    const { project } = await setup()
    const { id } = await project()
    const path = `/api/projects/${id}/workspaces`
    const first = (await server().board.post(path, { cwd: '/srv/acme/rocket/' })).body
    expect(first).toMatchObject({ name: 'rocket', sourceType: 'local_path', isPrimary: true, cwd: '/srv/acme/rocket/' })
    expect((await lastAudit(server(), id, 'project.workspace_created')).details).toMatchObject({ workspaceId: first.id, isPrimary: true })
    const second = (await server().board.post(path, { repoUrl: 'ssh://git@example.com/acme/probe.git', isPrimary: true })).body
    expect(second).toMatchObject({ name: 'probe', isPrimary: true })
    const third = (await server().board.post(path, { name: 'Third', repoUrl: 'https://example.com/x' })).body
    expect(primaries((await server().board.get(path)).body)).toEqual([second.id])
    await server().board.patch(`${path}/${third.id}`, { isPrimary: true })
    expect(primaries((await server().board.get(path)).body)).toEqual([third.id])
    await server().board.patch(`${path}/${third.id}`, { isPrimary: false })
    expect(primaries((await server().board.get(path)).body)).toEqual([first.id])
    expect(await server().board.del(`${path}/${first.id}`)).toMatchObject({ status: 200, body: { id: first.id } })
    expect(primaries((await server().board.get(path)).body)).toEqual([second.id])
    expect((await lastAudit(server(), id, 'project.workspace_deleted')).details).toMatchObject({ newPrimaryId: second.id })
    await race([0, 1, 2, 3, 4, 5], (n) => server().board.post(path, { cwd: `/srv/${n}`, isPrimary: true }))
    expect(primaries((await server().board.get(path)).body)).toHaveLength(1)
  })

  test('A change of a workspace is recorded by field names, and its commands never appear in the audit', async () => {
    const { project } = await setup()
    const { id, workspaces } = await project({ workspace: { cwd: '/srv/rocket' } })
    const path = `/api/projects/${id}/workspaces/${workspaces[0].id}`
    expect((await server().board.patch(path, { setupCommand: 'make secret=hunter2', name: 'Base' })).body).toMatchObject({ name: 'Base' })
    const { details } = await lastAudit(server(), id, 'project.workspace_updated')
    expect(details).toMatchObject({ changedKeys: ['setupCommand', 'name'] })
    expect(JSON.stringify(details)).not.toContain('hunter2')
    const before = await auditCount(server())
    expect((await server().board.patch(path, { name: 'Base' })).status).toBe(200)
    expect(await server().board.patch(path, { cwd: null })).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('An agent sees no secret that the board put into a command of a workspace', async () => {
    const { project, agent } = await setup()
    const { id } = await project({
      workspace: { cwd: '/a', setupCommand: 'login --token=hunter2-hunter2', runtimeConfig: { apiKey: 'hunter2' } },
    })
    const reader = await agent()
    for (const path of [`/api/projects/${id}`, `/api/projects/${id}/workspaces`]) {
      const answer = await reader.client.get(path)
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('hunter2')
    }
  })

  test('An agent cannot change the repository of a workspace that has commands of the board', async () => {
    const { project, agent, run } = await setup()
    const worker = await run(await agent())
    const { id, workspaces } = await project({ workspace: { repoUrl: 'https://example.com/a', setupCommand: 'make' } })
    expect(
      await worker.client.patch(`/api/projects/${id}/workspaces/${workspaces[0].id}`, { repoUrl: 'https://example.com/b' }),
    ).toMatchObject({
      status: 403,
      body: { code: 'approval_required', details: { fields: ['repoUrl'] } },
    })
    const bare = (await worker.client.post(`/api/projects/${id}/workspaces`, { repoUrl: 'https://example.com/c' })).body
    expect((await worker.client.patch(`/api/projects/${id}/workspaces/${bare.id}`, { repoUrl: 'https://example.com/d' })).status).toBe(200)
  })

  test('A workspace without folder and repository, or with another scheme, credentials or an option as its ref, is refused', async () => {
    const { project } = await setup()
    const { id } = await project()
    const before = await auditCount(server())
    const bodies = [
      {},
      { name: 'x' },
      { repoUrl: 'ext::sh -c whoami' },
      { repoUrl: 'file:///etc' },
      { repoUrl: 'https://user:pass@example.com/x' },
      { repoUrl: 'https://token@example.com/x' },
      { repoUrl: 'https://example.com/x', repoRef: '--upload-pack=x' },
    ]
    const answers = await Promise.all(bodies.map((body) => server().board.post(`/api/projects/${id}/workspaces`, body)))
    expect(countByStatus(answers)).toEqual({ 400: bodies.length })
    expect((await server().board.patch(`/api/projects/${id}/workspaces/${randomUUID()}`, { name: 'x' })).status).toBe(404)
    expect((await server().board.patch(`/api/projects/${id}/workspaces/nope`, { name: 'x' })).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })
})
