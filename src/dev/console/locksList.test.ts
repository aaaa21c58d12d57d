import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { plantColumns } from '../testing/holds.ts'
import { addManyRows } from '../testing/manyRows.ts'
import { expireLease, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'
import { identifiersIn, partOf, rowOf } from './locksPage.ts'

const { server, open } = useConsole()

const locksOf = async (here: World, query = ''): Promise<Page> => await open(`/${here.company.issuePrefix}/locks${query}`)
const ofPage = (page: Page, name: string): string | null => new URL(page.url()).searchParams.get(name)

describe.skipIf(!hasChromium)('the list of the locks (needs Chromium)', () => {
  test('A lease that runs out while the page is open is shown as dead without a reload, and a dead hold comes first', async () => {
    const here = await world(server())
    const [steady, lapsing, failed] = [await here.held(), await here.held(), await here.held()]
    await server().database.sql.query(
      `update heartbeat_runs set last_seen_at = null, lease_expires_at = now() + interval '15 seconds' where id = $1`,
      [lapsing.run.id],
    )
    await server().database.sql.query(`update heartbeat_runs set status = 'failed', finished_at = now() where id = $1`, [failed.run.id])
    const page = await locksOf(here)
    const alive = (issue: { readonly identifier: string }): Promise<string | null> =>
      rowOf(page, issue).getByRole('cell').nth(3).textContent()
    await rowOf(page, lapsing.issue).waitFor()
    expect(await alive(lapsing.issue)).toBe('✓ live')
    expect(await alive(failed.issue)).toBe('✕ dead: run failed')
    await expect.poll(() => alive(lapsing.issue)).toMatch(/^✕ dead: lease ran out \d+ (?:s|min) ago$/)
    await expect.poll(async () => (await identifiersIn(page)).at(-1)).toBe(steady.issue.identifier)
    expect(await page.getByText('3 holds: 2 dead, 0 silent').count()).toBe(1)
  })

  test('The lease and the ages are those of the clock of the server, also where the clock of the reader is an hour off', async () => {
    const here = await world(server())
    const { issue } = await here.held()
    for (const off of [3_600_000, -3_600_000]) {
      const before = `{ const now = Date.now; Date.now = () => now() + ${off} }`
      const page = await open(`/${here.company.issuePrefix}/locks`, { before })
      await rowOf(page, issue).waitFor()
      await expect.poll(() => rowOf(page, issue).getByRole('cell').nth(3).textContent()).toBe('✓ live')
      expect(await rowOf(page, issue).getByRole('cell').nth(4).textContent()).toMatch(/sec\. ago|now/)
    }
  })

  test('Filters and order stand in the address, work from there, and narrow what is selected', async () => {
    const here = await world(server())
    const [one, two, three] = [await here.held(), await here.held(), await here.held()]
    await expireLease(server(), two.run.id)
    await expireLease(server(), three.run.id)
    const page = await locksOf(here, '?alive=dead&sort=-issue')
    await expect.poll(() => identifiersIn(page)).toEqual([three.issue.identifier, two.issue.identifier])
    await page.getByRole('columnheader', { name: 'Issue' }).getByRole('button').click()
    await expect.poll(() => identifiersIn(page)).toEqual([two.issue.identifier, three.issue.identifier])
    expect(ofPage(page, 'sort')).toBe('issue')
    await page.getByLabel('Agent', { exact: true }).selectOption(two.agent.id)
    await expect.poll(() => identifiersIn(page)).toEqual([two.issue.identifier])
    expect(ofPage(page, 'agent')).toBe(two.agent.id)
    for (const key of ['Escape', 'Shift+X']) await page.keyboard.press(key)
    await page.getByText('1 of 1 selected').waitFor()
    await page.getByRole('button', { name: 'Remove the filters' }).click()
    await expect.poll(() => identifiersIn(page)).toEqual([one, two, three].map(({ issue }) => issue.identifier))
    await page.getByLabel('Search in the locks').fill(one.issue.identifier)
    await expect.poll(() => identifiersIn(page)).toEqual([one.issue.identifier])
    await page.getByLabel('Age', { exact: true }).selectOption('1h')
    await page.getByText('No hold matches these filters.').waitFor()
  })

  test('The drawer has the hold and its story, stands in the address, and opens by the keyboard', async () => {
    const here = await world(server())
    const { issue, run, agent } = await here.held()
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`, { reason: 'too slow' })
    const second = await here.run(agent)
    expect((await here.checkout(second, issue.id, ['in_progress'])).status).toBe(200)
    const page = await locksOf(here)
    await rowOf(page, issue).waitFor()
    for (const key of ['j', ' ']) await page.keyboard.press(key)
    const drawer = page.getByRole('dialog', { name: issue.identifier })
    await drawer.getByText('Forced').waitFor()
    expect(ofPage(page, 'look')).toBe(issue.identifier)
    const items = await drawer.getByRole('listitem').allTextContents()
    expect(items.map((item) => /Taken|Forced/.exec(item)?.[0])).toEqual(['Taken', 'Forced', 'Taken'])
    expect(items[1]).toContain('by the local board: too slow')
    expect(items[1]).toContain(`run ${run.id.slice(0, 8)}`)
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
    expect(ofPage(page, 'look')).toBeNull()
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/issues/${issue.identifier}`)
  })

  test('All that match are selected, also those beyond the first page of the list', async () => {
    const here = await world(server())
    const agent = await here.agent()
    await addManyRows(server(), here.company.id, agent.id, { issues: 1100 })
    await server().database.sql.query('update issues set checkout_run_id = gen_random_uuid() where company_id = $1', [here.company.id])
    const page = await locksOf(here)
    await page.getByText('1,100 holds: 1,100 dead').waitFor()
    await page.keyboard.press('Shift+X')
    await page.getByText('1,100 of 1,100 selected').waitFor()
  })

  test('The page of a company without holds says what a hold is', async () => {
    const page = await locksOf(await world(server()))
    await page.getByText('A run that works on an issue holds it').waitFor()
  })

  test('The page, its dialog and its drawer have no finding of axe', async () => {
    const here = await world(server())
    const { issue } = await here.held()
    const ghost = await here.issue()
    await plantColumns(server(), ghost.id, { checkoutRunId: crypto.randomUUID() })
    const page = await locksOf(here)
    await rowOf(page, issue).waitFor()
    expect(await findingsOf(page, 'locks')).toEqual([])
    await page.keyboard.press('Shift+X')
    await page.keyboard.press('f')
    await partOf(page, issue).getByText('Evicts').waitFor()
    expect(await findingsOf(page, 'force-release')).toEqual([])
    await page.goto(`${page.url()}?look=${issue.identifier}`)
    await page.getByRole('dialog').getByText('Taken').waitFor()
    expect(await findingsOf(page, 'look at a hold')).toEqual([])
  })
})
