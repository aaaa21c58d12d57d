import { describe, expect, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { hasChromium } from '../testing/browser.ts'
import { lastAudit, world } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()

describe.skipIf(!hasChromium)('the settings of a company on a local server (need Chromium)', () => {
  test('The fields of a company are saved, and the audit log has each change', async () => {
    const { company } = await world(server())
    const page = await open(`/${company.issuePrefix}/settings`)
    await page.getByLabel('Name').fill('Acme and Sons')
    await page.getByLabel('Description').fill('It makes anvils.')
    await page.getByLabel('Budget of a month').fill('12.50')
    await page.getByRole('button', { name: 'Choose a colour' }).click()
    await page.getByLabel('Brand colour').fill('#aa3300')
    await page.getByLabel('New agents need the approval').setChecked(false)
    await page.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The company is saved')
    const saved = { name: 'Acme and Sons', description: 'It makes anvils.', budgetMonthlyCents: 1250, brandColor: '#aa3300' }
    expect((await server().board.get(`/api/companies/${company.id}`)).body).toMatchObject({
      ...saved,
      requireBoardApprovalForNewAgents: false,
    })
    expect((await lastAudit(server(), company.id, 'company.updated')).details).toMatchObject(saved)
    await page.getByRole('combobox', { name: 'Company' }).getByRole('option', { name: 'Acme and Sons' }).waitFor({ state: 'attached' })
  })

  test('The second of two operators learns that the first has changed the company, and loses nothing', async () => {
    const { company } = await world(server())
    const [first, second] = [await open(`/${company.issuePrefix}/settings`), await open(`/${company.issuePrefix}/settings`)]
    await second.getByLabel('Description').fill('From the second')
    await first.getByLabel('Name').fill('From the first')
    await first.getByRole('button', { name: 'Save' }).click()
    await notice(first, 'The company is saved')
    await second.getByText('It was changed while you were typing.').waitFor()
    await second.getByRole('button', { name: 'Save' }).click()
    await second.getByRole('alert').getByText('The company has changed since').waitFor()
    await second
      .getByRole('status')
      .getByText(/board changed/i)
      .waitFor()
    expect(await second.getByLabel('Description').inputValue()).toBe('From the second')
    await second.getByRole('button', { name: /show the new state/ }).click()
    await expect.poll(() => second.getByLabel('Name').inputValue()).toBe('From the first')
    await second.getByLabel('Description').fill('From the second')
    await second.getByRole('button', { name: 'Save' }).click()
    await notice(second, 'The company is saved')
    expect((await server().board.get(`/api/companies/${company.id}`)).body).toMatchObject({
      name: 'From the first',
      description: 'From the second',
    })
  })

  test('A company is paused with a reason, resumed, archived and restored, and each dialog says what it does', async () => {
    const here = await world(server())
    const { run } = await here.held()
    const { company } = here
    const page = await open(`/${company.issuePrefix}/settings`)
    const act = async (button: string, name: string, what: string | RegExp, reason?: string): Promise<void> => {
      await page.getByRole('button', { name: button }).click()
      await dialog(page, name).getByText(what).waitFor()
      if (reason !== undefined) await dialog(page, name).getByLabel('Reason').fill(reason)
      await dialog(page, name).getByRole('button', { name }).click()
      await dialog(page, name).waitFor({ state: 'detached' })
    }
    const statusOf = async (): Promise<string> => (await server().board.get(`/api/companies/${company.id}`)).body.status as string
    await act('Pause the company', 'Pause Acme Works', 'Runs that are at work finish', 'a holiday')
    expect(await statusOf()).toBe('paused')
    expect((await lastAudit(server(), company.id, 'company.updated')).details).toMatchObject({ status: 'paused', reason: 'a holiday' })
    await act('Resume the company', 'Resume Acme Works', 'start runs again')
    expect(await statusOf()).toBe('active')
    await act('Archive the company', 'Archive Acme Works', '1 live runs are cancelled', 'it is over')
    expect(await statusOf()).toBe('archived')
    expect((await lastAudit(server(), company.id, 'company.archived')).details).toMatchObject({
      endedRunIds: [run.id],
      reason: 'it is over',
    })
    await act('Restore the company', 'Restore Acme Works', 'The company is active again')
    expect(await statusOf()).toBe('active')
  })

  test('A company is deleted only when its name is typed, and another company is shown after that', async () => {
    await world(server())
    const here = await world(server())
    await here.issue()
    const page = await open(`/${here.company.issuePrefix}/settings`)
    await page.getByRole('button', { name: 'Delete the company' }).click()
    const form = dialog(page, 'Delete Acme Works')
    await form.getByText('0 agents, 1 issue with').waitFor()
    const confirm = form.getByRole('button', { name: 'Delete Acme Works and everything in it' })
    await form.getByLabel('Type Acme Works to confirm').fill('Acme')
    expect(await confirm.isDisabled()).toBe(true)
    await form.getByLabel('Type Acme Works to confirm').fill('Acme Works')
    await confirm.click()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    expect((await server().board.get(`/api/companies/${here.company.id}`)).status).toBe(404)
    expect(page.url()).not.toContain(`/${here.company.issuePrefix}/`)
  })

  test('Parts of the settings that need people who sign in say so, and the others work', async () => {
    const here = await world(server())
    const { name } = await here.agent({ name: 'Ada' })
    const page = await open(`/${here.company.issuePrefix}/settings?tab=members`)
    await page.getByText('People are no members here').waitFor()
    await page.getByRole('table', { name: 'Members' }).getByRole('link', { name }).waitFor()
    await page.getByRole('link', { name: 'My sessions' }).click()
    await page.getByText('Nothing is signed in').waitFor()
    await page.getByRole('link', { name: 'Invitations' }).click()
    await page.getByText('Only agents can join').waitFor()
    await page.getByRole('button', { name: 'Make the invitation' }).click()
    const address = await page.getByRole('region', { name: 'The address for an agent' }).textContent()
    const onboarding = await fetch(address ?? '')
    expect(await onboarding.text()).toContain('Acme Works')
    await page.getByRole('link', { name: 'Instance' }).click()
    await page.getByText('the request has no credential and comes from the account of the server').waitFor()
    await page.getByLabel('Sharing of feedback').selectOption('Not allowed')
    await page.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The settings are saved')
    expect((await server().board.get('/api/instance/settings/general')).body.feedbackDataSharingPreference).toBe('not_allowed')
  })
})
