import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../dev/testing/runner.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-project-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** An agent that writes down the folder of each of its runs, and a project whose primary workspace has a folder. */
async function scene(here: World, cwd: string | null, config: Record<string, unknown> = {}) {
  const seen = createOutputFile()
  const script = `require('node:fs').appendFileSync(process.env.SEEN, process.cwd() + '\\n')`
  const agent = await createProcessAgent(here, script, { env: { SEEN: seen.file }, ...config })
  const { body: project } = await board().post(`/api/companies/${here.company.id}/projects`, { name: 'Quay' })
  const workspace = { name: 'Main', isPrimary: true, ...(cwd === null ? { repoUrl: 'https://example.com/r.git' } : { cwd }) }
  const created = await board().post(`/api/projects/${project.id}/workspaces`, workspace)
  expect(created.status, created.text).toBe(201)
  return { agent, projectId: project.id as string, folders: seen.lines }
}

const isOver = (issueId: string) =>
  waitUntil('its run has ended', async () => {
    const wakes = await wakesOf(server(), issueId)
    return wakes.length > 0 && wakes.every((wake) => ['completed', 'failed', 'cancelled'].includes(wake.status))
  })

describe('The folder of a project (K11)', () => {
  test('Work of a project is done in the folder of its primary workspace, before the configured one, or in that which the issue names', async () => {
    const here = await world(server())
    const [main, second] = [temporaryFolder(), temporaryFolder()]
    const { agent, projectId, folders } = await scene(here, main, { cwd: temporaryFolder() })
    const { body: other } = await board().post(`/api/projects/${projectId}/workspaces`, { name: 'Second', cwd: second })
    useRunner(server())
    const first = await here.issue({ projectId, assigneeAgentId: agent.id })
    await isOver(first.id)
    const named = await here.issue({ projectId, projectWorkspaceId: other.id, assigneeAgentId: agent.id })
    await isOver(named.id)
    expect(folders()).toEqual([main, second])
  })

  test('Without a folder of the project an agent works in its own', async () => {
    const here = await world(server())
    const own = temporaryFolder()
    const { agent, projectId, folders } = await scene(here, null, { cwd: own })
    useRunner(server())
    for (const fields of [{ projectId }, {}]) await isOver((await here.issue({ ...fields, assigneeAgentId: agent.id })).id)
    expect(folders()).toEqual([own, own])
  })

  test('A missing folder fails the run with a sentence and blocks the issue; the agent works on others', async () => {
    const here = await world(server())
    const { agent, projectId, folders } = await scene(here, '/srv/no-such-project')
    useRunner(server())
    const issue = await here.issue({ projectId, assigneeAgentId: agent.id })
    await isOver(issue.id)
    const [run] = (await board().get(`/api/issues/${issue.id}/runs`)).body
    const { body: detail } = await board().get(`/api/heartbeat-runs/${run.runId}`)
    expect(detail).toMatchObject({
      status: 'failed',
      errorCode: 'project_folder_unavailable',
      error: expect.stringMatching(/^The folder of the project does not exist: \/srv\/no-such-project\. Create it/),
    })
    expect((await board().get(`/api/issues/${issue.id}`)).body).toMatchObject({ status: 'blocked', executionRunId: null })
    const [note] = (await board().get(`/api/issues/${issue.id}/comments`)).body
    expect(note).toMatchObject({ authorAgentId: null, body: expect.stringContaining('/srv/no-such-project') })
    expect((await board().get(`/api/agents/${agent.id}`)).body.status).toBe('idle')
    await isOver((await here.issue({ assigneeAgentId: agent.id })).id)
    expect(folders()).toHaveLength(1)
  })
})

describe('The status error of an agent (K29)', () => {
  test('A configuration that passes its test ends it, and the waiting run starts; another configuration or a failed test does not', async () => {
    const here = await world(server())
    const folder = path.join(temporaryFolder(), 'later')
    const adapterConfig = { command: 'true', cwd: folder }
    const agent = await here.agent({ adapterType: 'process', adapterConfig })
    useRunner(server())
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const status = async (): Promise<string> => (await board().get(`/api/agents/${agent.id}`)).body.status
    await waitUntil('the agent is in error', async () => (await status()) === 'error')
    const tested = async (config: object) =>
      (await board().post(`/api/companies/${here.company.id}/adapters/process/test-environment`, { adapterConfig: config })).body.status
    expect([await tested(adapterConfig), await status()]).toEqual(['fail', 'error'])
    expect([await tested({ command: 'true' }), await status()]).not.toContain('idle')
    await import('node:fs/promises').then(({ mkdir }) => mkdir(folder))
    expect(await tested(adapterConfig)).not.toBe('fail')
    expect(await status()).toBe('idle')
    expect((await board().get(`/api/issues/${issue.id}`)).body).toMatchObject({ assigneeAgentId: agent.id })
  })
})
