import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { download } from '../testing/files.ts'
import { wakesOf } from '../testing/holds.ts'
import { boardOf, join, person } from '../testing/people.ts'
import type { TestPerson } from '../testing/people.ts'
import { actionsOf, lastAudit, useServer, world } from '../testing/world.ts'
import type { TestServer, World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()
const authenticated = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()

interface Ref {
  readonly id: string
  readonly identifier: string
}

const pageOf = ({ company }: World, { identifier }: Ref, query = ''): string => `/${company.issuePrefix}/issues/${identifier}${query}`

/** Opens the page of an issue and waits for its heading. */
async function openIssue(w: World, issue: Ref, query = ''): Promise<Page> {
  const page = await open(pageOf(w, issue, query))
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByRole('heading', { name: 'Thread' }).waitFor()
  return page
}

/** Opens the page in the browser of a person who has signed in. */
async function openAs({ cookie }: TestPerson, w: World, issue: Ref): Promise<Page> {
  const { page, context } = await openBrowser({ origins: [authenticated().url] })
  const cookies = cookie.split('; ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  await context.addCookies(cookies.map(([name, value]) => ({ name, value, url: authenticated().url, httpOnly: true })))
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.goto(`${authenticated().url}/console${pageOf(w, issue)}`)
  await page.getByRole('heading', { name: 'Thread' }).waitFor()
  return page
}

const fieldsOf = async (on: TestServer, { id }: Ref) => (await on.board.get(`/api/issues/${id}`)).body
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const thread = (page: Page): Locator => page.getByRole('region', { name: 'Thread' })
const comment = (page: Page, text: string): Locator => page.getByRole('article', { name: 'Comment' }).filter({ hasText: text })
const documentOf = async ({ id }: Ref, key: string) => (await server().board.get(`/api/issues/${id}/documents/${key}`)).body

/** Pastes a picture into the text of the comment, in the page. */
const PASTE = `(() => {
  const bytes = Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0))
  const clipboardData = new DataTransfer()
  clipboardData.items.add(new File([bytes], 'shot.png', { type: 'image/png' }))
  document.querySelector('#comment-text').dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
})()`

describe.skipIf(!hasChromium)('one issue in the console (need Chromium)', () => {
  describe('the thread', () => {
    test('A comment of the board is sent by the keyboard alone, and appears in the thread with its audit row', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.keyboard.press('c')
      await page.keyboard.type('Please be **short**.')
      await page.keyboard.press('Control+Enter')
      await comment(page, 'Please be short.').getByText('short', { exact: true }).waitFor()
      expect(await page.getByLabel('Text', { exact: true }).inputValue()).toBe('')
      const { actorType, details } = await lastAudit(server(), issue.id, 'issue.comment_added')
      expect({ actorType, words: details?.['bodySnippet'] }).toEqual({ actorType: 'user', words: 'Please be **short**.' })
    })

    test('The acts of an agent on the issue arrive in the page without a reload', async () => {
      const w = await world(server())
      const { run, issue, agent } = await w.held()
      const page = await openIssue(w, issue)
      await thread(page).getByText(`${agent.name} took ${issue.identifier}`).waitFor()
      await page.getByText(`${agent.name} works on it now.`).waitFor()
      await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'I have read it all.' })
      await comment(page, 'I have read it all.')
        .getByText(`with run ${run.id.slice(0, 8)}`)
        .waitFor()
      await run.client.patch(`/api/issues/${issue.id}`, { status: 'done' })
      await thread(page).getByText(`moved ${issue.identifier} from in progress to done`).waitFor()
      await page.getByText('The issue is done.').waitFor()
      expect(await page.getByLabel('Status').inputValue()).toBe('done')
    })

    test('A comment on a closed issue opens it again where that is ticked', async () => {
      const w = await world(server())
      const issue = await w.issue({ status: 'done' })
      const page = await openIssue(w, issue)
      await page.getByLabel('Text', { exact: true }).fill('It is not done.')
      await page.getByLabel('Reopen the issue').check()
      await page.getByRole('button', { name: 'Comment', exact: true }).click()
      await comment(page, 'It is not done.').waitFor()
      await expect.poll(async () => (await fieldsOf(server(), issue)).status).toBe('todo')
    })

    test('A text that is not sent yet outlives a reload of the page', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.getByLabel('Text', { exact: true }).fill('Half a thought')
      await page.reload()
      await expect.poll(() => page.getByLabel('Text', { exact: true }).inputValue()).toBe('Half a thought')
    })

    test('An @ completes the name of an agent, and the comment wakes it', async () => {
      const w = await world(server())
      const ada = await w.agent({ name: 'Ada' })
      const linus = await w.agent({ name: 'Linus Two' })
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.keyboard.press('c')
      await page.keyboard.type('Look, @ad')
      await page.getByRole('listbox').getByRole('option', { name: 'Ada' }).waitFor()
      await page.keyboard.press('Enter')
      await page.keyboard.type('and @lin')
      await page.getByRole('listbox').getByRole('option', { name: 'Linus Two' }).waitFor()
      await page.keyboard.press('Tab')
      await page.keyboard.press('Control+Enter')
      await comment(page, 'Look, @Ada and @Linus Two').waitFor()
      const woken = (await wakesOf(server(), issue.id)).map(({ agentId }) => agentId)
      expect(woken.toSorted()).toEqual([ada.id, linus.id].toSorted())
    })

    test('A long thread begins with its newest part, and shows what was before', async () => {
      const w = await world(server())
      const issue = await w.issue()
      for (let at = 1; at <= 60; at += 1) await server().board.post(`/api/issues/${issue.id}/comments`, { body: `Thought ${at}.` })
      const page = await openIssue(w, issue)
      await comment(page, 'Thought 60.').waitFor()
      expect(await comment(page, 'Thought 3.').count()).toBe(0)
      await page.getByRole('button', { name: 'Show what was before' }).click()
      await comment(page, 'Thought 3.').waitFor()
      await expect.poll(() => page.getByRole('button', { name: 'Show what was before' }).count()).toBe(0)
    })
  })

  describe('keys and the clipboard', () => {
    test('The keys j and k move the focus through the entries of the thread, from either end', async () => {
      const w = await world(server())
      const issue = await w.issue()
      for (const body of ['The first word', 'The last word']) await server().board.post(`/api/issues/${issue.id}/comments`, { body })
      const page = await openIssue(w, issue)
      await comment(page, 'The last word').waitFor()
      const focused = (text: string): Promise<void> => page.locator('.thread > ol > li:focus-visible', { hasText: text }).waitFor()
      await page.keyboard.press('k')
      await focused('The last word')
      await page.keyboard.press('k')
      await focused('The first word')
      await page.keyboard.press('j')
      await focused('The last word')
      await page.keyboard.press('j')
      await focused('The last word')
      await page.keyboard.press('?')
      await page.getByRole('dialog').getByText('Next entry of the thread').waitFor()
    })

    test('A click on the identifier copies it', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
      await page.getByRole('button', { name: issue.identifier, exact: true }).click()
      await notice(page, `${issue.identifier} is copied.`)
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(issue.identifier)
    })
  })

  describe('hostile texts', () => {
    const hostile = [
      '<script>window.bad = 1</script>',
      '<img src=x onerror="window.bad = 1">',
      '[a link](javascript:window.bad=1)',
      '[another](//evil.example/x)',
      '![pixel](https://evil.example/pixel.png)',
      '<iframe src="/api/companies"></iframe>',
      '> '.repeat(200) + 'deep',
    ].join('\n\n')

    test('A hostile text runs nothing, asks no other server and leads nowhere, in every place of the page', async () => {
      const w = await world(server())
      const issue = await w.issue({ title: '<img src=x onerror="window.bad = 1">', description: hostile })
      await server().board.post(`/api/issues/${issue.id}/comments`, { body: hostile })
      await server().board.put(`/api/issues/${issue.id}/documents/plan`, { title: '<b>x</b>', format: 'markdown', body: hostile })
      const payload = { prompt: hostile.slice(0, 900), detailsMarkdown: hostile }
      await server().board.post(`/api/issues/${issue.id}/interactions`, { kind: 'request_confirmation', payload })
      const page = await openIssue(w, issue, '?document=plan')
      await dialog(page, '<b>x</b>').getByText('deep').waitFor()
      await page.keyboard.press('Escape')
      await comment(page, 'deep').waitFor()
      expect(
        await page.locator('main iframe, main script, main img, main a[href^="javascript"], main a[href*="evil.example/x"]').count(),
      ).toBe(0)
      expect(await page.evaluate('window.bad')).toBeUndefined()
    })

    test('The texts of the page are no place for hidden words: what cannot be laid out is shown as it was written', async () => {
      const w = await world(server())
      const issue = await w.issue({ description: `${'> '.repeat(200)}the end` })
      const page = await openIssue(w, issue)
      await page.getByText('It is shown as it was written.').waitFor()
      await page.getByText('the end').waitFor()
    })
  })

  describe('the facts', () => {
    test('Status, priority, assignee, project and labels are changed in their places, each with its audit row', async () => {
      const w = await world(server())
      const ada = await w.agent({ name: 'Ada' })
      const project = (await server().board.post(`/api/companies/${w.company.id}/projects`, { name: 'Website' })).body
      const label = (await server().board.post(`/api/companies/${w.company.id}/labels`, { name: 'bug', color: '#aa0000' })).body
      const issue = await w.issue({ status: 'backlog' })
      const page = await openIssue(w, issue)
      await page.getByLabel('Priority').selectOption('critical')
      await expect.poll(async () => (await fieldsOf(server(), issue)).priority).toBe('critical')
      await page.getByLabel('Assignee').selectOption({ label: 'Ada' })
      await expect.poll(async () => (await fieldsOf(server(), issue)).assigneeAgentId).toBe(ada.id)
      await page.getByLabel('Project').selectOption({ label: 'Website' })
      await expect.poll(async () => (await fieldsOf(server(), issue)).projectId).toBe(project.id)
      await page.getByLabel('Labels', { exact: true }).selectOption({ label: 'bug' })
      await expect.poll(async () => (await fieldsOf(server(), issue)).labelIds).toEqual([label.id])
      await page.getByRole('button', { name: 'Remove the label bug' }).click()
      await expect.poll(async () => (await fieldsOf(server(), issue)).labelIds).toEqual([])
      await page.keyboard.press('s')
      await page.getByLabel('Status').selectOption('todo')
      await thread(page).getByText(`moved ${issue.identifier} from backlog to todo`).waitFor()
      expect((await lastAudit(server(), issue.id, 'issue.updated')).details).toMatchObject({
        status: 'todo',
        _previous: { status: 'backlog' },
      })
    })

    test('A refused change is shown in the words of the server, and the fact keeps its value', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.getByLabel('Status').selectOption('in_progress')
      await page.getByRole('alert').getByText('assignee_needed').waitFor()
      expect(await page.getByLabel('Status').inputValue()).toBe('todo')
    })

    test('"Why does nothing happen?" is answered in one sentence with the act that changes it', async () => {
      const w = await world(server())
      const issue = await w.issue({ status: 'backlog' })
      const page = await openIssue(w, issue)
      const why = page.getByRole('region', { name: 'Why does nothing happen?' })
      await why.getByText('Nothing happens, because it is assigned to no agent.').waitFor()
      await why.getByRole('button', { name: 'Assign it' }).click()
      await expect.poll(() => page.evaluate('document.activeElement.labels?.[0]?.textContent')).toBe('Assignee')
      const ada = await w.agent({ name: 'Ada' })
      await server().board.patch(`/api/issues/${issue.id}`, { assigneeAgentId: ada.id })
      await why.getByText('Nothing happens, because it is in the backlog.').waitFor()
      await why.getByRole('button', { name: 'Move it to todo' }).click()
      await expect.poll(async () => (await fieldsOf(server(), issue)).status).toBe('todo')
      await why.getByText('backlog').waitFor({ state: 'detached' })
    })

    test('Blockers are added and removed, and a child is created', async () => {
      const w = await world(server())
      const [issue, other] = [await w.issue(), await w.issue({ title: 'Feed the geese' })]
      const page = await openIssue(w, issue)
      await page.getByRole('button', { name: 'Add a blocker' }).click()
      await page.getByLabel('Issue', { exact: true }).fill('geese')
      await dialog(page, 'Add a blocker').getByRole('button', { name: other.identifier }).click()
      await page.getByRole('link', { name: 'Feed the geese' }).waitFor()
      expect((await lastAudit(server(), issue.id, 'issue.blockers_updated')).details).toMatchObject({ addedBlockedByIssueIds: [other.id] })
      await page.getByRole('button', { name: `Do not wait for ${other.identifier}` }).click()
      await expect.poll(async () => (await fieldsOf(server(), issue)).blockedBy).toEqual([])
      await page.getByRole('button', { name: 'Create a child' }).click()
      await page.getByLabel('Title').fill('Buy corn')
      await page.getByRole('button', { name: 'Create', exact: true }).click()
      await page.getByRole('region', { name: 'Children' }).getByRole('link', { name: 'Buy corn' }).waitFor()
      expect(await actionsOf(server(), issue.id)).toContain('issue.child_created')
    })

    test('The parent is set, changed and removed, and an issue that is below this one is refused', async () => {
      const w = await world(server())
      const [issue, barn, farm] = [await w.issue(), await w.issue({ title: 'Build the barn' }), await w.issue({ title: 'Run the farm' })]
      const child = await w.issue({ parentId: issue.id, title: 'Below' })
      const page = await openIssue(w, issue)
      const parent = page.getByRole('group', { name: 'Parent' })
      const pick = async (name: string, { identifier }: Ref): Promise<void> => {
        await parent.getByRole('button', { name }).click()
        const form = dialog(page, 'Set the parent')
        await form.getByLabel('Issue', { exact: true }).fill(identifier)
        await form.getByRole('list', { name: 'Issues that fit' }).getByRole('button', { name: identifier }).click()
      }
      await pick('Set a parent', barn)
      await notice(page, `It is below ${barn.identifier} now.`)
      await parent.getByRole('link', { name: 'Build the barn' }).waitFor()
      await page.getByRole('navigation', { name: 'Where the issue stands' }).getByRole('link', { name: barn.identifier }).waitFor()
      expect((await lastAudit(server(), issue.id, 'issue.updated')).details).toMatchObject({ parentId: barn.id })
      await pick('Change the parent', farm)
      await parent.getByRole('link', { name: 'Run the farm' }).waitFor()
      await pick('Change the parent', child)
      await page.getByRole('region', { name: 'Facts' }).getByRole('alert').waitFor()
      expect(await fieldsOf(server(), issue)).toMatchObject({ parentId: farm.id })
      await parent.getByRole('button', { name: 'Remove the parent' }).click()
      await parent.getByRole('button', { name: 'Set a parent' }).waitFor()
      expect(await fieldsOf(server(), issue)).toMatchObject({ parentId: null })
    })

    test('The hold is shown with its story, and the key r opens its force-release', async () => {
      const w = await world(server())
      const { issue, agent, run } = await w.held()
      const page = await openIssue(w, issue)
      const hold = page.getByRole('region', { name: 'Hold' })
      await hold.getByText('Taken').waitFor()
      await hold.getByRole('link', { name: agent.name }).waitFor()
      await page.keyboard.press('r')
      const force = dialog(page, 'Force-release')
      await force.getByLabel('Reason').fill('It hangs.')
      await force.getByRole('button', { name: `Force-release ${issue.identifier}` }).click()
      await hold.getByText('Forced').waitFor()
      expect((await lastAudit(server(), issue.id, 'issue.admin_force_release')).details).toMatchObject({
        reason: 'It hangs.',
        evictedRunIds: [run.id],
      })
    })
  })

  describe('title and description', () => {
    test('They are edited with a preview, and saved with their audit row', async () => {
      const w = await world(server())
      const issue = await w.issue({ description: 'Old words' })
      const page = await openIssue(w, issue)
      await page.keyboard.press('e')
      await page.getByLabel('Title').fill('A better title')
      await page.getByLabel('Description', { exact: true }).fill('New **words**')
      await page.getByRole('form', { name: 'Edit the issue' }).getByRole('button', { name: 'Preview' }).click()
      await page.getByRole('form', { name: 'Edit the issue' }).getByText('words', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('heading', { name: 'A better title', level: 1 }).waitFor()
      expect(await fieldsOf(server(), issue)).toMatchObject({ title: 'A better title', description: 'New **words**' })
      expect((await lastAudit(server(), issue.id, 'issue.updated')).details).toMatchObject({ title: 'A better title' })
    })

    test('An agent that takes the issue meanwhile is no conflict for a person who edits the text', async () => {
      const w = await world(server())
      const ada = await w.agent({ name: 'Ada' })
      const issue = await w.issue({ assigneeAgentId: ada.id, description: 'Old words' })
      const page = await openIssue(w, issue)
      await page.keyboard.press('e')
      await page.getByLabel('Description', { exact: true }).fill('New words')
      expect((await w.checkout(await w.run(ada), issue.id)).status).toBe(200)
      await page.getByRole('button', { name: 'Save' }).click()
      await expect.poll(async () => (await fieldsOf(server(), issue)).description).toBe('New words')
      expect(await fieldsOf(server(), issue)).toMatchObject({ status: 'in_progress' })
      expect(await page.getByRole('alert').count()).toBe(0)
    })

    test('Of two operators who edit at once the second learns who was first, and loses nothing', async () => {
      const on = authenticated()
      const w = await world(on)
      const [ann, bob] = [await person(on, 'Ann'), await person(on, 'Bob')]
      for (const one of [ann, bob]) await join(on, one, w.company.id, 'admin')
      const issue = await w.issue({ description: 'The first text' })
      const [first, second] = [await openAs(ann, w, issue), await openAs(bob, w, issue)]
      for (const page of [first, second]) await page.keyboard.press('e')
      await second.getByLabel('Description', { exact: true }).fill('The words of Bob')
      await first.getByLabel('Description', { exact: true }).fill('The words of Ann')
      await first.getByRole('button', { name: 'Save' }).click()
      await notice(first, 'The texts are saved.')
      await second.getByRole('button', { name: 'Save' }).click()
      const alert = second.getByRole('form', { name: 'Edit the issue' }).getByRole('alert')
      await alert.getByText(`Ann changed the description of ${issue.identifier}`).waitFor()
      await alert.getByText('The words of Ann').waitFor()
      expect(await second.getByLabel('Description', { exact: true }).inputValue()).toBe('The words of Bob')
      const read = async () => (await boardOf(on).get(`/api/issues/${issue.id}`)).body.description
      expect(await read()).toBe('The words of Ann')
      await alert.getByRole('button', { name: 'Save mine over it' }).click()
      await notice(second, 'The texts are saved.')
      expect(await read()).toBe('The words of Bob')
      expect((await lastAudit(on, issue.id, 'issue.updated')).actorId).toBe(bob.id)
    })
  })

  describe('documents', () => {
    test('A document is written, edited, compared and restored, each with its audit row', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.getByRole('button', { name: 'Write a document' }).click()
      const writing = dialog(page, 'Write a document')
      await writing.getByLabel('Key').fill('Plan')
      await writing.getByLabel('Text').fill('one\ntwo\n')
      await writing.getByRole('button', { name: 'Write', exact: true }).click()
      await page.getByRole('button', { name: 'plan', exact: true }).click()
      const drawer = dialog(page, 'plan')
      await drawer.getByRole('button', { name: 'Edit', exact: true }).click()
      await drawer.getByLabel('Text').fill('one\nthree\n')
      await drawer.getByLabel('What changed').fill('Three is better')
      await drawer.getByRole('button', { name: 'Save' }).click()
      await notice(page, 'Revision 2 is saved.')
      await drawer.getByRole('button', { name: 'Revisions' }).click()
      await drawer.getByRole('group', { name: 'Revision 1 and revision 2' }).getByText('+three').waitFor()
      await drawer.getByRole('button', { name: 'Restore revision 1' }).click()
      await dialog(page, 'Restore revision 1').getByRole('button', { name: 'Restore' }).click()
      await notice(page, 'Revision 1 is restored as revision 3.')
      expect(await documentOf(issue, 'plan')).toMatchObject({ body: 'one\ntwo\n', latestRevisionNumber: 3 })
      expect((await lastAudit(server(), issue.id, 'issue.document_restored')).details).toMatchObject({ restoredFromRevisionNumber: 1 })
      expect(await actionsOf(server(), issue.id)).toContain('issue.document_updated')
    })

    test('A revision that comes while a document is edited is shown with its writer, and nothing is lost', async () => {
      const w = await world(server())
      const { run, issue, agent } = await w.held()
      const { body: document } = await server().board.put(`/api/issues/${issue.id}/documents/plan`, { format: 'markdown', body: 'one\n' })
      const page = await openIssue(w, issue, '?document=plan&tab=edit')
      const drawer = dialog(page, 'plan')
      await drawer.getByLabel('Text').fill('mine\n')
      const answer = await run.client.put(`/api/issues/${issue.id}/documents/plan`, {
        format: 'markdown',
        body: 'theirs\n',
        baseRevisionId: document.latestRevisionId,
      })
      expect(answer.status, answer.text).toBe(200)
      await drawer.getByRole('alert').getByText(`${agent.name} wrote revision 2`).waitFor()
      await drawer.getByRole('alert').getByText('+theirs').waitFor()
      expect(await drawer.getByLabel('Text').inputValue()).toBe('mine\n')
      await drawer.getByRole('button', { name: 'Save mine after it' }).click()
      await notice(page, 'Revision 3 is saved.')
      expect(await documentOf(issue, 'plan')).toMatchObject({ body: 'mine\n' })
    })
  })

  describe('questions', () => {
    const ask = async (w: World, body: object): Promise<{ issue: Ref; question: { id: string }; page: Page }> => {
      const { run, issue } = await w.held()
      const answer = await run.client.post(`/api/issues/${issue.id}/interactions`, body)
      expect(answer.status, answer.text).toBe(201)
      return { issue, question: answer.body, page: await openIssue(w, issue) }
    }
    const statusOf = async ({ id }: Ref): Promise<string> => (await server().board.get(`/api/issues/${id}/interactions`)).body[0].status

    test('A confirmation is rejected with the reason that it asks for', async () => {
      const w = await world(server())
      const payload = { prompt: 'May I publish?', rejectRequiresReason: true, rejectLabel: 'Not yet' }
      const { issue, page } = await ask(w, { kind: 'request_confirmation', payload })
      await page.getByRole('button', { name: 'Not yet' }).click()
      await dialog(page, 'Not yet').getByLabel('Reason').fill('The tests are red.')
      await dialog(page, 'Not yet').getByRole('button', { name: 'Not yet' }).click()
      await page.getByRole('article', { name: 'Question' }).getByText('The tests are red.').waitFor()
      expect(await statusOf(issue)).toBe('rejected')
      expect((await lastAudit(server(), issue.id, 'issue.thread_interaction_rejected')).details).toMatchObject({
        reason: 'The tests are red.',
      })
    })

    test('Questions are answered with the chosen options', async () => {
      const w = await world(server())
      const options = [
        { id: 'a', label: 'Red' },
        { id: 'b', label: 'Blue' },
      ]
      const questions = [{ id: 'q', prompt: 'Which colour?', selectionMode: 'single', required: true, options }]
      const { issue, page } = await ask(w, { kind: 'ask_user_questions', payload: { questions } })
      const question = page.getByRole('article', { name: 'Question' })
      expect(await question.getByRole('button', { name: 'Answer' }).isDisabled()).toBe(true)
      await question.getByLabel('Blue').check()
      await question.getByRole('button', { name: 'Answer' }).click()
      await question.getByText('answered it').waitFor()
      const [row] = (await server().board.get(`/api/issues/${issue.id}/interactions`)).body
      expect(row.result).toMatchObject({ answers: [{ questionId: 'q', optionIds: ['b'] }] })
      expect(await actionsOf(server(), issue.id)).toContain('issue.thread_interaction_answered')
    })

    test('Of suggested issues those that are ticked are created, a child never without its parent', async () => {
      const w = await world(server())
      const tasks = [
        { clientKey: 'a', title: 'Build the barn' },
        { clientKey: 'b', parentClientKey: 'a', title: 'Paint the barn' },
        { clientKey: 'c', title: 'Buy a cow' },
      ]
      const { issue, page } = await ask(w, { kind: 'suggest_tasks', payload: { tasks } })
      const question = page.getByRole('article', { name: 'Question' })
      await question.getByLabel('Build the barn').uncheck()
      expect(await question.getByLabel('Paint the barn').isChecked()).toBe(false)
      await question.getByRole('button', { name: 'Create one issue' }).click()
      await question.getByRole('link', { name: 'Buy a cow' }).waitFor()
      expect(await statusOf(issue)).toBe('accepted')
      const { body: children } = await server().board.get(`/api/companies/${w.company.id}/issues?parentId=${issue.id}`)
      expect(children.map(({ title }: { title: string }) => title)).toEqual(['Buy a cow'])
    })

    test('A question that was answered meanwhile is refused in the words of the server', async () => {
      const w = await world(server())
      const { issue, question, page } = await ask(w, { kind: 'request_confirmation', payload: { prompt: 'May I?' } })
      await page.getByRole('button', { name: 'Reject' }).click()
      await server().board.post(`/api/issues/${issue.id}/interactions/${question.id}/accept`)
      await dialog(page, 'Reject').getByRole('button', { name: 'Reject' }).click()
      await page.getByText('Interaction has already been resolved').waitFor()
      expect(await statusOf(issue)).toBe('accepted')
    })
  })

  describe('files', () => {
    test('A file is attached by the button, downloaded as it was, and deleted', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page
        .getByLabel('Files to attach')
        .setInputFiles({ name: 'numbers.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') })
      const link = page.getByRole('link', { name: 'Download numbers.csv' })
      await link.waitFor()
      const [saved] = await Promise.all([page.waitForEvent('download'), link.click()])
      expect(saved.suggestedFilename()).toBe('numbers.csv')
      const [file] = (await server().board.get(`/api/issues/${issue.id}/attachments`)).body
      expect((await download(server(), server().board, file.contentPath)).bytes.toString()).toBe('a,b\n1,2\n')
      expect((await lastAudit(server(), issue.id, 'issue.attachment_added')).details).toMatchObject({ originalFilename: 'numbers.csv' })
      await page.getByRole('button', { name: 'Delete numbers.csv' }).click()
      await dialog(page, 'Delete numbers.csv').getByRole('button', { name: 'Delete', exact: true }).click()
      await link.waitFor({ state: 'detached' })
      expect(await actionsOf(server(), issue.id)).toContain('issue.attachment_removed')
    })

    test('A page that comes as a file is never shown in the console', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      const buffer = Buffer.from('<script>alert(1)</script>')
      await page.getByLabel('Files to attach').setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer })
      await page.getByRole('link', { name: 'Download picture.png' }).waitFor()
      expect(await page.locator('main img').count()).toBe(0)
    })

    test('A file that is too large is refused in the words of the server, and the comment stays', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.getByLabel('Text', { exact: true }).fill('See the file')
      await page
        .getByLabel('Files to attach')
        .setInputFiles({ name: 'big.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(11e6) })
      await page.getByRole('alert').getByText('file_too_large').waitFor()
      expect(await page.getByLabel('Text', { exact: true }).inputValue()).toBe('See the file')
    })

    test('A picture that is pasted into a comment is attached, and shown by the comment', async () => {
      const w = await world(server())
      const issue = await w.issue()
      const page = await openIssue(w, issue)
      await page.getByLabel('Text', { exact: true }).fill('Look:')
      await page.evaluate(PASTE)
      await expect.poll(() => page.getByLabel('Text', { exact: true }).inputValue()).toContain('![shot.png](/api/attachments/')
      await page.getByRole('button', { name: 'Comment', exact: true }).click()
      await comment(page, 'Look:').getByRole('img', { name: 'shot.png' }).waitFor()
    })
  })

  describe('every reader', () => {
    test('The page, its editing and its documents have no fault for axe, in both themes, on a telephone and a desk', async () => {
      const w = await world(server())
      const { run, issue } = await w.held()
      const text = '# One\n\n### Three\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n- [ ] open\n\n`code`\n'
      await server().board.patch(`/api/issues/${issue.id}`, { description: text })
      const { body: document } = await run.client.put(`/api/issues/${issue.id}/documents/plan`, { format: 'markdown', body: text })
      const second = { format: 'markdown', body: `${text}more`, baseRevisionId: document.latestRevisionId }
      await run.client.put(`/api/issues/${issue.id}/documents/plan`, second)
      await run.client.post(`/api/issues/${issue.id}/interactions`, { kind: 'request_confirmation', payload: { prompt: 'May I?' } })
      const page = await openIssue(w, issue)
      await page.getByRole('article', { name: 'Question' }).waitFor()
      const found = await findingsOf(page, 'issue')
      await page.keyboard.press('e')
      await page.getByRole('form', { name: 'Edit the issue' }).waitFor()
      found.push(...(await findingsOf(page, 'editing')))
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('button', { name: 'plan', exact: true }).click()
      await dialog(page, 'plan').getByRole('button', { name: 'Revisions' }).click()
      await dialog(page, 'plan').getByText('+more').waitFor()
      found.push(...(await findingsOf(page, 'revisions')))
      expect(found).toEqual([])
    })
  })

  describe('the end', () => {
    test('An issue is deleted after the page has said what that does', async () => {
      const w = await world(server())
      const issue = await w.issue()
      await server().board.post(`/api/companies/${w.company.id}/issues`, { title: 'Below', parentId: issue.id })
      const page = await openIssue(w, issue)
      await page.getByRole('button', { name: 'Delete', exact: true }).click()
      const asked = dialog(page, `Delete ${issue.identifier}`)
      await asked.getByText('one child stays, without a parent.').waitFor()
      await asked.getByRole('button', { name: `Delete ${issue.identifier}` }).click()
      await page.waitForURL(/\/issues$|\/issues\?/)
      expect((await server().board.get(`/api/issues/${issue.id}`)).status).toBe(404)
      expect(await actionsOf(server(), issue.id)).toContain('issue.deleted')
    })

    test('An address of no issue says so, and leads to the issues', async () => {
      const w = await world(server())
      const page = await open(`/${w.company.issuePrefix}/issues/${w.company.issuePrefix}-999`)
      await page.getByText('Issue not found').waitFor()
      await page.getByRole('link', { name: 'Go to the issues' }).waitFor()
    })
  })
})
