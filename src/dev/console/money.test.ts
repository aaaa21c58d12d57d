import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { addCostEvents, CENT } from '../testing/costEvents.ts'
import { lastAudit, world } from '../testing/world.ts'
import type { TestAgent, World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const row = (page: Page, table: string, text: string): Locator =>
  page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text })
const sum = (page: Page): Locator => page.getByRole('region', { name: 'Spent' })
const search = (page: Page): string => decodeURIComponent(new URL(page.url()).search)

interface Spending extends World {
  readonly path: string
  readonly grace: TestAgent
  readonly ada: TestAgent
  /** The board reports a cost of an agent, now unless `fields` say more. */
  readonly spend: (agent: TestAgent, cents: number, fields?: Record<string, unknown>) => Promise<void>
}

async function spending(): Promise<Spending> {
  const here = await world(server())
  const { company } = here
  const spend: Spending['spend'] = async ({ id: agentId }, costCents, fields = {}) => {
    const event = { agentId, provider: 'acme', model: 'small', costCents, occurredAt: new Date().toISOString(), ...fields }
    const answer = await server().board.post(`/api/companies/${company.id}/cost-events`, event)
    expect(answer.status, answer.text).toBe(201)
  }
  const [grace, ada] = [await here.agent({ name: 'Grace' }), await here.agent({ name: 'Ada' })]
  return { ...here, path: `/${company.issuePrefix}/costs`, grace, ada, spend }
}

describe.skipIf(!hasChromium)('the page of costs in the console (needs Chromium)', () => {
  test('The costs of this month are added up in five ways, each with its address, its shares and its file', async () => {
    const { company, path, grace, ada, spend } = await spending()
    const project = (await server().board.post(`/api/companies/${company.id}/projects`, { name: 'Release' })).body as { id: string }
    await spend(grace, 300, { projectId: project.id, inputTokens: 12_345, cachedInputTokens: 40, outputTokens: 678 })
    await spend(ada, 100, { provider: 'other', biller: 'reseller', model: 'large', billingType: 'credits' })
    const page = await open(path)
    await sum(page).getByText('$4.00').waitFor()
    const cells = await row(page, 'Costs by agent', 'Grace').getByRole('cell').allTextContents()
    expect(cells.slice(0, 6)).toEqual(['Grace', '$3.00', '75%', '12,345', '40', '678'])
    const file = page.getByRole('link', { name: 'CSV of Costs by agent' })
    const csv = await (await page.request.get(`${server().url}${await file.getAttribute('href')}`)).text()
    expect(csv).toContain('Grace')
    expect(csv.split('\n').length).toBeGreaterThan(2)
    for (const [tab, table, words] of [
      ['By model', 'Costs by model', ['large', 'Ada', 'credits', '$1.00', '25%']],
      ['By provider', 'Costs by provider', ['other', 'large', 'reseller', '$1.00']],
      ['By biller', 'Costs by biller', ['reseller', '$1.00', '25%']],
      ['By project', 'Costs by project', ['Release', '$3.00', '75%']],
    ] as const) {
      await page.getByRole('link', { name: tab, exact: true }).click()
      const [first] = words
      await row(page, table, first).waitFor()
      const text = await row(page, table, first).textContent()
      for (const word of words) expect(text, tab).toContain(word)
    }
    expect(search(page)).toBe('?tab=project')
    await row(page, 'Costs by project', 'Release').getByRole('link', { name: 'Release' }).click()
    await page.getByRole('heading', { name: 'Release', level: 1 }).waitFor()
  })

  test('A range is chosen and is in the address, and a range without costs says how costs arrive', async () => {
    const { path, grace, spend } = await spending()
    await spend(grace, 250, { occurredAt: '2024-02-29T23:59:59.999Z' })
    const page = await open(path)
    await page.getByText('Costs arrive by themselves').waitFor()
    await page.getByRole('button', { name: 'Last month' }).click()
    expect(search(page)).toBe('?range=last-month')
    await page.getByText('Nothing was spent:').waitFor()
    await page.goto(`${server().url}/console${path}?range=custom&from=2024-02-29&to=2024-02-29&tab=model`)
    await sum(page).getByText('$2.50').waitFor()
    await page.getByRole('link', { name: 'By agent', exact: true }).click()
    await row(page, 'Costs by agent', 'Grace').waitFor()
    expect(search(page)).toBe('?range=custom&from=2024-02-29&to=2024-02-29')
    await page.getByLabel('From').fill('2024-03-01')
    await page.getByText('The range ends before it begins').waitFor()
    await page.getByLabel('To').fill('2024-03-01')
    await sum(page).getByText('$0.00').waitFor()
    await page.getByRole('button', { name: 'Show all costs' }).click()
    await sum(page).getByText('$2.50').waitFor()
    await sum(page).getByText('since the beginning').waitFor()
  })

  test('A cost that is reported while the page is looked at is in it without a reload, and one without a price is said to be missing', async () => {
    const { company, path, grace, spend } = await spending()
    await spend(grace, 100)
    const page = await open(path)
    await sum(page).getByText('$1.00').waitFor()
    await addCostEvents(server(), company.id, [
      { agentId: grace.id, occurredAt: new Date().toISOString(), inputTokens: 5000, isPriced: false },
      { agentId: grace.id, occurredAt: new Date().toISOString(), microcents: CENT / 2 },
    ])
    await spend(grace, 50)
    await sum(page).getByText('$1.51').waitFor()
    await sum(page).getByText('1 event without a price').waitFor()
    await row(page, 'Costs by agent', 'Grace').getByText('At least').waitFor({ state: 'attached' })
    const windows = row(page, 'Spending of the last hours and days', 'acme')
    await expect.poll(async () => await windows.textContent()).toContain('$1.50')
  })

  test('The board adds an invoice: a refusal is shown in the words of the server and keeps what was typed, and then it is in the list', async () => {
    const { company, path } = await spending()
    const page = await open(`${path}?tab=finance&range=custom`)
    await page.getByText('No invoice and no credit').waitFor()
    await page.getByRole('button', { name: 'Add an event' }).click()
    const form = page.getByRole('dialog', { name: 'Add an event' })
    await form.getByLabel('Kind').selectOption('Platform fee')
    await form.getByLabel('Biller').fill('Acme')
    await form.getByLabel('Amount in US dollars').fill('twenty')
    await form.getByText('This is no amount').waitFor()
    expect(await form.getByRole('button', { name: 'Add the event' }).isDisabled()).toBe(true)
    await form.getByLabel('Amount in US dollars').fill('20.50')
    await form.getByLabel('Day (UTC)').fill('1999-12-31')
    await form.getByRole('button', { name: 'Add the event' }).click()
    await form.getByRole('alert').getByText('Expected an instant of the years 2000 to 2099').waitFor()
    expect(await form.getByLabel('Biller').inputValue()).toBe('Acme')
    await form.getByLabel('Day (UTC)').fill('2026-02-28')
    await form.getByLabel('Invoice number').fill('INV-7')
    await form.getByRole('button', { name: 'Add the event' }).click()
    await row(page, 'Invoices and credits', 'INV-7').getByText('$20.50').waitFor()
    const [event] = (await server().board.get(`/api/companies/${company.id}/costs/finance-events`)).body as { id: string }[]
    expect(event).toMatchObject({
      eventKind: 'platform_fee',
      direction: 'debit',
      biller: 'Acme',
      amountCents: 2050,
      occurredAt: '2026-02-28T00:00:00.000Z',
      externalInvoiceId: 'INV-7',
    })
    expect(await lastAudit(server(), event?.id ?? '', 'finance_event.reported')).toMatchObject({ actorId: 'local-board' })
    await page.getByText('$20.50 in all').waitFor()
  })

  test('The page of costs with all of its parts is without a fault for axe, and the keys lead to it and to the budgets', async () => {
    const { company, path, grace, spend } = await spending()
    await spend(grace, 123, { provider: 'acme', biller: 'reseller', inputTokens: 9_876_543 })
    const finance = { eventKind: 'platform_fee', biller: 'Acme', amountCents: 900, occurredAt: new Date().toISOString(), estimated: true }
    expect((await server().board.post(`/api/companies/${company.id}/finance-events`, finance)).status).toBe(201)
    const page = await open(path)
    await row(page, 'Costs by agent', 'Grace').waitFor()
    expect(await findingsOf(page, 'costs')).toEqual([])
    await page.goto(`${server().url}/console${path}?tab=finance`)
    await row(page, 'Invoices and credits', 'Acme').waitFor()
    expect(await findingsOf(page, 'finance')).toEqual([])
    await page.getByRole('button', { name: 'Add an event' }).click()
    expect(await findingsOf(page, 'finance form')).toEqual([])
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('b')
    await page.getByRole('heading', { name: 'Budgets', level: 1 }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('m')
    await page.getByRole('heading', { name: 'Costs', level: 1 }).waitFor()
  })
})
