import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { useServer } from '../testing/world.ts'
import { axeFindingsOf, findingsOf, twoLooks } from './axe.ts'
import { addressOf, nameOf, partsOfPages, patterns } from './company/pages.ts'
import { fillCompany } from './company/fill.ts'
import type { FilledCompany } from './company/fill.ts'
import { useConsole } from './consoleWorld.ts'
import { settle } from './settle.ts'

const WORK = ['Overview', 'Issues', 'Locks', 'Runs', 'Agents', 'Approvals', 'Activity']
const LINKS = [...WORK, 'Costs', 'Budgets', 'Projects', 'Routines', 'Skills', 'Secrets', 'Webhooks', 'Settings']

const { open, server } = useConsole()
const signedOutServer = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()

let company: FilledCompany
beforeAll(async () => {
  if (hasChromium) company = await fillCompany({ url: server().url, sql: server().database.sql })
})

/** The faults of the page that is shown, in both themes, on a desk and on a telephone. */
async function faultsOf(page: Page, name: string): Promise<string[]> {
  await settle(page)
  const headings = await page.locator('h1:visible').count()
  return [...(headings === 1 ? [] : [`${name}: ${headings} headings of the page`]), ...(await findingsOf(page, name))]
}

/** Requests of a page that got no answer. A page that is left gives up its requests itself. */
function watchRequests(page: Page): string[] {
  const failed: string[] = []
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText
    if (reason !== 'net::ERR_ABORTED') failed.push(`${request.url()}: ${reason}`)
  })
  return failed
}

describe.skipIf(!hasChromium)('every page of the console (needs Chromium)', () => {
  test('The list of pages is read from the source, and the company has a row for each', () => {
    expect(patterns.length).toBeGreaterThan(12)
    const counts = new Map<string, number>()
    for (const { pattern } of partsOfPages) counts.set(pattern, (counts.get(pattern) ?? 0) + 1)
    expect(Object.fromEntries(counts)).toEqual({ 'agents/:agent': 5, costs: 5, projects: 2, settings: 5 })
    expect(() => patterns.map((pattern) => addressOf(pattern, company))).not.toThrow()
  })

  test.each(patterns)(
    'The page %s is without a fault for axe, fits a telephone, has one heading and the links of all pages, in both themes',
    async (pattern) => {
      const page = await open(addressOf(pattern, company))
      const failed = watchRequests(page)
      await expect.poll(() => page.getByRole('status', { name: 'State of the live updates' }).textContent()).toBe('Live')
      expect(await faultsOf(page, nameOf(pattern))).toEqual([])
      const links = page.getByRole('navigation', { name: 'Pages' }).getByRole('link')
      expect(await links.count()).toBe(LINKS.length)
      for (const name of LINKS)
        expect(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).count(), name).toBe(1)
      expect(await page.title()).toMatch(/^\S.* · paperclip-server$/)
      expect(failed, nameOf(pattern)).toEqual([])
    },
  )

  test.each(partsOfPages)(
    'The part $tab of the page $pattern is without a fault for axe and fits a telephone',
    async ({ pattern, tab }) => {
      const page = await open(`${addressOf(pattern, company)}?tab=${tab}`)
      await settle(page)
      expect(await page.locator('nav.tabs [aria-current=page]').count()).toBe(1)
      expect(await findingsOf(page, `${nameOf(pattern)}, ${tab}`, twoLooks)).toEqual([])
    },
  )

  test.each([
    ['/-/welcome', 'welcome'],
    ['/ACMX/locks', 'no such company'],
    ['/-/nothing', 'no such page'],
  ])('The page %s (%s) is without a fault for axe and fits a telephone, in both themes', async (path) => {
    expect(await faultsOf(await open(path), path)).toEqual([])
  })

  test('An address of a company that leads to no page says so, and keeps the links', async () => {
    const page = await open(`/${company.prefix}/nothing/here`)
    expect(await faultsOf(page, 'nothing')).toEqual([])
    await page.getByRole('link', { name: 'Go to the overview' }).click()
    await expect.poll(() => new URL(page.url()).pathname).toBe(`/console/${company.prefix}/overview`)
  })

  test('On a telephone the page and the part that are open are in sight in their rows of links', async () => {
    const page = await open(`/${company.prefix}/settings?tab=instance`, { width: 360 })
    await settle(page)
    for (const link of [
      page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Settings' }),
      page.locator('nav.tabs [aria-current=page]'),
    ])
      await expect
        .poll(async () => {
          const box = await link.boundingBox()
          return box !== null && box.x >= 0 && box.x + box.width <= 361
        })
        .toBe(true)
  })

  test('The lists of keys and of places to go to are without a fault for axe, and are opened and closed by keys', async () => {
    const page = await open(`/${company.prefix}/locks`)
    await settle(page)
    for (const [key, name] of [
      ['?', 'Keys'],
      ['Control+k', 'Find'],
    ] as const) {
      await page.keyboard.press(key)
      await page.getByRole('dialog', { name }).waitFor()
      expect(await axeFindingsOf(page), name).toEqual([])
      await page.keyboard.press('Escape')
      await page.getByRole('dialog', { name }).waitFor({ state: 'detached' })
    }
  })

  test('The page of a browser that is not signed in is without a fault for axe and fits a telephone, in both themes', async () => {
    const { page } = await openBrowser({ origins: [signedOutServer().url] })
    await page.goto(`${signedOutServer().url}/console/ACM/locks?alive=dead`)
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
    expect(await faultsOf(page, 'signed out')).toEqual([])
    expect(await page.getByRole('link', { name: 'Sign in', exact: true }).getAttribute('href')).toBe(
      `/sign-in?next=${encodeURIComponent('/console/ACM/locks?alive=dead')}`,
    )
  })
})
