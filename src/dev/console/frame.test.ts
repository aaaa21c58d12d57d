import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { addManyRows } from '../testing/manyRows.ts'
import { world } from '../testing/world.ts'
import type { TestAgent, World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'
import { untilState } from './looking.ts'
import { settle } from './settle.ts'

const { open, server } = useConsole()

let company: World
let agent: TestAgent
let prefix: string
beforeAll(async () => {
  company = await world(server())
  prefix = company.company.issuePrefix
  agent = await company.agent({ name: 'Grace' })
  await addManyRows(server(), company.company.id, agent.id, { issues: 400 })
})

const pathOf = (page: Page): string => new URL(page.url()).pathname
const heading = (page: Page): Promise<string | null> => page.getByRole('heading', { level: 1 }).textContent()
const untilHeading = async (page: Page, name: string): Promise<void> => await expect.poll(() => heading(page)).toBe(name)
const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(
    '(() => { const at = document.activeElement; return at.labels?.[0]?.textContent.trim() || at.getAttribute("aria-label") || at.textContent.trim().slice(0, 40) || at.localName })()',
  )

const openIssues = async (): Promise<Page> => {
  const page = await open(`/${prefix}/issues?status=todo`)
  await page.getByRole('table').getByRole('row').nth(5).waitFor()
  return page
}

describe.skipIf(!hasChromium)('the keyboard of the console (needs Chromium)', () => {
  test('Two keys go to each page, also with Caps Lock, and the heading, the title and the place of the keyboard follow', async () => {
    const page = await open(`/${prefix}/overview`)
    await untilHeading(page, 'Overview')
    for (const [letter, name] of [
      ['i', 'Issues'],
      ['l', 'Locks'],
      ['r', 'Runs'],
      ['a', 'Agents'],
      ['p', 'Approvals'],
      ['c', 'Activity'],
      ['j', 'Projects'],
      ['t', 'Routines'],
      ['k', 'Skills'],
      ['e', 'Secrets'],
      ['w', 'Webhooks'],
      ['s', 'Settings'],
      ['o', 'Overview'],
    ] as const) {
      await page.keyboard.press('g')
      await page.keyboard.press(letter)
      await untilHeading(page, name)
      await expect.poll(() => page.title()).toBe(`${name} · paperclip-server`)
      expect(await page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]').textContent()).toContain(name)
      await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('content')
    }
  })

  test('Keys do nothing while a text is typed or a dialog is open, and Escape gives the keyboard back to the list', async () => {
    const page = await openIssues()
    await page.keyboard.press('/')
    await page.keyboard.type('g l?')
    expect(pathOf(page)).toBe(`/console/${prefix}/issues`)
    expect(await page.getByRole('dialog').count()).toBe(0)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('l')
    expect(pathOf(page)).toBe(`/console/${prefix}/issues`)
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('l')
    await untilHeading(page, 'Locks')
  })

  test('The list of keys has those of the page and those of everywhere, and turns single keys off and on again', async () => {
    const page = await openIssues()
    await page.keyboard.press('?')
    const dialog = page.getByRole('dialog', { name: 'Keys' })
    for (const words of ['Everywhere', 'Next row', 'Go to Locks', 'List the keys']) await dialog.getByText(words).first().waitFor()
    await dialog.getByLabel('Single letters and signs work as keys in this browser').uncheck()
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('l')
    await page.keyboard.press('?')
    expect(pathOf(page)).toBe(`/console/${prefix}/issues`)
    expect(await dialog.count()).toBe(0)
    await page.reload()
    await page.getByRole('table').getByRole('row').nth(5).waitFor()
    await page.keyboard.press('?')
    expect(await dialog.count()).toBe(0)
    await page.keyboard.press('Control+k')
    await page.getByRole('dialog', { name: 'Find' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Keys' }).click()
    await dialog.getByLabel('Single letters and signs work as keys in this browser').check()
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('l')
    await untilHeading(page, 'Locks')
  })

  test('A dialog keeps the keyboard, closes with Escape however often, and gives it back to where it was', async () => {
    const page = await openIssues()
    const button = page.getByRole('button', { name: 'Keys' })
    for (let time = 0; time < 3; time += 1) {
      await button.focus()
      await page.keyboard.press('Enter')
      await page.getByRole('dialog').waitFor()
      for (let press = 0; press < 4; press += 1) await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement === document.body || document.activeElement.closest("dialog") !== null')).toBe(
        true,
      )
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      expect(await focused(page)).toContain('Keys')
    }
  })

  test('A row of the list that the keys reach is in sight, below the head and above the end of the window', async () => {
    const page = await openIssues()
    for (let press = 0; press < 60; press += 1) await page.keyboard.press('j')
    const isInSight = (): Promise<boolean> =>
      page.evaluate<boolean>(`(() => {
        const row = document.querySelector('tr[aria-current]').getBoundingClientRect()
        const head = document.querySelector('thead tr th').getBoundingClientRect()
        return row.top >= head.bottom - 1 && row.bottom <= innerHeight
      })()`)
    expect(await page.locator('tr[aria-current]').getAttribute('aria-rowindex')).toBe('61')
    await expect.poll(isInSight).toBe(true)
    for (let press = 0; press < 45; press += 1) await page.keyboard.press('k')
    expect(await page.locator('tr[aria-current]').getAttribute('aria-rowindex')).toBe('16')
    await expect.poll(isInSight).toBe(true)
  })
})

describe.skipIf(!hasChromium)('the addresses of the console (need Chromium)', () => {
  test('Back finds the list where it was scrolled to, and forward and back again too', async () => {
    const page = await openIssues()
    await page.evaluate('scrollTo(0, 2400)')
    await expect.poll(() => page.locator('tr[aria-rowindex="62"]').count()).toBe(1)
    const top = await page.evaluate<number>('scrollY')
    await page.locator('tr[aria-rowindex="62"] a').first().click()
    await expect.poll(() => pathOf(page)).toMatch(/\/issues\/M/)
    await settle(page)
    expect(await page.evaluate<number>('scrollY')).toBe(0)
    for (let time = 0; time < 2; time += 1) {
      await page.goBack()
      await untilHeading(page, 'Issues')
      await expect.poll(() => page.evaluate<number>('scrollY')).toBe(top)
      await expect.poll(() => page.locator('tr[aria-rowindex="62"]').count()).toBe(1)
      await page.goForward()
      await expect.poll(() => pathOf(page)).toMatch(/\/issues\/M/)
    }
    await page.goBack()
    await untilHeading(page, 'Issues')
    await expect.poll(() => page.evaluate<number>('scrollY')).toBe(top)
    await page.reload()
    await expect.poll(() => page.evaluate<number>('scrollY')).toBe(top)
  })

  test('A prefix in small letters, an ending slash and encoded parts lead to their page, and broken ones to none', async () => {
    for (const [path, name] of [
      [`/${prefix.toLowerCase()}/locks`, 'Locks'],
      [`/${prefix}/runs/`, 'Runs'],
      [`/${prefix}/%69ssues`, 'There is no such page'],
      [`/${prefix}/issues/%E0%A4%A`, 'There is no such page'],
      [`/${prefix}/a/b/c/d`, 'There is no such page'],
      [`/${prefix}`, 'Overview'],
    ] as const) {
      const page = await open(path)
      await expect.poll(() => heading(page), { message: path }).toBe(name)
    }
    const page = await open('')
    await expect.poll(() => pathOf(page)).toBe(`/console/${prefix}/overview`)
  })

  test('Another company begins anew: its own stream, its own rows, and nothing of the one before', async () => {
    const other = await world(server())
    await other.issue({ title: 'Of the other company' })
    const page = await openIssues()
    await page.getByLabel('Company').selectOption(other.company.issuePrefix)
    await expect.poll(() => pathOf(page)).toBe(`/console/${other.company.issuePrefix}/overview`)
    await untilState(page, 'Live')
    await page.keyboard.press('g')
    await page.keyboard.press('i')
    await page.getByRole('table').getByText('Of the other company').waitFor()
    expect(await page.getByText('Many', { exact: true }).count()).toBe(0)
    await other.issue({ title: 'And live' })
    await page.getByRole('table').getByText('And live').waitFor()
  })
})
