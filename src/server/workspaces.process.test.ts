import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { git, makeRepository, temporaryFolder } from '../dev/testing/gitRepository.ts'
import { databaseEnvOf, makeHome, pollFor, removeHome, send, spawnServerProcess } from '../dev/testing/serverProcess.ts'

const BOARD_TOKEN = 'pcb_worktrees-5b8f7a9d2e61c0-of-the-test'
const KILLS = 2

/** A server that can be killed and started again on the same database, and a client of its board. */
async function startServer(folder: string) {
  const database = await cloneDatabase()
  const home = makeHome()
  const env = {
    ...databaseEnvOf(database.connection, database.owner),
    PAPERCLIP_BOARD_TOKEN: BOARD_TOKEN,
    PAPERCLIP_WORKTREE_FOLDER: folder,
  }
  let server = spawnServerProcess({ home, env })
  onTestFinished(async () => {
    await server.kill()
    await database.drop()
    await removeHome(home)
  })
  const ask = async (method: string, at: string, body?: unknown) => {
    const reply = await send(`${await server.url()}/api${at}`, method, body, BOARD_TOKEN)
    expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
    return reply.body
  }
  const kill = () => server.kill()
  const startAgain = async (): Promise<void> => {
    // As time would: the run of the server that is gone keeps its agent busy.
    await database.sql.query("update heartbeat_runs set lease_expires_at = now() where status = 'running'")
    server = spawnServerProcess({ home, env })
  }
  return { ask, kill, startAgain }
}

type Ask = Awaited<ReturnType<typeof startServer>>['ask']

/** A company with an agent, and a project that asks for worktrees. */
async function makeProject(ask: Ask, repository: string) {
  await ask('PATCH', '/instance/settings/experimental', { enableIsolatedWorkspaces: true })
  const company = await ask('POST', '/companies', { name: 'Quay Works' })
  const project = await ask('POST', `/companies/${company.id}/projects`, { name: 'Quay', executionWorkspacePolicy: { enabled: true } })
  await ask('POST', `/projects/${project.id}/workspaces`, { name: 'Main', isPrimary: true, cwd: repository })
  // Without git: the run that is repeated after a kill would wait at the pipe of the next one.
  const adapterConfig = { command: 'sh', args: ['-c', 'pwd > done'] }
  const agent = await ask('POST', `/companies/${company.id}/agents`, { name: 'Ada', adapterType: 'process', adapterConfig })
  const list = async () =>
    (await ask('GET', `/companies/${company.id}/execution-workspaces`)) as { id: string; status: string; cwd: string }[]
  const work = { title: 'Sweep', status: 'todo', projectId: project.id, assigneeAgentId: agent.id }
  return { list, assign: () => ask('POST', `/companies/${company.id}/issues`, work) }
}

// Each start of a server costs seconds. `src/control/workspaces` always tests the same rows without a process.
test.runIf(isFullCheck)(
  'A server that is killed while git makes a worktree leaves nothing: the next start removes what there is, and the run after it works',
  { timeout: 180_000 },
  async () => {
    const [folder, repository] = [path.join(temporaryFolder(), 'worktrees'), makeRepository()]
    const { ask, kill, startAgain } = await startServer(folder)
    const { list, assign } = await makeProject(ask, repository)
    const pipe = path.join(repository, '.git/packed-refs')
    for (let count = 0; count < KILLS; count++) {
      // Git waits for a writer, and none comes.
      execFileSync('mkfifo', ['-m', '666', pipe])
      const issue = await assign()
      const made = await pollFor('a worktree is being made', async () => (await list()).find(({ status }) => status === 'preparing'))
      await pollFor('its folder is there', () => existsSync(made.cwd))
      await kill()
      rmSync(pipe)
      await startAgain()
      await pollFor('it is closed', async () => (await list()).some(({ id, status }) => id === made.id && status === 'archived'))
      expect(existsSync(path.dirname(made.cwd))).toBe(false)
      await ask('PATCH', `/issues/${issue.id}`, { status: 'cancelled' })
    }
    await assign()
    const idle = await pollFor('a run has worked', async () =>
      (await list()).find(({ status, cwd }) => status === 'idle' && existsSync(path.join(cwd, 'done'))),
    )
    expect(existsSync(idle.cwd)).toBe(true)
    // The repeated run of a killed one may have a worktree, too. Files of closed ones are deleted in the background.
    await pollFor('folder, repository and rows agree', async () => {
      const open = (await list()).filter(({ status }) => status !== 'archived').map(({ id }) => id)
      const folders = readdirSync(folder).filter((name) => !name.startsWith('.paperclip-'))
      const known = git(repository, 'worktree', 'list', '--porcelain').match(/^worktree /gm)?.length
      return JSON.stringify(folders.toSorted()) === JSON.stringify(open.toSorted()) && known === open.length + 1
    })
  },
)
