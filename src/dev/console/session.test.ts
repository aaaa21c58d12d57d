import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { makeConsole } from '../../launch/consoleBuild.js'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { boardOf, join, person } from '../testing/people.ts'
import type { TestPerson } from '../testing/people.ts'
import { TEST_PASSWORD } from '../testing/sessions.ts'
import { useServer } from '../testing/world.ts'
import { lookAway, lookBack, noticeReload, untilState } from './looking.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()
beforeAll(async () => void (await makeConsole()))

async function signIn(page: Page, { email }: Pick<TestPerson, 'email'>): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(TEST_PASSWORD)
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Sign in' }).click()])
}

/** A person who works in the console, with the address of its page. */
async function working(query = ''): Promise<{ who: TestPerson; page: Page; context: BrowserContext; address: string }> {
  const board = boardOf(server())
  const company = (await board.post('/api/companies', { name: 'Acme Works' })).body as { id: string; issuePrefix: string }
  const who = await person(server())
  await join(server(), who, company.id, 'operator')
  const { page, context } = await openBrowser({ origins: [server().url] })
  const address = `/console/${company.issuePrefix}/issues${query}`
  await page.goto(server().url + address)
  await page.getByRole('link', { name: 'Sign in', exact: true }).click()
  await signIn(page, who)
  await untilState(page, 'Live')
  return { who, page, context, address }
}

const endSessions = async ({ client }: TestPerson): Promise<void> =>
  expect((await client.post('/api/auth/revoke-sessions', {})).status).toBe(200)

const placeOf = (page: Page): string => {
  const { pathname, search } = new URL(page.url())
  return pathname + search
}

describe.skipIf(!hasChromium)('a session that ends under a page (needs Chromium)', () => {
  test('The page says so within seconds and hides what it showed, and the sign-in leads to the same address', async () => {
    const { who, page, address } = await working('?status=todo')
    expect(placeOf(page)).toBe(address)
    await endSessions(who)
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
    expect(await page.getByRole('heading', { name: 'Issues' }).count()).toBe(0)
    expect(await page.getByRole('navigation').count()).toBe(0)
    expect(placeOf(page)).toBe(address)
    await page.keyboard.press('?')
    expect(await page.getByRole('dialog').count()).toBe(0)
    await page.getByRole('link', { name: 'Sign in', exact: true }).click()
    await signIn(page, who)
    await untilState(page, 'Live')
    expect(placeOf(page)).toBe(address)
  })

  test('The text that was typed is still there after a sign-in in another tab', async () => {
    const { who, page, context } = await working()
    const isSame = await noticeReload(page)
    await page.getByRole('button', { name: 'Create issue' }).first().click()
    await page.getByRole('dialog').getByLabel('Title').fill('Typed before the session ended')
    await endSessions(who)
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
    await lookAway(page)
    const other = await context.newPage()
    await other.goto(`${server().url}/sign-in`)
    await signIn(other, who)
    await lookBack(page)
    await untilState(page, 'Live')
    expect(await page.getByRole('dialog').getByLabel('Title').inputValue()).toBe('Typed before the session ended')
    await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('table').getByText('Typed before the session ended').waitFor()
    await isSame()
  })

  test('A person who is taken out of the company sees that the page is none any more', async () => {
    const { who, page } = await working()
    const taken = await boardOf(server()).put(`/api/admin/users/${who.id}/company-access`, { companyIds: [] })
    expect(taken.status, taken.text).toBe(200)
    await expect
      .poll(async () => await page.locator('body').textContent())
      .toMatch(/The server refuses the live updates|There is no such page|In four steps|no company/i)
  })
})
