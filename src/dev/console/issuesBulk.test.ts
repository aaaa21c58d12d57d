import { describe, expect, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

interface Made {
  readonly id: string
  readonly identifier: string
}

const rowOf = (page: Page, { identifier }: Made): Locator =>
  page.getByRole('table', { name: 'Issues' }).getByRole('row').filter({ hasText: identifier })
const select = (page: Page, issue: Made): Promise<void> =>
  page.getByRole('checkbox', { name: `Select ${issue.identifier}`, exact: true }).check()
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const openIssues = ({ company }: World, query = ''): Promise<Page> => open(`/${company.issuePrefix}/issues${query}`)
const fieldsOf = async ({ id }: Made): Promise<Record<string, unknown>> => (await server().board.get(`/api/issues/${id}`)).body

/** Makes issues of a company without the API, which many of them would keep busy. */
const makeMany = ({ company }: World, count: number): Promise<unknown> =>
  server().database.sql.query(
    `insert into issues (company_id, title, issue_number, identifier, status)
     select $1::uuid, 'One of many ' || i, 100000 + i, $2::text || '-' || (100000 + i), 'todo' from generate_series(1, $3::int) i`,
    [company.id, company.issuePrefix, count],
  )

describe.skipIf(!hasChromium)('changes of many issues in the console (need Chromium)', () => {
  test('A change of selected rows names them first, and makes one change of each with its audit row', async () => {
    const w = await world(server())
    const issues = [await w.issue(), await w.issue(), await w.issue(), await w.issue(), await w.issue({ priority: 'low' })]
    const page = await openIssues(w)
    for (const issue of issues) await select(page, issue)
    await page.getByRole('region', { name: 'Selected issues' }).getByText('5 selected').waitFor()
    await page.keyboard.press('p')
    const form = dialog(page, 'Change the priority')
    await form.getByLabel('New priority').selectOption('low')
    await expect.poll(() => form.getByRole('status').textContent()).toMatch(/It changes 4 issues: .+, .+, .+ and 1 more/)
    await form.getByText('1 issue of the selected ones have it already').waitFor()
    await form.getByRole('button', { name: 'Change 4 issues' }).click()
    await form.getByText('4 of 4 changed.').waitFor()
    for (const issue of issues) expect(await fieldsOf(issue)).toMatchObject({ priority: 'low' })
    expect(await actionsOf(server(), issues[0]?.id ?? '')).toEqual(['issue.created', 'issue.updated'])
    expect(await actionsOf(server(), issues[4]?.id ?? '')).toEqual(['issue.created'])
    await form.getByRole('button', { name: 'Close' }).last().click()
    await expect.poll(() => page.getByRole('region', { name: 'Selected issues' }).count()).toBe(0)
  })

  test('Rows that are refused say why in the words of the server, and only they are tried again', async () => {
    const w = await world(server())
    const ada = await w.agent({ name: 'Ada' })
    const [owned, free] = [await w.issue({ assigneeAgentId: ada.id }), await w.issue()]
    const page = await openIssues(w)
    for (const issue of [owned, free]) await select(page, issue)
    await page.keyboard.press('s')
    const form = dialog(page, 'Change the status')
    await form.getByLabel('New status').selectOption('in progress')
    await form.getByRole('button', { name: 'Change 2 issues' }).click()
    await form.getByText('1 of 2 changed, 1 refused.').waitFor()
    const refused = form.getByRole('listitem').filter({ hasText: free.identifier })
    expect(await refused.getByRole('alert').textContent()).toContain('in_progress issues require an assignee')
    await server().board.patch(`/api/issues/${free.id}`, { assigneeAgentId: ada.id })
    await form.getByRole('button', { name: 'Try 1 issue again' }).click()
    // It was changed after it was read: the refusal brings its present state, and the next try is made on that.
    await expect.poll(() => refused.getByRole('alert').textContent()).toContain('The issue has changed since')
    await refused.getByText('Now: assignee Ada.').waitFor()
    await form.getByRole('button', { name: 'Try 1 issue again' }).click()
    await form.getByText('2 of 2 changed.').waitFor()
    for (const issue of [owned, free]) expect(await fieldsOf(issue)).toMatchObject({ status: 'in_progress' })
  })

  test('A change of the assignee says which live runs lose their hold, and cancelling writes the comment into each issue', async () => {
    const w = await world(server())
    const { issue } = await w.held()
    const other = await w.issue()
    const page = await openIssues(w)
    for (const one of [issue, other]) await select(page, one)
    await page.keyboard.press('a')
    const form = dialog(page, 'Change the assignee')
    await form.getByLabel('New assignee').selectOption('Unassigned')
    await expect.poll(() => form.getByRole('status').textContent()).toContain(`A live run loses its hold: ${issue.identifier}`)
    await form.getByRole('button', { name: 'Back' }).click()
    await page.getByRole('button', { name: 'Cancel issues' }).click()
    const cancel = dialog(page, 'Cancel issues')
    await cancel.getByLabel('Comment').fill('The customer has left.')
    await cancel.getByRole('button', { name: 'Cancel 2 issues' }).click()
    await cancel.getByText('2 of 2 changed.').waitFor()
    for (const one of [issue, other]) {
      expect(await fieldsOf(one)).toMatchObject({ status: 'cancelled' })
      const comments = (await server().board.get(`/api/issues/${one.id}/comments`)).body
      expect(comments).toMatchObject([{ body: 'The customer has left.' }])
    }
  })

  test('Labels are added to those that an issue has, and a project is set', async () => {
    const w = await world(server())
    const base = `/api/companies/${w.company.id}`
    const label = async (name: string): Promise<string> => (await server().board.post(`${base}/labels`, { name, color: '#00aa00' })).body.id
    const [bug, docs] = [await label('bug'), await label('docs')]
    const project = (await server().board.post(`${base}/projects`, { name: 'Website' })).body.id
    const [labelled, plain] = [await w.issue({ labelIds: [bug] }), await w.issue()]
    const page = await openIssues(w)
    for (const issue of [labelled, plain]) await select(page, issue)
    await page.getByRole('button', { name: 'Add labels' }).click()
    await dialog(page, 'Add labels').getByLabel('docs').check()
    await page.getByRole('button', { name: 'Add labels to 2 issues' }).click()
    await page.getByText('2 of 2 changed.').waitFor()
    await page.keyboard.press('Escape')
    for (const issue of [labelled, plain]) await select(page, issue)
    await page.getByRole('button', { name: 'Project' }).click()
    await dialog(page, 'Change the project').getByLabel('New project').selectOption('Website')
    await page.getByRole('button', { name: 'Change 2 issues' }).click()
    await page.getByText('2 of 2 changed.').waitFor()
    expect(await fieldsOf(labelled)).toMatchObject({ labelIds: expect.arrayContaining([bug, docs]), projectId: project })
    expect(await fieldsOf(plain)).toMatchObject({ labelIds: [docs], projectId: project })
  })

  test('All issues that match are selected by one key, also those that were not read yet', async () => {
    const w = await world(server())
    await w.issue()
    await makeMany(w, 249)
    const page = await openIssues(w)
    await page.getByText('100 of more issues').waitFor()
    await page.keyboard.press('Shift+X')
    await page.getByRole('region', { name: 'Selected issues' }).getByText('250 selected').waitFor()
    await page.keyboard.press('p')
    const form = dialog(page, 'Change the priority')
    await form.getByLabel('New priority').selectOption('high')
    await form.getByRole('button', { name: 'Change 250 issues' }).click()
    await form.getByText('250 of 250 changed.').waitFor()
    const { rows } = await server().database.sql.query<{ count: number }>(
      "select count(*)::int as count from issues where company_id = $1 and priority = 'high'",
      [w.company.id],
    )
    expect(rows).toEqual([{ count: 250 }])
  })

  describe('the board', () => {
    const column = (page: Page, status: string): Locator => page.getByRole('region', { name: new RegExp(`^${status} `) })
    const card = (page: Page, status: string, { identifier }: Made): Locator =>
      column(page, status).getByRole('listitem').filter({ hasText: identifier })

    test('A card moves by keys and by its menu, with the change on the server', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssues(w, '?status=backlog,todo,in_progress,in_review,blocked&layout=board')
      await card(page, 'todo', issue).waitFor()
      await page.keyboard.press('j')
      await page.keyboard.press('Shift+H')
      await card(page, 'backlog', issue).waitFor()
      expect(await card(page, 'backlog', issue).getAttribute('aria-current')).toBe('true')
      expect(await fieldsOf(issue)).toMatchObject({ status: 'backlog' })
      await page.getByRole('button', { name: `Move ${issue.identifier}` }).click()
      await dialog(page, `Change the status of ${issue.identifier}`).getByRole('option', { name: 'in review' }).click()
      await card(page, 'in review', issue).waitFor()
      expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.updated', 'issue.updated'])
    })

    test('A card that is dragged to a column moves there, and one that the server refuses stays and says why', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssues(w, '?status=todo,in_progress,in_review&layout=board')
      await card(page, 'todo', issue).dragTo(column(page, 'in progress'))
      await expect.poll(() => page.getByRole('alert').textContent()).toContain('in_progress issues require an assignee')
      await card(page, 'todo', issue).dragTo(column(page, 'in review'))
      await card(page, 'in review', issue).waitFor()
      expect(await page.getByRole('alert').count()).toBe(0)
      expect(await fieldsOf(issue)).toMatchObject({ status: 'in_review' })
      await page.keyboard.press('b')
      await rowOf(page, issue).waitFor()
    })
  })
})
