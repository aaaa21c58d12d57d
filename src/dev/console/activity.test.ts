import { text as textOf } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { createSealer } from '../../observe/audit/sealer.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { hasChromium } from '../testing/browser.ts'
import { world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const board = (): ReturnType<typeof server>['board'] => server().board
const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name })
const log = (page: Page) => page.getByRole('table', { name: 'Activity' })
const row = (page: Page, text: string | RegExp) => log(page).getByRole('row').filter({ hasText: text })
const searchOf = (page: Page): URLSearchParams => new URL(page.url()).searchParams

async function forceRelease(issueId: string, reason: string): Promise<void> {
  const answer = await board().post(`/api/issues/${issueId}/admin/force-release`, { reason })
  expect(answer.status, answer.text).toBe(200)
}

const activityPath = ({ company }: Pick<World, 'company'>, query = ''): string => `/${company.issuePrefix}/activity${query}`

/** Seals every row, as the server does within two seconds. */
async function seal(): Promise<void> {
  const sealRows = createSealer(server().store, server().heads, createLog('silent', false))
  for (;;) {
    await sealRows()
    const { rows } = await server().database.sql.query(
      'select 1 from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq) limit 1',
    )
    if (rows.length === 0) return
    await delay(20)
  }
}

/** Changes the log as only a person with the rights of a superuser can: without the triggers that refuse it. */
async function tamper(statement: string, values: readonly string[]): Promise<void> {
  const sql = await server().database.sql.connect()
  try {
    await sql.query("set session_replication_role = 'replica'")
    await sql.query(statement, [...values])
  } finally {
    await sql.query('reset session_replication_role')
    sql.release()
  }
}

describe.skipIf(!hasChromium)('the log of a company (needs Chromium)', () => {
  test('Rows are sentences with links, and the details of a row are at an address that can be copied', async () => {
    const here = await world(server())
    const { agent, run, issue } = await here.held()
    await forceRelease(issue.id, 'hangs since lunch')
    const page = await open(activityPath(here))
    const sentence = row(page, 'force-released').first()
    await expect
      .poll(() => sentence.textContent())
      .toContain(`The board force-released ${issue.identifier}, held by ${agent.name} with run ${run.id.slice(0, 8)}`)
    expect(await sentence.textContent()).toContain('hangs since lunch')
    expect(await sentence.getByRole('link', { name: issue.identifier }).getAttribute('href')).toBe(
      `/console/${here.company.issuePrefix}/issues/${issue.id}`,
    )
    await sentence.getByRole('button', { name: /^Open the details/ }).click()
    const drawer = page.getByRole('dialog', { name: 'One row of the log' })
    await drawer.getByText('"reason": "hangs since lunch"').waitFor()
    const other = await open(`${activityPath(here)}?${searchOf(page).toString()}&preset=failures`)
    await other.getByRole('dialog').getByText('"reason": "hangs since lunch"').waitFor()
  })

  test('New rows come in by the event stream, and the filters are in the address', async () => {
    const here = await world(server())
    const { agent, issue } = await here.held()
    const page = await open(activityPath(here))
    await row(page, 'took').first().waitFor()
    await forceRelease(issue.id, 'test')
    await row(page, 'force-released').waitFor()
    await button(page, 'Interventions').click()
    await expect.poll(() => log(page).getByRole('row').count()).toBe(2)
    expect(searchOf(page).get('preset')).toBe('interventions')
    await button(page, 'Everything').click()
    await page.getByLabel('Which').fill(issue.identifier)
    await page.getByLabel('Which').press('Enter')
    await expect.poll(() => searchOf(page).get('entityId')).toBe(issue.id)
    await expect.poll(() => row(page, 'The board created the agent').count()).toBe(0)
    await page.getByLabel('What').selectOption('issue.checked_out')
    await expect.poll(() => log(page).getByRole('row').count()).toBe(2)
    await button(page, 'Clear').click()
    await page.getByLabel('Who').selectOption(agent.id)
    await expect.poll(() => row(page, 'created the company').count()).toBe(0)
    await page.reload()
    await row(page, 'took').first().waitFor()
    expect(await page.getByLabel('Who').inputValue()).toBe(agent.id)
    await page.getByLabel('To', { exact: true }).fill('2001-01-01')
    await page.getByText('No row fits these filters.').waitFor()
  })

  test('Failures are the runs that failed, and not those that went well', async () => {
    const here = await world(server())
    const agent = await here.agent()
    for (const status of ['failed', 'succeeded']) {
      const run = await here.run(agent)
      const answer = await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status })
      expect(answer.status, answer.text).toBe(200)
    }
    const page = await open(activityPath(here, '?preset=failures'))
    await row(page, 'failed').waitFor()
    expect(await row(page, 'succeeded').count()).toBe(0)
  })

  test('The file of interventions has every one of them, and no cell of it is a formula', async () => {
    const here = await world(server())
    const { agent, issue } = await here.held()
    await forceRelease(issue.id, '=HYPERLINK("http://evil.example","click")')
    for (let n = 0; n < 105; n += 1) {
      await board().post(`/api/agents/${agent.id}/pause`, { reason: `round ${n}` })
      await board().post(`/api/agents/${agent.id}/resume`)
    }
    const page = await open(activityPath(here, '?preset=interventions'))
    await row(page, 'round 104').waitFor()
    const [file] = await Promise.all([page.waitForEvent('download'), button(page, 'CSV of interventions').click()])
    expect(file.suggestedFilename()).toMatch(/-interventions-\d{4}-\d\d-\d\d\.csv$/)
    const lines = (await textOf(await file.createReadStream())).split('\r\n')
    expect(lines).toHaveLength(107)
    expect(lines[0]).toMatch(/^time,number,actor,what happened,reason,action/)
    const release = lines.find((line) => line.includes('issue.admin_force_release')) ?? ''
    expect(release).toContain(`"'=HYPERLINK(""http://evil.example"",""click"")"`)
    expect(release).toContain(`The board force-released ${issue.identifier}`)
    expect(lines.filter((line) => /(?:^|,)"?[=+@-]/.test(line))).toEqual([])
  })

  test('Keys move in the list, open a row and verify the chain', async () => {
    const here = await world(server())
    await here.issue()
    const page = await open(activityPath(here))
    await row(page, 'made').first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'One row of the log' }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('v')
    await page.getByRole('dialog', { name: 'Verify the audit chain' }).waitFor()
  })

  test('The page has no finding of axe', async () => {
    const here = await world(server())
    const { issue } = await here.held()
    await forceRelease(issue.id, 'test')
    const page = await open(activityPath(here))
    await row(page, 'force-released').waitFor()
    expect(await findingsOf(page, 'activity')).toEqual([])
    await page.goto(`${server().url}/console${activityPath(here, '?verify=1')}`)
    await page.getByText('Signed head').waitFor()
    expect(await findingsOf(page, 'verify')).toEqual([])
  })
})

describe.skipIf(!hasChromium)('the verification of the chain (needs Chromium)', () => {
  test('A chain that is whole is shown with its signed head, and a changed row is named', async () => {
    const here = await world(server())
    await here.issue({ title: 'Written as it was' })
    await seal()
    const page = await open(activityPath(here))
    await button(page, 'Verify').click()
    const dialog = page.getByRole('dialog', { name: 'Verify the audit chain' })
    await dialog.getByText('Intact').waitFor()
    const { body: verified } = await board().get(`/api/companies/${here.company.id}/activity/verify`)
    expect(await dialog.textContent()).toContain(verified.head.hash)
    expect(await dialog.textContent()).toContain('Signed head')
    expect(await dialog.textContent()).toMatch(/positions 1 to \d/)

    await tamper(
      `update activity_log set details = details || '{"title":"Written later"}' where company_id = $1 and action = 'issue.created'`,
      [here.company.id],
    )
    await button(page, 'Verify again').click()
    const alert = dialog.getByRole('alert')
    await alert.getByText(/Broken at position \d/).waitFor()
    expect(await alert.textContent()).toContain('it was changed, or swapped with another row')
    expect(await alert.textContent()).toContain('issue.created')
  })

  test('A deleted row is said to be deleted', async () => {
    const here = await world(server())
    const { id } = await here.issue()
    await seal()
    await tamper('delete from activity_log where entity_id = $1', [id])
    const page = await open(activityPath(here, '?verify=1'))
    await page.getByRole('alert').getByText('The row was deleted.').waitFor()
  })
})
