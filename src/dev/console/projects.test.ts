import { describe, expect, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, lastAudit, world } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()
const row = (page: Page, table: string, text: string): Locator =>
  page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text })

describe.skipIf(!hasChromium)('projects, goals and labels in the console (need Chromium)', () => {
  test('A project is made, changed, archived, restored and deleted, and its issues stay', async () => {
    const here = await world(server())
    const agent = await here.agent({ name: 'Ada' })
    const page = await open(`/${here.company.issuePrefix}/projects`)
    await page.getByText('There is no project yet.').waitFor()
    await page.keyboard.press('n')
    const form = dialog(page, 'New project')
    await form.getByLabel('Name').fill('Release 2')
    await form.getByLabel('Lead').selectOption('Ada')
    await form.getByLabel('Target date').fill('2030-12-24')
    await form.getByRole('button', { name: 'Create the project' }).click()
    await page.getByRole('heading', { name: 'Release 2', level: 1 }).waitFor()
    const [project] = (await server().board.get(`/api/companies/${here.company.id}/projects`)).body as { id: string; urlKey: string }[]
    const id = project?.id ?? ''
    const read = async (): Promise<Record<string, unknown>> => (await server().board.get(`/api/projects/${id}`)).body
    expect(await read()).toMatchObject({
      name: 'Release 2',
      leadAgentId: agent.id,
      targetDate: expect.stringContaining('2030-12-24') as string,
    })
    const issue = await here.issue({ projectId: id })
    await page.getByLabel('Description').fill('The second release.')
    await page.getByLabel('Status').selectOption('in progress')
    await page.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The project is saved')
    expect(await read()).toMatchObject({ description: 'The second release.', status: 'in_progress' })
    await page.getByRole('button', { name: 'Archive' }).click()
    await dialog(page, 'Archive Release 2').getByRole('button', { name: 'Archive Release 2' }).click()
    await page.getByRole('button', { name: 'Restore' }).waitFor()
    expect((await read())['archivedAt']).not.toBeNull()
    await page.goto(`${server().url}/console/${here.company.issuePrefix}/projects`)
    await page.getByText('No project fits these filters.').waitFor()
    await page.getByLabel('Archived, too').check()
    await row(page, 'Projects', 'Release 2').getByRole('link', { name: 'Release 2' }).click()
    await page.getByRole('button', { name: 'Restore' }).click()
    await dialog(page, 'Restore Release 2').getByRole('button', { name: 'Restore Release 2' }).click()
    await page.getByRole('button', { name: 'Archive' }).waitFor()
    await page.getByRole('button', { name: 'Delete' }).click()
    await dialog(page, 'Delete Release 2').getByText('Its issues stay, without a project (1 issue).').waitFor()
    await dialog(page, 'Delete Release 2').getByRole('button', { name: 'Delete Release 2' }).click()
    await page.getByText('There is no project yet.').waitFor()
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.projectId).toBeNull()
    expect(await actionsOf(server(), id)).toEqual([
      'project.created',
      'project.updated',
      'project.updated',
      'project.updated',
      'project.deleted',
    ])
  })

  test('A worktree that is old and not closed is listed, however many were closed since', async () => {
    const here = await world(server())
    const [agent, project] = [
      await here.agent(),
      (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Quay' })).body as { id: string; urlKey: string },
    ]
    const issue = await here.issue({ projectId: project.id })
    await server().database.sql.query(
      `insert into execution_workspaces (company_id, project_id, project_workspace_id, source_issue_id, agent_id, name, status, repository, worktree_name,
         branch_name, folder_mark, cwd, reuse_policy, close_policy, created_at, closed_at, closed_reason)
       select $1, $2, $2, $3, $4, case number when 0 then 'the-old-one' else 'closed-' || number end, case number when 0 then 'open' else 'archived' end,
         '/nowhere', 'stage', 'paperclip/stage', $2, '/nowhere/tree', 'issue', 'manual', now() - make_interval(mins => 500 - number),
         case number when 0 then null else now() end, case number when 0 then null else 'board' end from generate_series(0, 250) number`,
      [here.company.id, project.id, issue.id, agent.id],
    )
    const page = await open(`/${here.company.issuePrefix}/projects/${project.id}`)
    await row(page, 'Worktrees', 'the-old-one').waitFor()
    expect(await row(page, 'Worktrees', 'closed-').count()).toBe(0)
  })

  test('Goals stand as a tree, get goals below them, are changed and deleted', async () => {
    const here = await world(server())
    const page = await open(`/${here.company.issuePrefix}/projects?tab=goals`)
    await page.getByRole('button', { name: 'New goal' }).click()
    await dialog(page, 'New goal').getByLabel('Title').fill('Be the quickest tracker')
    await dialog(page, 'New goal').getByRole('button', { name: 'Create the goal' }).click()
    await page.getByRole('button', { name: 'Goal below Be the quickest tracker' }).click()
    await dialog(page, 'New goal').getByLabel('Title').fill('Start in a second')
    await dialog(page, 'New goal').getByRole('button', { name: 'Create the goal' }).click()
    const below = page.getByRole('listitem').filter({ hasText: 'Be the quickest tracker' }).getByRole('list')
    await below.locator('strong', { hasText: 'Start in a second' }).waitFor()
    const goals = (await server().board.get(`/api/companies/${here.company.id}/goals`)).body as {
      id: string
      title: string
      parentId: string | null
    }[]
    const [top, child] = ['Be the quickest tracker', 'Start in a second'].map((title) => goals.find((goal) => goal.title === title))
    expect(child?.parentId).toBe(top?.id)
    await page.getByRole('button', { name: 'Edit Start in a second' }).click()
    const form = dialog(page, 'Edit Start in a second')
    await form.getByLabel('Status').selectOption('active')
    expect(await form.getByLabel('Below').getByRole('option').allTextContents()).toEqual(['no other goal', 'Be the quickest tracker'])
    await form.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The goal is saved')
    expect((await lastAudit(server(), child?.id ?? '', 'goal.updated')).details).toMatchObject({ status: 'active' })
    await page.getByRole('button', { name: 'Delete Be the quickest tracker' }).click()
    await dialog(page, 'Delete Be the quickest tracker').getByText('1 goal below it stays, below no other goal.').waitFor()
    await dialog(page, 'Delete Be the quickest tracker').getByRole('button', { name: 'Delete the goal' }).click()
    await expect.poll(() => page.getByText('Be the quickest tracker').count()).toBe(0)
    expect((await server().board.get(`/api/goals/${child?.id}`)).body.parentId).toBeNull()
  })

  test('A label is made and deleted, and a second one of its name is refused in the words of the server', async () => {
    const here = await world(server())
    const page = await open(`/${here.company.issuePrefix}/projects?tab=labels`)
    const create = async (): Promise<Locator> => {
      await page.getByRole('button', { name: 'New label' }).click()
      const form = dialog(page, 'New label')
      await form.getByLabel('Name').fill('bug')
      await form.getByLabel('Colour').fill('#aa0000')
      await form.getByRole('button', { name: 'Create the label' }).click()
      return form
    }
    await create()
    await row(page, 'Labels', 'bug').getByText('#aa0000').waitFor()
    const [label] = (await server().board.get(`/api/companies/${here.company.id}/labels`)).body as { id: string }[]
    const issue = await here.issue({ labelIds: [label?.id] })
    const refused = await create()
    await refused.getByRole('alert').waitFor()
    expect(await refused.getByLabel('Name').inputValue()).toBe('bug')
    await refused.getByRole('button', { name: 'Cancel' }).click()
    await row(page, 'Labels', 'bug').getByRole('button', { name: 'Delete bug' }).click()
    await dialog(page, 'Delete bug').getByText('It is removed from 1 issue.').waitFor()
    await dialog(page, 'Delete bug').getByRole('button', { name: 'Delete bug' }).click()
    await page.getByText('There is no label yet.').waitFor()
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.labelIds).toEqual([])
    expect(await lastAudit(server(), label?.id ?? '', 'label.deleted')).toMatchObject({ details: { issues: 1 } })
  })
})
