import { describe, expect, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, expireLease, lastAudit, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

/** Opens the overview of a company, and waits for its columns. */
async function openOverview({ company }: World): Promise<Page> {
  const page = await open(`/${company.issuePrefix}/overview`)
  await page.getByRole('heading', { name: 'Figures' }).waitFor()
  return page
}

const needs = (page: Page): Locator => page.getByRole('region', { name: /Needs you/ }).getByRole('listitem')
const working = (page: Page): Locator => page.getByRole('region', { name: /Working now/ })
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const pathOf = (page: Page): string => new URL(page.url()).pathname

describe.skipIf(!hasChromium)('the overview in the console (needs Chromium)', () => {
  test('An operator takes an issue from a dead run in two clicks and a reason, and the row goes', async () => {
    const here = await world(server())
    const { issue, run } = await here.held()
    await expireLease(server(), run.id)
    const page = await openOverview(here)
    await needs(page).filter({ hasText: issue.identifier }).getByText('whose lease has run out').waitFor()
    await page.getByRole('button', { name: `Force-release ${issue.identifier}` }).click()
    const form = dialog(page, 'Force-release')
    await form.getByLabel('Reason').fill('hangs since lunch')
    await form.getByRole('button', { name: `Force-release ${issue.identifier}` }).click()
    await expect.poll(async () => (await server().board.get(`/api/issues/${issue.id}/lock`)).body.checkoutRunId).toBeNull()
    expect(await lastAudit(server(), issue.id, 'issue.admin_force_release')).toMatchObject({
      actorId: 'local-board',
      details: { reason: 'hangs since lunch' },
    })
    await form.getByRole('button', { name: 'Close' }).last().click()
    await page.getByText('Nothing waits for you').waitFor()
  })

  test('The run of a dead hold is shown with its issue, and its hold is ended from the overview by keys alone', async () => {
    const here = await world(server())
    const { issue, run } = await here.held()
    await expireLease(server(), run.id)
    const page = await openOverview(here)
    await needs(page).filter({ hasText: issue.identifier }).waitFor()
    const working = page.getByRole('region', { name: 'Working now' })
    await expect.poll(() => working.textContent()).toContain(issue.identifier)
    expect(await working.textContent()).not.toContain('It holds no issue')
    await page.keyboard.press('j')
    await page.keyboard.press('f')
    await dialog(page, 'Force-release').getByLabel('Reason').waitFor()
    await page.keyboard.type('hangs since lunch')
    await page.keyboard.press('Enter')
    await expect.poll(async () => (await server().board.get(`/api/issues/${issue.id}/lock`)).body.checkoutRunId).toBeNull()
  })

  test('Everything that waits for a person is a row with its reason, the most urgent first', async () => {
    const here = await world(server())
    const { board, database } = server()
    const { issue: dead, run } = await here.held()
    await expireLease(server(), run.id)
    const broken = await here.agent({ name: 'Bruno' })
    await database.sql.query("update agents set status = 'error' where id = $1", [broken.id])
    const spent = await here.agent({ name: 'Cleo', budgetMonthlyCents: 100 })
    const cost = { agentId: spent.id, provider: 'acme', model: 'small', costCents: 100, occurredAt: new Date().toISOString() }
    expect((await board.post(`/api/companies/${here.company.id}/cost-events`, cost)).status).toBe(201)
    const asking = await here.held()
    const question = { kind: 'request_confirmation', title: 'Use version 5?', payload: { prompt: 'May I use version 5?' } }
    expect((await asking.run.client.post(`/api/issues/${asking.issue.id}/interactions`, question)).status).toBe(201)
    const failing = await here.agent({ name: 'Dora' })
    const failed = await here.run(failing)
    await failed.client.post(`/api/heartbeat-runs/${failed.id}/finish`, { status: 'failed', error: 'The parser crashed' })
    const payload = { title: 'Buy a second machine' }
    await board.post(`/api/companies/${here.company.id}/approvals`, { type: 'request_board_approval', payload })
    const invite = (await board.post(`/api/companies/${here.company.id}/invites`, { allowedJoinTypes: 'agent' })).body
    await server().anonymous.post(`/api/invites/${invite.token}/accept`, { requestType: 'agent', agentName: 'Quine' })
    const page = await openOverview(here)
    await expect.poll(() => needs(page).count()).toBe(7)
    const rows = (await needs(page).allTextContents()).map((text) => text.replaceAll(/\s+/g, ' '))
    for (const [at, words] of [
      ['dead hold', dead.identifier],
      ['budget stop', 'Cleo'],
      ['agent in error', 'Bruno'],
      ['failed run', 'The parser crashed'],
      ['approval', 'Buy a second machine'],
      ['question', 'Use version 5?'],
      ['join request', 'Quine'],
    ].entries())
      for (const word of words) expect(rows[at], rows.join('\n')).toContain(word)
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await expect.poll(() => pathOf(page)).toBe(`/console/${here.company.issuePrefix}/issues/${dead.identifier}`)
  })

  test('A failed run needs no person any more when its agent has had a later run that succeeded', async () => {
    const here = await world(server())
    const agent = await here.agent()
    await here.issue()
    const finish = async (status: string): Promise<void> => {
      const run = await here.run(agent)
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status })
    }
    await finish('failed')
    const page = await openOverview(here)
    await needs(page).filter({ hasText: 'failed run' }).waitFor()
    await finish('succeeded')
    await page.getByText('Nothing waits for you').waitFor()
  })

  test('A request to join is decided on the overview: a refusal is shown in the words of the server, and then the agent is hired', async () => {
    const here = await world(server())
    await here.agent()
    await here.issue()
    const invite = (await server().board.post(`/api/companies/${here.company.id}/invites`, { allowedJoinTypes: 'agent' })).body
    const asked = { requestType: 'agent', agentName: 'Quine', capabilities: 'Reviews code' }
    const request = (await server().anonymous.post(`/api/invites/${invite.token}/accept`, asked)).body
    const page = await openOverview(here)
    await needs(page).filter({ hasText: 'Quine' }).getByRole('button', { name: 'Decide about Quine' }).click()
    const form = dialog(page, 'Quine asks to join')
    await form.getByText('Reviews code').waitFor()
    await form.getByRole('button', { name: 'Approve' }).click()
    await form.getByRole('alert').getByText('The company has no CEO to whom the agent would report').waitFor()
    await here.agent({ role: 'ceo' })
    await form.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('Nothing waits for you').waitFor()
    expect(await actionsOf(server(), request.id)).toEqual(['join.requested', 'join.approved'])
    const agents = (await server().board.get(`/api/companies/${here.company.id}/agents`)).body as { name: string }[]
    expect(agents.map(({ name }) => name)).toContain('Quine')
  })

  test('A run at work is shown with its issue, its last words and its lease, as soon as it begins', async () => {
    const here = await world(server())
    const agent = await here.agent({ name: 'Ada' })
    const issue = await here.issue({ title: 'Write the changelog' })
    const page = await openOverview(here)
    await working(page).getByText('No agent works at this moment').waitFor()
    const run = await here.run(agent, { leaseSeconds: 300 })
    await here.checkout(run, issue.id)
    await working(page)
      .getByRole('link', { name: `${issue.identifier} Write the changelog` })
      .waitFor()
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'I read the commits first.' })
    await working(page).getByText('“I read the commits first.”').waitFor()
    await working(page)
      .getByText(/^lease 4 min/)
      .waitFor()
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    await working(page).getByText('No agent works at this moment').waitFor()
  })

  test('The theme that a person chooses is kept, and is set before the page is painted', async () => {
    const here = await world(server())
    const page = await open(`/${here.company.issuePrefix}/overview`)
    const theme = (): Promise<string | null> => page.locator('html').getAttribute('data-theme')
    expect(await theme()).toBeNull()
    await page.getByLabel('Theme').selectOption('Dark theme')
    expect(await theme()).toBe('dark')
    // The script that shows the page comes late: the theme is there all the same.
    let goOn = (): void => {}
    const late = new Promise<void>((resolve) => (goOn = resolve))
    await page.route(/\/assets\/main-.*\.js/, async (route) => {
      await late
      await route.continue()
    })
    await page.reload({ waitUntil: 'commit' })
    await expect.poll(theme).toBe('dark')
    expect(await page.getByLabel('Theme').count()).toBe(0)
    goOn()
    await page.getByLabel('Theme').waitFor()
    await page.unrouteAll()
    await page.reload()
    await page.getByLabel('Theme').selectOption('Theme of the system')
    expect(await theme()).toBeNull()
  })

  describe('the palette', () => {
    test('An issue is found by its identifier and by its words, an agent by its name, a run by its id', async () => {
      const here = await world(server())
      const { agent, run, issue } = await here.held()
      const other = await here.issue({ title: 'Rename the flux capacitor' })
      const base = `/console/${here.company.issuePrefix}`
      const page = await openOverview(here)
      const find = async (text: string, shown: string | RegExp, target: string): Promise<void> => {
        await page.keyboard.press('Control+k')
        const field = dialog(page, 'Find').getByRole('combobox', { name: 'Find' })
        await field.fill(text)
        const option = dialog(page, 'Find').getByRole('option', { name: shown }).first()
        await option.waitFor()
        for (let presses = 0; presses < 12 && (await option.getAttribute('aria-selected')) !== 'true'; presses += 1)
          await page.keyboard.press('ArrowDown')
        expect(await field.getAttribute('aria-activedescendant')).toBe(await option.getAttribute('id'))
        await page.keyboard.press('Enter')
        await expect.poll(() => pathOf(page)).toBe(base + target)
        await dialog(page, 'Find').waitFor({ state: 'detached' })
      }
      await find('flux capac', /Rename the flux capacitor/, `/issues/${other.identifier}`)
      await find(issue.identifier.toLowerCase(), new RegExp(issue.identifier), `/issues/${issue.identifier}`)
      await find(agent.name, agent.name, `/agents/${agent.id}`)
      await find(run.id.slice(0, 8), `Run ${run.id.slice(0, 8)}`, `/runs/${run.id}`)
      await find(run.id, `Run ${run.id.slice(0, 8)}`, `/runs/${run.id}`)
      await find('loc', 'Locks', '/locks')
    })

    test('An act of the palette is done: the theme changes, and the keys are listed', async () => {
      const here = await world(server())
      await here.held()
      const page = await openOverview(here)
      const act = async (text: string): Promise<void> => {
        await page.keyboard.press('Control+k')
        await dialog(page, 'Find').getByRole('combobox').fill(text)
        await page.keyboard.press('Enter')
      }
      await act('theme: dark')
      await expect.poll(() => page.locator('html').getAttribute('data-theme')).toBe('dark')
      await act('list the keys')
      await dialog(page, 'Keys').waitFor()
    })
  })
})
