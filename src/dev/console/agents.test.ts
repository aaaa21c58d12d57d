import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, lastAudit, world } from '../testing/world.ts'
import type { Answer } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

type Row = Readonly<Record<string, unknown>>

const agentRow = async (id: string): Promise<Row> =>
  (await server().database.sql.query<Row>('select * from agents where id = $1', [id])).rows[0] ?? {}

const okOf = (answer: Answer): Answer['body'] => {
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer.body
}

const board = (): ReturnType<typeof server>['board'] => server().board

/** A company with one agent, and the page of the agent. */
async function agentPage(fields: Row = {}, tab = '') {
  const here = await world(server())
  const agent = await here.agent({ name: 'Ada', ...fields })
  const address = `/${here.company.issuePrefix}/agents/${agent.id}`
  const page = await open(`${address}${tab === '' ? '' : `?tab=${tab}`}`)
  return { ...here, agent, page, address }
}

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const dialog = (page: Page, name: string | RegExp) => page.getByRole('dialog', { name })
const shown = async (page: Page, text: string | RegExp): Promise<void> => await page.getByText(text).first().waitFor()
/** Waits until the dialog is gone: its act has succeeded. */
const closed = async (page: Page): Promise<void> => await page.getByRole('dialog').waitFor({ state: 'detached' })

/** Lets another operator be first: its request is done at the moment in which that of the page arrives. */
async function beFirst(page: Page, method: string, path: string, act: () => Promise<unknown>): Promise<void> {
  let isDone = false
  await page.route(`**${path}`, async (route) => {
    if (route.request().method() === method && !isDone) {
      isDone = true
      await act()
    }
    await route.continue()
  })
}

describe.skipIf(!hasChromium)('the list of agents and the organisation (need Chromium)', () => {
  test('The list shows first what needs a person, with the reason, and what each agent does now', async () => {
    const { company, agent, held } = await world(server())
    const idle = await agent({ name: 'Idle', role: 'qa', title: 'Tester' })
    const paused = await agent({ name: 'Paused' })
    await board().post(`/api/agents/${paused.id}/pause`, { reason: 'the budget is checked' })
    const work = await held()
    const page = await open(`/${company.issuePrefix}/agents`)
    const rows = page.getByRole('table', { name: 'Agents' }).getByRole('row')
    await expect.poll(() => rows.nth(1).textContent()).toContain('the budget is checked')
    expect(await rows.filter({ hasText: 'Tester' }).textContent()).toContain('Quality')
    await expect.poll(() => rows.filter({ hasText: work.agent.name }).textContent()).toContain(work.issue.identifier)
    await page.getByLabel('Search agents').fill('tester')
    await expect.poll(() => rows.count()).toBe(2)
    expect(new URL(page.url()).search).toBe('?q=tester')
    await page.getByLabel('Search agents').fill('')
    await page.getByLabel('State', { exact: true }).selectOption('attention')
    await shown(page, 'No agent fits the filters.')
    await page.getByLabel('State', { exact: true }).selectOption('paused')
    await expect.poll(() => rows.count()).toBe(2)
    expect(await page.getByRole('link', { name: 'Paused' }).getAttribute('href')).toBe(`/console/${company.issuePrefix}/agents/paused`)
    expect(idle.name).toBe('Idle')
  })

  test('The organisation is a tree that arrow keys walk, open and close, and the address keeps the view', async () => {
    const { company, agent } = await world(server())
    const boss = await agent({ name: 'Boss', role: 'ceo' })
    const lead = await agent({ name: 'Lead', reportsTo: boss.id })
    await agent({ name: 'Worker', reportsTo: lead.id })
    await agent({ name: 'Zoe' })
    const page = await open(`/${company.issuePrefix}/agents?view=tree`)
    const tree = page.getByRole('tree', { name: 'Organisation' })
    const names = () => tree.getByRole('treeitem').locator('.agent-name').allTextContents()
    await expect.poll(names).toEqual(['Boss', 'Lead', 'Worker', 'Zoe'])
    await tree.getByRole('treeitem').first().focus()
    const focused = () => page.evaluate<string | null>('document.activeElement.querySelector(".agent-name").textContent')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await focused()).toBe('Worker')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    expect(await names()).toEqual(['Boss', 'Lead', 'Zoe'])
    expect(await tree.getByRole('treeitem', { name: /Lead/ }).getAttribute('aria-expanded')).toBe('false')
    await page.keyboard.press('z')
    expect(await focused()).toBe('Zoe')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowLeft')
    expect(await names()).toEqual(['Boss', 'Zoe'])
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Boss' }).waitFor()
    await page.goBack()
    await button(page, 'List').click()
    expect(new URL(page.url()).search).toBe('')
    await page.getByRole('table', { name: 'Agents' }).waitFor()
  })

  test('An agent is hired with the fields of its adapter', async () => {
    const { company } = await world(server())
    okOf(await board().patch(`/api/companies/${company.id}`, { requireBoardApprovalForNewAgents: false }))
    const page = await open(`/${company.issuePrefix}/agents`)
    await button(page, 'Hire an agent').first().click()
    const hire = dialog(page, 'Hire an agent')
    await hire.getByLabel('Name', { exact: true }).fill('Grace')
    await hire.getByLabel('Title').fill('Back end')
    await hire.getByLabel('Adapter').selectOption('process')
    await hire.getByLabel('Program').fill('node')
    await hire.getByLabel('Arguments').fill('agent.js\n--fast')
    await button(page, 'Add to environment').click()
    await hire.getByLabel('Environment: name 1').fill('MODE')
    await hire.getByLabel('Environment: value of MODE').fill('fast')
    await hire.getByLabel('Budget of a month').fill('12.50')
    await button(page, 'Check whether a run would start').click()
    await shown(page, /It would (?:not )?start/)
    await button(page, 'Hire').click()
    await page.getByRole('heading', { level: 1, name: 'Grace' }).waitFor()
    const [row] = (await board().get(`/api/companies/${company.id}/agents`)).body
    expect(row).toMatchObject({
      name: 'Grace',
      title: 'Back end',
      status: 'idle',
      adapterType: 'process',
      adapterConfig: { command: 'node', args: ['agent.js', '--fast'], env: { MODE: { type: 'plain', value: 'fast' } } },
      budgetMonthlyCents: 1250,
    })
    expect(await lastAudit(server(), row.id, 'agent.hire_created')).toMatchObject({
      actorId: 'local-board',
      details: { requiresApproval: false },
    })
  })

  test('A company that decides on each new agent says so, and the hire waits for its approval', async () => {
    const { company } = await world(server())
    okOf(await board().patch(`/api/companies/${company.id}`, { requireBoardApprovalForNewAgents: true }))
    const page = await open(`/${company.issuePrefix}/agents`)
    await button(page, 'Hire an agent').first().click()
    await shown(page, 'This company decides on each new agent')
    await dialog(page, 'Hire an agent').getByLabel('Name', { exact: true }).fill('Grace')
    await button(page, 'Ask for the hire').click()
    await page.getByRole('heading', { level: 1, name: 'Grace' }).waitFor()
    await page.getByRole('link', { name: 'decide now' }).waitFor()
    const [row] = (await board().get(`/api/companies/${company.id}/agents`)).body
    expect(row.status).toBe('pending_approval')
    const [approval] = (await board().get(`/api/companies/${company.id}/approvals`)).body
    expect(await page.getByRole('link', { name: 'decide now' }).getAttribute('href')).toContain(approval.id)
    okOf(await board().post(`/api/approvals/${approval.id}/approve`, {}))
    await shown(page, 'It is ready: it runs when it is woken.')
  })
})

describe.skipIf(!hasChromium)('the life of an agent (needs Chromium)', () => {
  test('The key w wakes an agent with a reason, and its run stands on the page', async () => {
    const { agent, page } = await agentPage()
    await shown(page, 'Nothing waits.')
    await page.keyboard.press('w')
    await page.keyboard.type('a customer waits')
    await page.keyboard.press('Enter')
    await closed(page)
    await shown(page, 'queued')
    const { rows } = await server().database.sql.query<{ run_id: string; reason: string }>(
      'select run_id, reason from wakes where agent_id = $1',
      [agent.id],
    )
    expect(rows).toMatchObject([{ reason: 'a customer waits' }])
    expect(await lastAudit(server(), rows[0]?.run_id ?? '', 'heartbeat.invoked')).toMatchObject({
      actorId: 'local-board',
      details: { agentId: agent.id, reason: 'a customer waits' },
    })
  })

  test('An agent that does not want to be woken says why, and what was typed stays', async () => {
    const { page } = await agentPage({ runtimeConfig: { heartbeat: { wakeOnDemand: false } } })
    await button(page, 'Wake now').click()
    await dialog(page, /Wake Ada/)
      .getByLabel('Reason')
      .fill('try it')
    await button(page, 'Wake').click()
    await page.getByRole('alert').waitFor()
    expect(
      await dialog(page, /Wake Ada/)
        .getByLabel('Reason')
        .inputValue(),
    ).toBe('try it')
  })

  test('A pause shows what it ends, ends it with the reason in the audit log, and a resume makes the agent work again', async () => {
    const { company, held } = await world(server())
    const { agent, run, issue } = await held()
    const page = await open(`/${company.issuePrefix}/agents/${agent.id}`)
    await shown(page, issue.identifier)
    await page.keyboard.press('p')
    const pause = dialog(page, /Pause/)
    await expect.poll(() => pause.textContent()).toContain(issue.identifier)
    await pause.getByLabel('Reason').fill('the budget is checked')
    await button(page, 'Pause').last().click()
    await closed(page)
    await shown(page, 'the budget is checked')
    expect(await agentRow(agent.id)).toMatchObject({ status: 'paused', pause_reason: 'manual' })
    expect((await board().get(`/api/heartbeat-runs/${run.id}`)).body.status).toBe('cancelled')
    expect(await lastAudit(server(), agent.id, 'agent.paused')).toMatchObject({
      actorId: 'local-board',
      details: { reason: 'the budget is checked', endedRunIds: [run.id] },
    })
    await page.keyboard.press('p')
    await dialog(page, /Resume/)
      .getByLabel('Reason')
      .fill('it is in order')
    await page.keyboard.press('Enter')
    await closed(page)
    await expect.poll(async () => (await agentRow(agent.id))['status']).toBe('idle')
    expect((await lastAudit(server(), agent.id, 'agent.resumed')).details).toMatchObject({ reason: 'it is in order' })
    await button(page, 'Pause').waitFor()
  })

  test('An operator who pauses an agent learns that another has done it, before or at the same moment', async () => {
    const { agent, page } = await agentPage()
    const byOther = () => board().post(`/api/agents/${agent.id}/pause`, { reason: 'it writes too much' })
    await button(page, 'Pause').click()
    await dialog(page, /Pause/).getByLabel('Reason').fill('mine')
    await byOther()
    await dialog(page, /Pause/).getByText('it writes too much').waitFor()
    expect(await dialog(page, /Pause/).getByRole('button', { name: 'Pause' }).isDisabled()).toBe(true)
    await page.keyboard.press('Escape')
    okOf(await board().post(`/api/agents/${agent.id}/resume`, {}))
    await button(page, 'Pause').click()
    await dialog(page, /Pause/).getByLabel('Reason').fill('mine')
    await beFirst(page, 'POST', `/agents/${agent.id}/pause`, byOther)
    await dialog(page, /Pause/).getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain('It was done before you')
    expect(await dialog(page, /Pause/).getByLabel('Reason').inputValue()).toBe('mine')
    expect((await lastAudit(server(), agent.id, 'agent.paused')).details).toMatchObject({ reason: 'it writes too much' })
  })

  test('A quarantine says what it ends and ends it, and its end brings nothing back', async () => {
    const { company, held } = await world(server())
    const { agent, run, issue } = await held()
    const page = await open(`/${company.issuePrefix}/agents/${agent.id}`)
    await button(page, 'Quarantine').click()
    const quarantine = dialog(page, /Quarantine/)
    await expect.poll(() => quarantine.textContent()).toMatch(new RegExp(`${issue.identifier}.*1 key, for good`))
    await quarantine.getByLabel('Reason').fill('it asks for secrets')
    await quarantine.getByRole('button', { name: 'Quarantine' }).click()
    await closed(page)
    await shown(page, 'It ended 1 run, 1 key and 0 waiting wakes.')
    const did = await page.getByRole('link', { name: 'What it did' }).getAttribute('href')
    expect(did).toBe(`/console/${company.issuePrefix}/activity?agentId=${agent.id}`)
    expect(await agentRow(agent.id)).toMatchObject({ status: 'paused', pause_reason: 'quarantine' })
    expect((await agent.client.get('/api/agents/me')).status).toBe(401)
    expect((await lastAudit(server(), agent.id, 'agent.quarantined')).details).toMatchObject({
      reason: 'it asks for secrets',
      endedRunIds: [run.id],
    })
    await button(page, 'End the quarantine').first().click()
    await dialog(page, /End the quarantine/)
      .getByRole('button', { name: 'End the quarantine' })
      .click()
    await closed(page)
    await shown(page, 'Released from quarantine')
    expect(await agentRow(agent.id)).toMatchObject({ status: 'paused', pause_reason: 'manual' })
    expect(await actionsOf(server(), agent.id)).toContain('agent.quarantine_released')
    expect((await agent.client.get('/api/agents/me')).status).toBe(401)
  })

  test('A termination shows what it ends, is final, and is said to the operator who comes second', async () => {
    const { company, held } = await world(server())
    const { agent, run, issue } = await held()
    const path = `/${company.issuePrefix}/agents/${agent.id}`
    const [first, second] = [await open(path), await open(path)]
    for (const page of [first, second]) await button(page, 'Terminate').click()
    const terminate = dialog(first, /Terminate/)
    await expect.poll(() => terminate.textContent()).toMatch(new RegExp(`This is final.*${issue.identifier}.*1 key, for good`))
    await terminate.getByLabel('Reason').fill('it is replaced')
    await terminate.getByRole('button', { name: /^Terminate/ }).click()
    await closed(first)
    await shown(first, 'It never works again.')
    expect(await agentRow(agent.id)).toMatchObject({ status: 'terminated' })
    expect((await agent.client.get('/api/agents/me')).status).toBe(401)
    expect((await lastAudit(server(), agent.id, 'agent.terminated')).details).toMatchObject({
      reason: 'it is replaced',
      endedRunIds: [run.id],
    })
    await dialog(second, /Terminate/)
      .getByText('it is replaced')
      .waitFor()
    expect(
      await dialog(second, /Terminate/)
        .getByRole('button', { name: /^Terminate/ })
        .isDisabled(),
    ).toBe(true)
  })

  test('A termination of an agent that another operator has deleted is refused in the words of the server', async () => {
    const { agent, page } = await agentPage()
    await button(page, 'Terminate').click()
    await dialog(page, /Terminate/)
      .getByLabel('Reason')
      .fill('it is replaced')
    await beFirst(page, 'POST', `/agents/${agent.id}/terminate`, () => board().del(`/api/agents/${agent.id}`))
    await dialog(page, /Terminate/)
      .getByRole('button', { name: /^Terminate/ })
      .click()
    await page.getByText('Agent not found').first().waitFor()
  })

  test('A deletion asks for the name, and leaves nothing but the audit rows', async () => {
    const { agent, page, company } = await agentPage()
    await button(page, 'Delete').click()
    const remove = dialog(page, /Delete Ada/)
    expect(await remove.getByRole('button', { name: 'Delete Ada' }).isDisabled()).toBe(true)
    await remove.getByLabel(/Type the name/).fill('Ada')
    await remove.getByRole('button', { name: 'Delete Ada' }).click()
    await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor()
    expect(new URL(page.url()).pathname).toBe(`/console/${company.issuePrefix}/agents`)
    expect(await agentRow(agent.id)).toEqual({})
    expect((await lastAudit(server(), agent.id, 'agent.deleted')).details).toMatchObject({ name: 'Ada' })
  })

  test('The session of a task, and all sessions, are reset', async () => {
    const { agent, company, address } = await agentPage()
    await server().database.sql.query(
      `insert into agent_task_sessions (agent_id, task_key, company_id, adapter_type, session_id, updated_at)
       values ($1, 'nightly', $2, 'process', 's-task', now()), ($1, 'agent', $2, 'process', 's-agent', now())`,
      [agent.id, company.id],
    )
    const page = await open(address)
    await button(page, 'Reset the session of nightly').click()
    await dialog(page, /Reset/).getByRole('button', { name: 'Reset' }).click()
    await closed(page)
    await page.getByText('nightly').waitFor({ state: 'detached' })
    expect((await lastAudit(server(), agent.id, 'agent.runtime_session_reset')).details).toEqual({
      taskKey: 'nightly',
      clearedTaskSessions: 1,
    })
    await button(page, 'Reset all sessions').click()
    await dialog(page, /Reset/).getByRole('button', { name: 'Reset' }).click()
    await closed(page)
    expect((await board().get(`/api/agents/${agent.id}/task-sessions`)).body).toEqual([])
  })
})

describe.skipIf(!hasChromium)('the keys of an agent (need Chromium)', () => {
  test('A key is shown once and works, and is refused after its revocation', async () => {
    const { agent, page } = await agentPage({}, 'keys')
    await button(page, 'Make a key').click()
    await page.getByLabel('Name').fill('laptop')
    await page.getByLabel('Expires').selectOption('30')
    await button(page, 'Make the key').click()
    await shown(page, 'This is the only time that the key is shown.')
    const token = (await page.getByRole('region', { name: 'Key laptop' }).textContent()) ?? ''
    const client = server().bearer(token.trim())
    expect((await client.get('/api/agents/me')).body).toMatchObject({ id: agent.id })
    const { rows } = await server().database.sql.query<Row>("select * from agent_api_keys where agent_id = $1 and name = 'laptop'", [
      agent.id,
    ])
    expect(rows).toHaveLength(1)
    expect(rows[0]?.['expires_at']).not.toBeNull()
    await button(page, 'I have copied it').click()
    await closed(page)
    expect(await page.content()).not.toContain(token.trim())
    const kept = await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])')
    expect(kept).not.toContain(token.trim())
    await button(page, 'Revoke laptop').click()
    await button(page, 'Revoke the key').click()
    await closed(page)
    await page
      .getByRole('row', { name: /laptop/ })
      .getByText('revoked')
      .waitFor()
    expect((await client.get('/api/agents/me')).status).toBe(401)
    const keyId = rows[0]?.['id']
    expect((await lastAudit(server(), agent.id, 'agent.key_created')).details).toMatchObject({ keyId, name: 'laptop' })
    expect((await lastAudit(server(), agent.id, 'agent.key_revoked')).details).toEqual({ keyId, name: 'laptop' })
  })
})

describe.skipIf(!hasChromium)('the configuration of an agent (needs Chromium)', () => {
  const secret = 'a-value-that-no-page-may-show'
  const config = { command: 'node', env: { API_TOKEN: { type: 'plain', value: secret } }, timeoutSec: 60 }

  test('A change in the form shows its difference first, keeps covered values, and is a revision', async () => {
    const { agent, page } = await agentPage({ adapterType: 'process', adapterConfig: config }, 'configuration')
    await page.getByLabel('Program').fill('deno')
    await page.getByLabel('Title').fill('Back end')
    expect(await page.getByLabel('Environment: value of API_TOKEN').inputValue()).toBe('***REDACTED***')
    await button(page, 'Review the change').click()
    const review = dialog(page, /Change the configuration/)
    expect(await review.getByRole('group', { name: 'The change' }).textContent()).toMatch(/removed: -.*"node".*added: \+.*"deno"/s)
    await button(page, 'Save the change').click()
    await closed(page)
    expect(await agentRow(agent.id)).toMatchObject({ title: 'Back end', adapter_config: { ...config, command: 'deno' } })
    const audit = await lastAudit(server(), agent.id, 'agent.updated')
    expect(audit).toMatchObject({ actorId: 'local-board', details: { changedKeys: ['title', 'adapterConfig'] } })
    expect(await page.content()).not.toContain(secret)
    await shown(page, 'Nothing is changed.')
  })

  test('The same configuration is edited as JSON, and a text that is none says why', async () => {
    const { agent, address } = await agentPage({ adapterType: 'process', adapterConfig: config })
    const page = await open(`${address}?tab=configuration&as=json`)
    const editor = page.getByLabel('Configuration as JSON')
    const text = await editor.inputValue()
    expect(text).not.toContain(secret)
    await editor.fill('{')
    await page.getByRole('alert').getByText('This is not JSON').waitFor()
    await editor.fill(text.replace('"timeoutSec": 60', '"timeoutSec": 90'))
    await button(page, 'Review the change').click()
    await button(page, 'Save the change').click()
    await closed(page)
    expect((await agentRow(agent.id))['adapter_config']).toEqual({ ...config, timeoutSec: 90 })
  })

  test('A value that no run can use is refused in the words of the server, and what was typed stays', async () => {
    const { page, agent } = await agentPage({ adapterType: 'process', adapterConfig: config }, 'configuration')
    await page.getByLabel('Working folder').fill('not/absolute')
    await button(page, 'Review the change').click()
    await button(page, 'Save the change').click()
    await page.getByText('must be an absolute path').first().waitFor()
    await page.keyboard.press('Escape')
    expect(await page.getByLabel('Working folder').inputValue()).toBe('not/absolute')
    expect((await agentRow(agent.id))['adapter_config']).toEqual(config)
  })

  test('An operator who types while another changes the configuration sees who changed what, and keeps its own changes', async () => {
    const { agent, page } = await agentPage({ adapterType: 'process', adapterConfig: config }, 'configuration')
    await page.getByLabel('Title').fill('Mine')
    okOf(await board().patch(`/api/agents/${agent.id}`, { capabilities: 'Theirs' }))
    await shown(page, 'while you were typing')
    expect(await page.getByRole('group', { name: 'The other change' }).textContent()).toContain('Theirs')
    expect(await button(page, 'Review the change').isDisabled()).toBe(true)
    await button(page, 'Keep my changes on top of it').click()
    await button(page, 'Review the change').click()
    await button(page, 'Save the change').click()
    await closed(page)
    expect(await agentRow(agent.id)).toMatchObject({ title: 'Mine', capabilities: 'Theirs' })
  })

  test('A change at the same moment is refused and not overwritten; a run that begins meanwhile refuses nothing', async () => {
    const { agent, page, run } = await agentPage({ adapterType: 'process', adapterConfig: config }, 'configuration')
    await page.getByLabel('Title').fill('Mine')
    await button(page, 'Review the change').click()
    await beFirst(page, 'PATCH', `/agents/${agent.id}`, () => board().patch(`/api/agents/${agent.id}`, { title: 'Theirs' }))
    await button(page, 'Save the change').click()
    await shown(page, 'The agent has changed since')
    expect((await agentRow(agent.id))['title']).toBe('Theirs')
    await page.keyboard.press('Escape')
    await button(page, 'Forget my changes').click()
    await expect.poll(() => page.getByLabel('Title').inputValue()).toBe('Theirs')
    await page.getByLabel('Title').fill('Mine')
    await button(page, 'Review the change').click()
    await page.unroute(`**/agents/${agent.id}`)
    await beFirst(page, 'PATCH', `/agents/${agent.id}`, async () => {
      await run(agent)
      await server().database.sql.query("update agents set status = 'running', updated_at = clock_timestamp() where id = $1", [agent.id])
    })
    await button(page, 'Save the change').click()
    await closed(page)
    expect((await agentRow(agent.id))['title']).toBe('Mine')
  })

  test('A rollback shows the resulting difference, restores the configuration, and asks again when it has moved', async () => {
    const { agent, address } = await agentPage({ adapterType: 'process', adapterConfig: config })
    const change = (fields: Row) => board().patch(`/api/agents/${agent.id}`, fields)
    okOf(await change({ title: 'One' }))
    okOf(await change({ title: 'Two', adapterConfig: { command: 'deno' } }))
    const revisions = (await board().get(`/api/agents/${agent.id}/config-revisions`)).body as { id: string }[]
    const target = String(revisions[1]?.id)
    const page = await open(`${address}?tab=revisions`)
    await button(page, `Roll back to ${target.slice(0, 8)}`).click()
    const roll = dialog(page, /Roll back/)
    const difference = roll.getByRole('group', { name: 'What the rollback changes' })
    expect(await difference.textContent()).toMatch(/removed: -.*"deno".*added: \+.*"node".*removed: -.*"Two".*added: \+.*"One"/s)
    await beFirst(page, 'GET', `/agents/${agent.id}/config-revisions?limit=1`, () => change({ title: 'Three' }))
    await roll.getByRole('button', { name: 'Roll back' }).click()
    await shown(page, 'The configuration was changed while this dialog was open')
    await expect.poll(() => difference.textContent()).toContain('Three')
    await roll.getByRole('button', { name: 'Roll back' }).click()
    await closed(page)
    expect(await agentRow(agent.id)).toMatchObject({ title: 'One', adapter_config: config })
    expect((await lastAudit(server(), agent.id, 'agent.config_rolled_back')).details).toMatchObject({ rolledBackFromRevisionId: target })
    await shown(page, `rolled back to ${target.slice(0, 8)}`)
  })

  test('Permissions are given, with their audit row', async () => {
    const { agent, page } = await agentPage({}, 'permissions')
    await page.getByLabel(/It may hire agents/).check()
    await button(page, 'Save the permissions').click()
    await shown(page, 'It may assign work because it may hire agents.')
    expect((await agentRow(agent.id))['permissions']).toMatchObject({ canCreateAgents: true })
    expect((await lastAudit(server(), agent.id, 'agent.permissions_updated')).details).toEqual({
      canCreateAgents: true,
      canAssignTasks: true,
    })
  })
})

describe.skipIf(!hasChromium)('the pages of agents for every reader (need Chromium)', () => {
  test('The checker axe finds nothing on the pages of agents and in their dialogs, in both themes, on a telephone and a desk', async () => {
    const { company, agent, held, run } = await world(server())
    const work = await held()
    const other = await agent({ name: 'Grace', reportsTo: work.agent.id, title: 'A long title of a person with much to do in many places' })
    const broken = await agent({ name: 'Broken', adapterType: 'process', adapterConfig: { command: 'node', env: { TOKEN: 'secret' } } })
    await run(other)
    okOf(await board().post(`/api/agents/${other.id}/pause`, { reason: 'it writes too much, and to the wrong people, since lunch' }))
    okOf(await board().patch(`/api/agents/${broken.id}`, { title: 'One', budgetMonthlyCents: 100 }))
    okOf(await board().post(`/api/agents/${broken.id}/quarantine`, { reason: 'it asks for secrets' }))
    const base = `/${company.issuePrefix}/agents`
    const page = await open(base)
    const found: string[] = []
    const look = async (name: string, path: string, text: string | RegExp): Promise<void> => {
      await page.goto(`${server().url}/console${path}`)
      await page.getByRole('main').getByText(text).first().waitFor()
      found.push(...(await findingsOf(page, name)))
    }
    await look('list', base, 'since lunch')
    await look('tree', `${base}?view=tree`, 'Grace')
    await look('working', `${base}/${work.agent.id}`, work.issue.identifier)
    await look('paused', `${base}/${other.id}`, 'since lunch')
    await look('quarantined', `${base}/${broken.id}`, 'It ended')
    await look('configuration', `${base}/${broken.id}?tab=configuration`, 'Identity')
    await look('json', `${base}/${broken.id}?tab=configuration&as=json`, 'Nothing is changed')
    await look('revisions', `${base}/${broken.id}?tab=revisions`, 'present')
    await look('keys', `${base}/${broken.id}?tab=keys`, 'revoked')
    await look('permissions', `${base}/${broken.id}?tab=permissions`, 'Save the permissions')
    const dialogs: readonly (readonly [opens: string, path: string])[] = [
      ['Hire an agent', base],
      ['Wake now', `${base}/${work.agent.id}`],
      ['Quarantine', `${base}/${work.agent.id}`],
      ['Delete', `${base}/${work.agent.id}`],
      ['Make a key', `${base}/${work.agent.id}?tab=keys`],
    ]
    for (const [opens, path] of dialogs) {
      await page.goto(`${server().url}/console${path}`)
      await button(page, opens).first().click()
      await page.getByRole('dialog').waitFor()
      found.push(...(await findingsOf(page, opens)))
    }
    expect(found).toEqual([])
  })
})
