import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { tickBudgets } from '../../control/budgets/index.ts'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, auditCount, lastAudit, world } from '../testing/world.ts'
import type { TestAgent, World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const row = (page: Page, text: string): Locator => page.getByRole('table', { name: 'Budgets' }).getByRole('row').filter({ hasText: text })
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const stopOf = (page: Page, title: string): Locator => page.getByRole('article', { name: title })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()

interface Overview {
  readonly policies: readonly { readonly policyId: string; readonly [field: string]: unknown }[]
  readonly activeIncidents: readonly { readonly id: string; readonly approvalId: string | null; readonly thresholdType: string }[]
}

interface Limited extends World {
  readonly path: string
  readonly grace: TestAgent
  readonly spend: (cents: number) => Promise<void>
  readonly overview: () => Promise<Overview>
  readonly setBudget: (amount: number, fields?: Record<string, unknown>) => Promise<void>
}

/** A company with the agent Grace, for which the board reports costs and sets limits. */
async function limited(): Promise<Limited> {
  const here = await world(server())
  const base = `/api/companies/${here.company.id}`
  const grace = await here.agent({ name: 'Grace' })
  const spend = async (costCents: number): Promise<void> => {
    const event = { agentId: grace.id, provider: 'acme', model: 'small', costCents, occurredAt: new Date().toISOString() }
    const answer = await server().board.post(`${base}/cost-events`, event)
    expect(answer.status, answer.text).toBe(201)
  }
  const overview = async (): Promise<Overview> => (await server().board.get(`${base}/budgets/overview`)).body
  const setBudget = async (amount: number, fields: Record<string, unknown> = {}): Promise<void> => {
    const answer = await server().board.post(`${base}/budgets/policies`, { scopeType: 'agent', scopeId: grace.id, amount, ...fields })
    expect(answer.status, answer.text).toBe(200)
  }
  return { ...here, path: `/${here.company.issuePrefix}/budgets`, grace, spend, overview, setBudget }
}

/** Grace has spent $6 of $5, and is stopped. @returns the hard incident, and the run that the stop found */
async function stopped(): Promise<Limited & { readonly incidentId: string; readonly approvalId: string }> {
  const here = await limited()
  await here.setBudget(500)
  await here.spend(600)
  await tickBudgets(server().store)
  const hard = (await here.overview()).activeIncidents.find(({ thresholdType }) => thresholdType === 'hard')
  return { ...here, incidentId: hard?.id ?? '', approvalId: hard?.approvalId ?? '' }
}

const agentOf = async ({ id }: TestAgent) => (await server().board.get(`/api/agents/${id}`)).body

describe.skipIf(!hasChromium)('the page of budgets in the console (needs Chromium)', () => {
  test('A budget is previewed, a refusal keeps what was typed, and then it is set and in the list', async () => {
    const { company, path, grace, spend, overview, agent } = await limited()
    const gone = await agent({ name: 'Cleo' })
    await spend(450)
    const page = await open(path)
    await page.getByText('There is no budget yet').waitFor()
    await page.getByRole('button', { name: 'Set a budget' }).click()
    const form = dialog(page, 'Set a budget')
    await form.getByLabel('Of', { exact: true }).selectOption('One agent')
    await form.getByLabel('Agent', { exact: true }).selectOption('Cleo')
    await form.getByLabel('Limit in US dollars').fill('5')
    await form.getByLabel('A run reserves').fill('0.25')
    await server().board.post(`/api/agents/${gone.id}/terminate`, {})
    // The list of agents is read again; the agent that was chosen stays, or the form could not be sent.
    const lost = form.getByLabel('Agent', { exact: true }).getByRole('option', { name: 'Cleo (not in the list any more)' })
    await lost.waitFor({ state: 'attached' })
    expect(await form.getByLabel('Agent', { exact: true }).inputValue()).toBe(gone.id)
    const audits = await auditCount(server())
    await form.getByRole('button', { name: 'Preview' }).click()
    await form.getByRole('alert').getByText('Agent not found').waitFor()
    expect(await form.getByLabel('Limit in US dollars').inputValue()).toBe('5')
    await form.getByLabel('Agent', { exact: true }).selectOption('Grace')
    await form.getByRole('button', { name: 'Preview' }).click()
    const preview = form.getByRole('status', { name: 'Preview' })
    await preview.getByText('Grace has spent $4.50').waitFor()
    await preview.getByText('It would warn at once, and stop nothing.').waitFor()
    expect((await overview()).policies).toEqual([])
    expect(await auditCount(server())).toBe(audits)
    await form.getByRole('button', { name: 'Set the budget' }).click()
    await notice(page, 'The budget of Grace is $5.00')
    const text = await row(page, 'Grace').textContent()
    for (const word of ['$5.00', '$4.50', '$0.50', '90%', 'warning', 'a month']) expect(text).toContain(word)
    const [policy] = (await overview()).policies
    expect(policy).toMatchObject({ scopeId: grace.id, amount: 500, warnPercent: 80, reserveCents: 25, hardStopEnabled: true })
    expect(await lastAudit(server(), policy?.policyId ?? '', 'budget.policy_upserted')).toMatchObject({
      actorId: 'local-board',
      companyId: company.id,
      details: { amount: 500, scopeId: grace.id },
    })
    expect(await agentOf(grace)).toMatchObject({ budgetMonthlyCents: 500 })
    await page.getByRole('region', { name: 'Warnings' }).getByText('Nothing is stopped').waitFor()
    expect(await page.getByRole('region', { name: 'Stopped' }).count()).toBe(0)
  })

  test('A budget is set and changed by keys alone', async () => {
    const { path, setBudget, overview } = await limited()
    const page = await open(path)
    await page.getByText('There is no budget yet').waitFor()
    await page.keyboard.press('n')
    await dialog(page, 'Set a budget').waitFor()
    await page.keyboard.press('Escape')
    await setBudget(500)
    await row(page, 'Grace').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByLabel('Limit in US dollars').fill('7')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByRole('status', { name: 'Preview' }).getByText('$7.00').first().waitFor()
    await page.keyboard.press('Enter')
    await expect.poll(async () => (await overview()).policies[0]).toMatchObject({ amount: 700 })
  })

  test('A budget that has stopped its agent is not shown as a warning that stops nothing, too', async () => {
    const { path, overview } = await stopped()
    expect((await overview()).activeIncidents.map(({ thresholdType }) => thresholdType).toSorted()).toEqual(['hard', 'soft'])
    const page = await open(path)
    await page.getByRole('region', { name: 'Stopped' }).waitFor()
    expect(await page.getByText('Nothing is stopped').count()).toBe(0)
  })

  test('A change that would stop work says so first, and a change of a field asks for another preview', async () => {
    const { path, grace, spend, setBudget, run } = await limited()
    await setBudget(1000)
    await spend(400)
    const live = await run(grace)
    const page = await open(path)
    await page.getByRole('button', { name: 'Change the budget of Grace for a month' }).click()
    const form = dialog(page, 'Change the budget of Grace')
    expect(await form.getByLabel('Limit in US dollars').inputValue()).toBe('10')
    await form.getByLabel('Limit in US dollars').fill('3')
    await form.getByRole('button', { name: 'Preview' }).click()
    await form.getByText('It would stop work now').waitFor()
    await form.getByText('1 run would be ended, 1 agent would be paused').waitFor()
    await form.getByRole('link', { name: live.id.slice(0, 8) }).waitFor()
    await form.getByLabel('Limit in US dollars').fill('3.50')
    await form.getByText('It would stop work now').waitFor({ state: 'detached' })
    await form.getByRole('button', { name: 'Preview' }).click()
    await form.getByRole('button', { name: 'Set the budget, and stop' }).click()
    await stopOf(page, 'Grace is stopped by its budget').getByText('$4.00 of $3.50').waitFor()
    await tickBudgets(server().store)
    await expect.poll(async () => (await agentOf(grace)).pauseReason).toBe('budget')
    await row(page, 'Grace').getByText('stopped').waitFor()
    // The warning of the same budget is open still.
    expect(await page.getByText('Nothing is stopped').count()).toBe(0)
  })

  test('A stop is raised and resumed: an amount that is spent already is refused, and a higher one lets the agent go on', async () => {
    const { path, grace, incidentId, approvalId, overview } = await stopped()
    const page = await open(`${path}?incident=${incidentId}`)
    const stop = stopOf(page, 'Grace is stopped by its budget')
    expect(await stop.getAttribute('aria-current')).toBe('true')
    for (const words of ['$6.00 of $5.00', '0 runs were ended', 'Window turns', 'The request to the board'])
      await stop.getByText(words).waitFor()
    await stop.getByRole('button', { name: 'Raise and resume' }).click()
    const form = dialog(page, 'Raise the budget of Grace')
    await form.getByLabel('New limit in US dollars').fill('6')
    await form.getByLabel('Note').fill('The release needs it')
    await form.getByRole('button', { name: 'Raise and resume' }).click()
    await form.getByRole('alert').getByText('The new amount must be above what was spent').waitFor()
    expect(await form.getByLabel('Note').inputValue()).toBe('The release needs it')
    expect(await agentOf(grace)).toMatchObject({ status: 'paused', pauseReason: 'budget', budgetMonthlyCents: 500 })
    await form.getByLabel('New limit in US dollars').fill('20')
    await form.getByRole('button', { name: 'Raise and resume' }).click()
    await notice(page, 'The budget is $20.00, and Grace goes on')
    await stop.waitFor({ state: 'detached' })
    expect(await agentOf(grace)).toMatchObject({ status: 'idle', pauseReason: null, budgetMonthlyCents: 2000 })
    expect((await overview()).activeIncidents.filter(({ thresholdType }) => thresholdType === 'hard')).toEqual([])
    expect(await lastAudit(server(), incidentId, 'budget.incident_resolved')).toMatchObject({
      actorId: 'local-board',
      details: { action: 'raise_budget_and_resume', amount: 2000, decisionNote: 'The release needs it' },
    })
    expect((await server().board.get(`/api/approvals/${approvalId}`)).body).toMatchObject({ status: 'approved' })
  })

  test('A stop is kept: the agent stays paused, and its approval is rejected', async () => {
    const { path, grace, incidentId, approvalId } = await stopped()
    const page = await open(path)
    await stopOf(page, 'Grace is stopped by its budget').getByRole('button', { name: 'Keep paused' }).click()
    const form = dialog(page, 'Keep Grace paused')
    await form.getByLabel('Note').fill('Until December')
    await form.getByRole('button', { name: 'Keep paused' }).click()
    await notice(page, 'Grace stays paused')
    await stopOf(page, 'Grace is stopped by its budget').waitFor({ state: 'detached' })
    expect(await agentOf(grace)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    expect(await lastAudit(server(), incidentId, 'budget.incident_resolved')).toMatchObject({
      details: { action: 'keep_paused', status: 'dismissed', decisionNote: 'Until December' },
    })
    expect((await server().board.get(`/api/approvals/${approvalId}`)).body).toMatchObject({ status: 'rejected' })
    await row(page, 'Grace').getByText('stopped').waitFor()
  })

  test('A budget is turned off after its dialog has said what that does, and is in force again with a new amount', async () => {
    const { path, grace, setBudget, overview } = await limited()
    await setBudget(500, { warnPercent: 60 })
    const page = await open(path)
    await page.getByRole('button', { name: 'Turn off the budget of Grace for a month' }).click()
    const form = dialog(page, 'Turn the budget of Grace off')
    await form.getByText('may spend without it').waitFor()
    await form.getByRole('button', { name: 'Turn off' }).click()
    await row(page, 'Grace').getByText('off', { exact: false }).waitFor()
    await expect.poll(async () => (await overview()).policies[0]).toMatchObject({ isActive: false, warnPercent: 60 })
    const [policy] = (await overview()).policies
    expect(await lastAudit(server(), policy?.policyId ?? '', 'budget.policy_upserted')).toMatchObject({
      details: { amount: 0, isActive: false },
    })
    expect(await agentOf(grace)).toMatchObject({ budgetMonthlyCents: 0 })
    await page.getByRole('button', { name: 'Change the budget of Grace for a month' }).click()
    const again = dialog(page, 'Change the budget of Grace')
    await again.getByLabel('Limit in US dollars').fill('7')
    await again.getByRole('button', { name: 'Preview' }).click()
    await again.getByText('It would stop nothing now').waitFor()
    await again.getByRole('button', { name: 'Set the budget' }).click()
    await row(page, 'Grace').getByText('$7.00', { exact: true }).first().waitFor()
    expect((await overview()).policies).toMatchObject([{ isActive: true, amount: 700, warnPercent: 60 }])
  })

  test('An open stop leads from the overview to its incident, stands on the page of its agent, and is answered in the inbox of approvals', async () => {
    const { company, path, grace, incidentId, approvalId } = await stopped()
    const page = await open(`/${company.issuePrefix}/overview`)
    const needs = page.getByRole('region', { name: /Needs you/ }).getByRole('listitem')
    await needs.filter({ hasText: 'budget stop' }).getByText('It has spent $6.00 of $5.00').waitFor()
    expect(await needs.filter({ hasText: 'approval' }).count()).toBe(0)
    await needs.filter({ hasText: 'budget stop' }).getByRole('link', { name: 'Grace', exact: true }).click()
    await stopOf(page, 'Grace is stopped by its budget').waitFor()
    expect(page.url()).toContain(`${path}?incident=${incidentId}`)
    await page.goto(`${server().url}/console/${company.issuePrefix}/agents/${grace.id}`)
    const card = page.getByRole('region', { name: 'Budget' })
    await card.getByText('$6.00 of $5.00 a month').waitFor()
    expect(await card.getByRole('link', { name: 'Answer the incident' }).getAttribute('href')).toContain(incidentId)
    await page.goto(`${server().url}/console/${company.issuePrefix}/approvals/${approvalId}`)
    const approval = page.getByRole('article', { name: 'An agent has spent its budget of $5.00' })
    const budget = approval.getByRole('region', { name: 'The budget' })
    // The names of agents come after the approval.
    await expect.poll(() => budget.textContent()).toContain('Grace')
    for (const words of ['$5.00 a month', '$6.00', '$11.00']) expect(await budget.textContent()).toContain(words)
    await approval.getByRole('button', { name: 'Approve' }).click()
    const form = page.getByRole('form', { name: 'Approve' })
    await form.getByText('The budget becomes $11.00, and what it stopped goes on.').waitFor()
    await form.getByRole('button', { name: 'Approve' }).click()
    await expect.poll(() => agentOf(grace)).toMatchObject({ status: 'idle', budgetMonthlyCents: 1100 })
    expect(await actionsOf(server(), incidentId)).toContain('budget.incident_resolved')
  })

  test('The page of budgets with a stop, a warning and its dialogs is without a fault for axe', async () => {
    const { path, company, grace, setBudget } = await stopped()
    await setBudget(5000, { scopeType: 'company', scopeId: company.id })
    await setBudget(700, { windowKind: 'lifetime', hardStopEnabled: false })
    await tickBudgets(server().store)
    const page = await open(path)
    await page.getByRole('region', { name: 'Warnings' }).waitFor()
    expect(await findingsOf(page, 'budgets')).toEqual([])
    for (const [button, name] of [
      ['Raise and resume', 'Raise the budget of Grace'],
      ['Keep paused', 'Keep Grace paused'],
      ['Set a budget', 'Set a budget'],
    ] as const) {
      await page.getByRole('button', { name: button }).click()
      await dialog(page, name).waitFor()
      expect(await findingsOf(page, name)).toEqual([])
      await page.keyboard.press('Escape')
      await dialog(page, name).waitFor({ state: 'detached' })
    }
    await page.goto(`${server().url}/console/${company.issuePrefix}/agents/${grace.id}`)
    await page.getByRole('region', { name: 'Budget' }).waitFor()
    expect(await findingsOf(page, 'agent')).toEqual([])
  })
})
