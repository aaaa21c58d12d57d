import { describe, expect, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, lastAudit, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const rowOf = (page: Page, { identifier }: { readonly identifier: string }): Locator =>
  page.getByRole('table', { name: 'Issues' }).getByRole('row').filter({ hasText: identifier })

/** Opens a page of the issues of a company and waits for its rows. */
async function openIssues({ company }: World, query = ''): Promise<Page> {
  const page = await open(`/${company.issuePrefix}/issues${query}`)
  await page.getByRole('heading', { name: 'Issues', level: 1 }).waitFor()
  return page
}

const fieldsOf = async (id: string): Promise<Record<string, unknown>> => (await server().board.get(`/api/issues/${id}`)).body

/** Puts the cursor of the keyboard on a row. */
async function moveTo(page: Page, issue: { readonly identifier: string }): Promise<void> {
  const row = rowOf(page, issue)
  await row.waitFor()
  for (let presses = 0; presses < 20 && (await row.getAttribute('aria-current')) !== 'true'; presses += 1) await page.keyboard.press('j')
  await expect.poll(() => row.getAttribute('aria-current')).toBe('true')
}

const alertIn = (page: Page): Locator => page.getByRole('alert')
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()
const identifiers = (page: Page): Promise<string[]> => page.locator('table[aria-label=Issues] tbody td .mono:visible').allTextContents()
const queryOf = (page: Page): URLSearchParams => new URL(page.url()).searchParams

describe.skipIf(!hasChromium)('the issues in the console (need Chromium)', () => {
  describe('filters and views', () => {
    test('An address without filters shows the open issues, and every filter of the API is one of the address', async () => {
      const w = await world(server())
      const [todo, done] = [await w.issue({ priority: 'high' }), await w.issue({ status: 'done' })]
      const project = (await server().board.post(`/api/companies/${w.company.id}/projects`, { name: 'Website' })).body
      const label = (await server().board.post(`/api/companies/${w.company.id}/labels`, { name: 'bug', color: '#aa0000' })).body
      const child = await w.issue({ parentId: todo.id, projectId: project.id, labelIds: [label.id], title: 'A leaking worker' })
      const page = await openIssues(w)
      await rowOf(page, todo).waitFor()
      expect(queryOf(page).get('status')).toBe('backlog,todo,in_progress,in_review,blocked')
      expect(await rowOf(page, done).count()).toBe(0)
      await page.getByRole('link', { name: 'All', exact: true }).click()
      await rowOf(page, done).waitFor()
      const shows = async (query: string, shown: readonly { readonly identifier: string }[]): Promise<void> => {
        await page.goto(`${server().url}/console/${w.company.issuePrefix}/issues?${query}`)
        await expect.poll(() => identifiers(page), { message: query }).toEqual(shown.map(({ identifier }) => identifier))
      }
      await shows(`projectId=${project.id}`, [child])
      await shows(`labelId=${label.id}`, [child])
      await shows(`parentId=${todo.id}`, [child])
      await page.getByText(`Parent: ${todo.identifier}`).waitFor()
      await shows('priority=high', [todo])
      await shows('status=done', [done])
      await shows('q=leaking', [child])
      await shows('originKind=manual&priority=high', [todo])
      await page.getByRole('button', { name: 'Remove the filter Kind of origin' }).click()
      await expect.poll(() => queryOf(page).get('originKind')).toBeNull()
    })

    test('The controls of the bar and of the drawer write the address', async () => {
      const w = await world(server())
      const ada = await w.agent({ name: 'Ada' })
      const [mine, other] = [await w.issue({ assigneeAgentId: ada.id }), await w.issue({ title: 'Count the sheep' })]
      const page = await openIssues(w)
      await rowOf(page, mine).waitFor()
      await page.getByRole('combobox', { name: 'Assignee' }).selectOption('Ada')
      await expect.poll(() => identifiers(page)).toEqual([mine.identifier])
      expect(queryOf(page).get('assigneeAgentId')).toBe(ada.id)
      await page.getByRole('combobox', { name: 'Assignee' }).selectOption('Unassigned')
      await expect.poll(() => identifiers(page)).toEqual([other.identifier])
      expect(queryOf(page).get('unassigned')).toBe('true')
      await page.getByText('Status: open').click()
      await page.getByRole('checkbox', { name: 'todo' }).uncheck()
      await page.getByText('No issue matches these filters.').waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('link', { name: 'Open', exact: true }).click()
      await page.keyboard.press('/')
      await page.keyboard.type('sheep')
      await expect.poll(() => queryOf(page).get('q')).toBe('sheep')
      await expect.poll(() => identifiers(page)).toEqual([other.identifier])
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'More filters' }).click()
      await dialog(page, 'More filters').getByLabel('The agent took part').selectOption('Ada')
      await expect.poll(() => queryOf(page).get('participantAgentId')).toBe(ada.id)
    })

    test('A saved view keeps its filters in the browser until it is removed', async () => {
      const w = await world(server())
      const urgent = await w.issue({ priority: 'critical' })
      const page = await openIssues(w, '?priority=critical&status=todo')
      await rowOf(page, urgent).waitFor()
      await page.getByRole('button', { name: 'Save as a view' }).click()
      await dialog(page, 'Save as a view').getByLabel('Name').fill('Fires')
      await page.keyboard.press('Enter')
      await page.getByRole('link', { name: 'Open', exact: true }).click()
      await page.reload()
      await page.getByRole('link', { name: 'Fires' }).click()
      await expect.poll(() => queryOf(page).toString()).toBe('status=todo&priority=critical')
      expect(await page.getByRole('link', { name: 'Fires' }).getAttribute('aria-current')).toBe('page')
      await page.getByRole('button', { name: 'Remove the view' }).click()
      await expect.poll(() => page.getByRole('link', { name: 'Fires' }).count()).toBe(0)
    })
  })

  describe('creating', () => {
    test('An issue is created with all its fields by the keyboard, and the audit log has it', async () => {
      const w = await world(server())
      const ada = await w.agent({ name: 'Ada' })
      const [parent, blocker] = [await w.issue({ title: 'Publish the release' }), await w.issue({ title: 'Write the changelog' })]
      await server().board.post(`/api/companies/${w.company.id}/labels`, { name: 'bug', color: '#aa0000' })
      const page = await openIssues(w)
      await rowOf(page, parent).waitFor()
      await page.keyboard.press('c')
      const form = dialog(page, 'Create issue')
      await page.keyboard.type('Tell the customers')
      await form.getByLabel('Description').fill('In **two** sentences.')
      await form.getByLabel('Status').selectOption('backlog')
      await form.getByLabel('Priority').selectOption('high')
      await form.getByLabel('Assignee').selectOption('Ada')
      await form.getByLabel('bug').check()
      await form.getByLabel('Parent').fill('publish')
      await form.getByRole('button', { name: /Publish the release/ }).click()
      await form.getByLabel('Blocked by').fill(blocker.identifier)
      await form.getByRole('button', { name: /Write the changelog/ }).click()
      await form.getByRole('button', { name: 'Create', exact: true }).click()
      const row = rowOf(page, { identifier: 'Tell the customers' })
      await row.waitFor()
      const [made] = (await server().board.get(`/api/companies/${w.company.id}/issues?q=customers`)).body
      expect(await fieldsOf(made.id)).toMatchObject({
        title: 'Tell the customers',
        description: 'In **two** sentences.',
        status: 'backlog',
        priority: 'high',
        assigneeAgentId: ada.id,
        parentId: parent.id,
        blockedBy: [{ id: blocker.id }],
        labels: [{ name: 'bug' }],
      })
      expect(await actionsOf(server(), made.id)).toContain('issue.created')
    })

    test('A refused issue keeps what was typed, and so does a dialog that was closed by mistake', async () => {
      const w = await world(server())
      const page = await openIssues(w)
      await page.getByRole('button', { name: 'Create issue' }).first().click()
      const form = dialog(page, 'Create issue')
      await form.getByLabel('Title').fill('In progress without an assignee')
      await form.getByLabel('Status').selectOption('in progress')
      await form.getByRole('button', { name: 'Create', exact: true }).click()
      await expect.poll(() => alertIn(page).textContent()).toContain('in_progress issues require an assignee')
      expect(await form.getByLabel('Title').inputValue()).toBe('In progress without an assignee')
      await form.getByRole('button', { name: 'Close' }).click()
      await page.keyboard.press('c')
      expect(await form.getByLabel('Title').inputValue()).toBe('In progress without an assignee')
    })
  })

  describe('changing one row', () => {
    test('Status, priority and assignee change by keys on the row', async () => {
      const w = await world(server())
      const ada = await w.agent({ name: 'Ada' })
      const issue = await w.issue()
      const page = await openIssues(w)
      await moveTo(page, issue)
      await page.keyboard.press('s')
      await page.keyboard.type('bloc')
      await page.keyboard.press('Enter')
      await notice(page, `${issue.identifier}: status is now blocked.`)
      await page.keyboard.press('p')
      await page.keyboard.press('ArrowUp')
      await page.keyboard.press('Enter')
      await notice(page, `${issue.identifier}: priority is now high.`)
      await page.keyboard.press('a')
      await page.keyboard.type('Ada')
      await page.keyboard.press('Enter')
      await notice(page, `${issue.identifier}: assignee is now Ada.`)
      expect(await fieldsOf(issue.id)).toMatchObject({ status: 'blocked', priority: 'high', assigneeAgentId: ada.id })
      expect((await lastAudit(server(), issue.id, 'issue.updated')).details).toMatchObject({ assigneeAgentId: ada.id })
      await rowOf(page, issue).getByText('blocked').waitFor()
    })

    test('A change of a row that another operator changed meanwhile says who did, and is made only when it is asked for again', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssues(w)
      await rowOf(page, issue).getByRole('button', { name: 'priority' }).click()
      await dialog(page, `Change the priority of ${issue.identifier}`).waitFor()
      await server().board.patch(`/api/issues/${issue.id}`, { status: 'in_review', priority: 'low' })
      await page.keyboard.type('critical')
      await page.keyboard.press('Enter')
      await expect.poll(() => alertIn(page).textContent()).toContain('The issue has changed since')
      await page.getByText('Now: status in review, priority low.').waitFor()
      await expect.poll(() => page.locator('.later-change').textContent()).toMatch(/changed|set/i)
      expect(await fieldsOf(issue.id)).toMatchObject({ priority: 'low' })
      await page.getByRole('button', { name: 'Change it all the same' }).click()
      await notice(page, `${issue.identifier}: priority is now critical.`)
      expect(await fieldsOf(issue.id)).toMatchObject({ priority: 'critical', status: 'in_review' })
    })

    test('A refusal is shown in the words of the server, and the dialog stays', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssues(w)
      await moveTo(page, issue)
      await page.keyboard.press('s')
      await page.keyboard.type('in prog')
      await page.keyboard.press('Enter')
      await expect.poll(() => alertIn(page).textContent()).toContain('in_progress issues require an assignee')
      await dialog(page, `Change the status of ${issue.identifier}`).waitFor()
      expect(await fieldsOf(issue.id)).toMatchObject({ status: 'todo' })
    })

    test('A row shows the live run that holds it, and is free when the hold is over', async () => {
      const w = await world(server())
      const { issue, agent, run } = await w.held()
      const page = await openIssues(w)
      await rowOf(page, issue).getByText(`live: ${agent.name}`).waitFor()
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'failed', error: 'It fell over' })
      await expect.poll(() => rowOf(page, issue).textContent()).not.toContain('live')
    })
  })

  describe('a look beside the list', () => {
    test('The space bar shows the row with the cursor, its text and its hold, and the list stays where it was', async () => {
      const w = await world(server())
      const { issue, agent } = await w.held()
      await server().board.patch(`/api/issues/${issue.id}`, { description: 'Feed the **goats** at noon.' })
      await w.issue({ title: 'Another one' })
      const page = await openIssues(w)
      await moveTo(page, issue)
      const address = page.url()
      await page.keyboard.press('Space')
      const drawer = page.getByRole('dialog', { name: `${issue.identifier}: ` })
      await drawer.locator('strong').getByText('goats', { exact: true }).waitFor()
      await drawer.getByRole('link', { name: agent.name, exact: true }).waitFor()
      await drawer.getByText('✓ live').waitFor()
      expect(page.url()).toBe(address)
      await page.keyboard.press('Escape')
      await drawer.waitFor({ state: 'detached' })
      expect(await rowOf(page, issue).getAttribute('aria-current')).toBe('true')
      await page.keyboard.press('Space')
      await expect.poll(() => drawer.getByRole('link', { name: 'Open the issue' }).evaluate((link) => link.matches(':focus'))).toBe(true)
      await page.keyboard.press('Enter')
      await page.waitForURL(`**/issues/${issue.identifier}`)
    })
  })

  describe('while the list changes', () => {
    test('An issue that is created elsewhere comes in by itself, and behind a line while the reader is at the rows', async () => {
      const w = await world(server())
      const first = await w.issue()
      const page = await openIssues(w)
      await rowOf(page, first).waitFor()
      const second = await w.issue()
      await rowOf(page, second).waitFor()
      await moveTo(page, first)
      const third = await w.issue({ priority: 'critical' })
      await page.getByRole('button', { name: '1 new: show' }).waitFor()
      expect(await rowOf(page, third).count()).toBe(0)
      await server().board.patch(`/api/issues/${first.id}`, { title: 'It has another title' })
      await rowOf(page, first).getByText('It has another title').waitFor()
      expect(await identifiers(page)).toEqual([second.identifier, first.identifier])
      await page.getByRole('button', { name: 'new: show' }).click()
      await rowOf(page, third).waitFor()
      expect(await rowOf(page, first).getAttribute('aria-current')).toBe('true')
    })
  })
})
