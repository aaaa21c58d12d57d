import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorktrees } from '../../adapters/index.ts'
import type { Worktrees } from '../../adapters/index.ts'
import type { StartOrder } from '../../control/dispatch/index.ts'
import { placeRun } from '../../control/workspaces/index.ts'
import { hasChromium } from '../testing/browser.ts'
import { git, makeRepository } from '../testing/gitRepository.ts'
import { actionsOf, auditCount, expireLease, lastAudit, world } from '../testing/world.ts'
import type { TestRun, World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'
import { untilState } from './looking.ts'

const above = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-console-worktrees-')))
let worktrees: Worktrees
const { server, open } = useConsole({ worktrees: () => (worktrees ??= createWorktrees(path.join(above, 'worktrees'), null)) })

beforeAll(async () => {
  expect((await server().board.patch('/api/instance/settings/experimental', { enableIsolatedWorkspaces: true })).status).toBe(200)
})
afterAll(() => rmSync(above, { recursive: true, force: true }))

/** A project of a repository, in whose worktree a run works. */
interface Scene {
  readonly here: World
  readonly projectId: string
  readonly repository: string
  readonly run: TestRun
  readonly issue: { readonly id: string; readonly identifier: string }
  readonly worktree: { readonly id: string; readonly name: string; readonly branchName: string }
  readonly folder: string
}

async function scene(): Promise<Scene> {
  const here = await world(server())
  const repository = makeRepository()
  const policy = { enabled: true, close: 'manual' }
  const { board } = server()
  const project = await board.post(`/api/companies/${here.company.id}/projects`, { name: 'Quay', executionWorkspacePolicy: policy })
  const made = await board.post(`/api/projects/${project.body.id}/workspaces`, { name: 'Main', isPrimary: true, cwd: repository })
  expect(made.status, made.text).toBe(201)
  const agent = await here.agent({ name: 'Ada' })
  const [issue, run] = [await here.issue({ projectId: project.body.id }), await here.run(agent)]
  const workspace = {
    projectId: project.body.id,
    projectWorkspaceId: made.body.id,
    identifier: issue.identifier,
    repository,
    baseRef: null,
    policy,
  }
  const order = { runId: run.id, agentId: agent.id, companyId: here.company.id, issueId: issue.id, adapterType: 'process', workspace }
  const placement = await placeRun(server().store, worktrees, order as StartOrder)
  if (placement.kind !== 'folder') throw new Error(JSON.stringify(placement))
  const [worktree] = (await board.get(`/api/companies/${here.company.id}/execution-workspaces`)).body as Scene['worktree'][]
  if (worktree === undefined) throw new Error('no worktree')
  return { here, projectId: project.body.id, repository, run, issue, worktree, folder: placement.folder }
}

const pageOf = async ({ here, projectId }: Scene): Promise<Page> => {
  const page = await open(`/${here.company.issuePrefix}/projects/${projectId}`)
  await untilState(page, 'Live')
  return page
}
const rowOf = (page: Page, { worktree }: Scene): Locator =>
  page.getByRole('table', { name: 'Worktrees' }).getByRole('row').filter({ hasText: worktree.name })
const dialogOf = (page: Page, { worktree }: Scene): Locator => page.getByRole('dialog', { name: `Close ${worktree.name}` })
const close = (page: Page, at: Scene): Promise<void> =>
  rowOf(page, at)
    .getByRole('button', { name: `Close ${at.worktree.name}` })
    .click()
const statusOf = async ({ worktree }: Scene): Promise<unknown> =>
  (await server().board.get(`/api/execution-workspaces/${worktree.id}`)).body.status

describe.skipIf(!hasChromium)('the worktrees of a project in the console (need Chromium)', () => {
  test('A project without a worktree shows no part about them', async () => {
    const here = await world(server())
    const project = await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Plain' })
    const page = await open(`/${here.company.issuePrefix}/projects/${project.body.id}`)
    await untilState(page, 'Live')
    await page.getByRole('heading', { name: 'Facts' }).waitFor()
    expect(await page.getByRole('heading', { name: 'Worktrees' }).count()).toBe(0)
  })

  test('A live run is named as the reason why its worktree cannot be closed, and the row and the dialog follow its end and the files', async () => {
    const at = await scene()
    const page = await pageOf(at)
    for (const words of ['active', at.worktree.branchName, 'Ada']) await rowOf(page, at).getByText(words).waitFor()
    expect(
      await rowOf(page, at)
        .getByRole('link', { name: `Issue of ${at.worktree.name}` })
        .getAttribute('href'),
    ).toBe(`/console/${at.here.company.issuePrefix}/issues/${at.issue.id}`)
    expect(await findingsOf(page, 'a worktree that is used')).toEqual([])
    await close(page, at)
    await dialogOf(page, at).getByText('A live run works in it.').waitFor()
    expect(await dialogOf(page, at).getByRole('button', { name: 'Close the worktree' }).isDisabled()).toBe(true)
    expect(await findingsOf(page, 'a worktree that cannot be closed')).toEqual([])
    writeFileSync(path.join(at.folder, 'draft.txt'), 'one\n')
    expect((await at.run.client.post(`/api/heartbeat-runs/${at.run.id}/finish`, { status: 'succeeded' })).status).toBe(200)
    await dialogOf(page, at).getByText('new: draft.txt', { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await dialogOf(page, at).waitFor({ state: 'detached' })
    await rowOf(page, at).getByText('idle').waitFor()
    rmSync(path.join(at.folder, 'draft.txt'))
    await close(page, at)
    await dialogOf(page, at).getByText('The branch').waitFor()
    expect(await dialogOf(page, at).getByText('draft.txt').count()).toBe(0)
    expect([existsSync(at.folder), await statusOf(at)]).toEqual([true, 'idle'])
  })

  test('A worktree without changes is closed by the keyboard: its folder is gone, its commit stays, and the row goes', async () => {
    const at = await scene()
    git(at.folder, 'commit', '--quiet', '--allow-empty', '--message', 'Work')
    await expireLease(server(), at.run.id)
    const page = await pageOf(at)
    await rowOf(page, at)
      .getByRole('button', { name: `Close ${at.worktree.name}` })
      .focus()
    await page.keyboard.press('Enter')
    await dialogOf(page, at).getByText(`The branch ${at.worktree.branchName} and its commits stay in the repository.`).waitFor()
    const confirm = dialogOf(page, at).getByRole('button', { name: 'Close the worktree' })
    await confirm.focus()
    await page.keyboard.press('Enter')
    await page.locator('.notices').getByText('The worktree is closed').waitFor()
    await page.getByRole('heading', { name: 'Worktrees' }).waitFor({ state: 'detached' })
    expect(existsSync(at.folder)).toBe(false)
    expect(git(at.repository, 'log', '-1', '--format=%s', at.worktree.branchName)).toBe('Work')
    expect(await statusOf(at)).toBe('archived')
    expect(await lastAudit(server(), at.worktree.id, 'execution_workspace.updated')).toMatchObject({
      actorType: 'user',
      details: { status: 'archived', closedReason: 'board', discardedCount: 0 },
    })
  })

  test('Work that is in no commit is listed, lost only as it was shown, and what was written meanwhile is shown before another confirmation', async () => {
    const at = await scene()
    await expireLease(server(), at.run.id)
    writeFileSync(path.join(at.folder, 'draft.txt'), 'one\n')
    writeFileSync(path.join(at.folder, 'letter.txt'), 'Dear all\n')
    const page = await pageOf(at)
    await close(page, at)
    const dialog = dialogOf(page, at)
    await dialog.getByText('2 files have changes that are in no commit.').waitFor()
    for (const line of ['new: draft.txt', 'changed: letter.txt']) await dialog.getByText(line, { exact: true }).waitFor()
    expect(await findingsOf(page, 'a worktree with work in it')).toEqual([])

    const before = await auditCount(server())
    writeFileSync(path.join(at.folder, 'later.txt'), 'two\n')
    const confirm = dialog.getByRole('button', { name: 'Close it, and lose this work' })
    await confirm.click()
    await dialog.getByRole('alert').waitFor()
    await dialog.getByText('new: later.txt', { exact: true }).waitFor()
    expect([existsSync(at.folder), await statusOf(at), await auditCount(server())]).toEqual([true, 'idle', before])

    await confirm.click()
    await page.locator('.notices').getByText('The worktree is closed').waitFor()
    expect(existsSync(at.folder)).toBe(false)
    expect((await actionsOf(server(), at.worktree.id)).slice(-2)).toEqual(['execution_workspace.closing', 'execution_workspace.updated'])
    expect((await lastAudit(server(), at.worktree.id, 'execution_workspace.updated')).details).toMatchObject({ discardedCount: 3 })
    await page.goto(`${server().url}/console/${at.here.company.issuePrefix}/activity?entityId=${at.worktree.id}`)
    await page.getByText(`closed the worktree`).first().waitFor()
  })
})
