import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { createWorktrees } from '../../adapters/index.ts'
import type { Worktrees } from '../../adapters/index.ts'
import { makeRepository } from '../../dev/testing/gitRepository.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { placeRun } from './index.ts'
import type { Placement } from './place.ts'

interface Scene {
  readonly here: World
  readonly repository: string
  readonly projectId: string
  readonly workspaceId: string
}

/** The order of a live run of an agent for an issue, as the scheduler has it. */
async function orderFor(at: Scene, agent: TestAgent, issue: { id: string; identifier: string }, policy = {}): Promise<StartOrder> {
  const { id: runId } = await at.here.run(agent)
  const workspace = {
    projectId: at.projectId,
    projectWorkspaceId: at.workspaceId,
    identifier: issue.identifier,
    repository: at.repository,
    baseRef: null,
    policy: { enabled: true, ...policy },
  }
  return { runId, agentId: agent.id, companyId: at.here.company.id, issueId: issue.id, adapterType: 'process', workspace } as StartOrder
}

/** A server with a folder for worktrees, and what tests of workspaces do with it. */
export function useWorkspaces() {
  const above = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-workspaces-')))
  const folder = path.join(above, 'worktrees')
  let made: Worktrees | undefined
  const worktrees = (): Worktrees => (made ??= createWorktrees(folder, null))
  const server = useServer({ worktrees })
  const board = () => server().board
  const sql = (text: string, values: unknown[]) => server().database.sql.query(text, values)

  const allow = (isAllowed: boolean) => board().patch('/api/instance/settings/experimental', { enableIsolatedWorkspaces: isAllowed })
  beforeAll(async () => {
    expect((await allow(true)).status).toBe(200)
  })
  afterAll(() => rmSync(above, { recursive: true, force: true }))

  /** A project with a repository, whose policy asks for worktrees. */
  async function scene(policy: Record<string, unknown> = {}, here?: World): Promise<Scene> {
    const place = here ?? (await world(server()))
    const repository = makeRepository()
    const executionWorkspacePolicy = { enabled: true, ...policy }
    const { body: project } = await board().post(`/api/companies/${place.company.id}/projects`, { name: 'Quay', executionWorkspacePolicy })
    const created = await board().post(`/api/projects/${project.id}/workspaces`, { name: 'Main', isPrimary: true, cwd: repository })
    expect(created.status, created.text).toBe(201)
    return { here: place, repository, projectId: project.id, workspaceId: created.body.id }
  }

  const place = (order: StartOrder): Promise<Placement> => placeRun(server().store, worktrees(), order)
  const folderOf = (placement: Placement): string => {
    if (placement.kind !== 'folder') throw new Error(JSON.stringify(placement))
    return placement.folder
  }
  const listOf = async ({ here }: Scene, query = '') =>
    (await board().get(`/api/companies/${here.company.id}/execution-workspaces${query}`)).body as {
      id: string
      cwd: string
      status: string
    }[]

  /** A workspace whose run is over. */
  async function idle(policy: Record<string, unknown> = {}) {
    const at = await scene(policy)
    const agent = await at.here.agent()
    const issue = await at.here.issue({ projectId: at.projectId })
    const order = await orderFor(at, agent, issue, policy)
    const tree = folderOf(await place(order))
    await expireLease(server(), order.runId)
    const [workspace] = await listOf(at)
    if (workspace === undefined) throw new Error('no workspace')
    return { at, agent, issue, order, tree, id: workspace.id, path: `/api/execution-workspaces/${workspace.id}` }
  }

  return { server, board, sql, allow, folder, worktrees, scene, orderFor, place, folderOf, listOf, idle }
}
