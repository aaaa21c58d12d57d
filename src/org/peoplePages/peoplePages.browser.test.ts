import { describe, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { faultsOf, hasChromium, tabOrder, useBrowser } from '../../dev/testing/browser.ts'
import { boardOf, join, person } from '../../dev/testing/people.ts'
import type { TestPerson } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()
const visit = async (javaScriptEnabled = true) => await openBrowser({ origins: [server().url], javaScriptEnabled })

const pathOf = (page: Page): string => new URL(page.url()).pathname
const open = async (page: Page, path: string): Promise<void> => void (await page.goto(server().url + path))

/** Signs in by the form. The page that comes next is shown when it returns. */
async function signIn(page: Page, { email }: Pick<TestPerson, 'email'>, password = TEST_PASSWORD): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Sign in' }).click()])
}

/** Presses a button of a form. The page that comes next is shown when it returns. */
const press = async (page: Page, name: string): Promise<void> =>
  void (await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name, exact: true }).click()]))

/** The browser of a person who signs in by the form. */
async function signedIn(who: Pick<TestPerson, 'email'>): Promise<Page> {
  const { page } = await visit(false)
  await open(page, '/sign-in')
  await signIn(page, who)
  expect(pathOf(page)).toBe('/account')
  return page
}

/** Another browser of a person, in which it has made its account. */
async function elsewhere({ cookie }: Pick<TestPerson, 'cookie'>): Promise<Page> {
  const { page, context } = await visit(false)
  const cookies = cookie.split('; ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  await context.addCookies(cookies.map(([name, value]) => ({ name, value, url: server().url, httpOnly: true })))
  await open(page, '/account')
  expect(pathOf(page)).toBe('/account')
  return page
}

async function command(): Promise<{ approvalPath: string; boardApiToken: string }> {
  const asked = { command: 'paperclipai company list', clientName: 'laptop' }
  return (await server().anonymous.post('/api/cli-auth/challenges', asked)).body
}

describe.skipIf(!hasChromium)('the pages of people in a browser (need Chromium)', () => {
  describe('without scripts', () => {
    test('A wrong password is refused on the same page, which keeps the address, and the right one signs in', async () => {
      const ada = await person(server())
      const { page } = await visit(false)
      await open(page, '/account')
      expect(pathOf(page)).toBe('/sign-in')
      await signIn(page, ada, 'not the password')
      expect(await page.getByRole('alert').textContent()).toBe('Invalid email or password')
      expect(await page.getByLabel('E-mail').inputValue()).toBe(ada.email)
      expect(await page.getByLabel('Password').inputValue()).toBe('')
      await signIn(page, ada)
      expect(pathOf(page)).toBe('/account')
      expect(await page.getByRole('main').textContent()).toContain(`You are Ada (${ada.email}).`)
    })

    test('Signing out ends the session of this browser, or of every browser of the person (I16)', async () => {
      const ada = await person(server())
      const [laptop, phone] = [await signedIn(ada), await elsewhere(ada)]
      await press(laptop, 'Sign out')
      expect(await laptop.getByRole('status').textContent()).toBe('You are signed out.')
      await open(laptop, '/account')
      expect(pathOf(laptop)).toBe('/sign-in')
      await phone.reload()
      expect(pathOf(phone)).toBe('/account')
      await signIn(laptop, ada)
      await press(phone, 'Sign out on all devices')
      expect(await phone.getByRole('status').textContent()).toBe('You are signed out on all devices.')
      await laptop.reload()
      expect(pathOf(laptop)).toBe('/sign-in')
    })

    test('A change of the password ends the session of the other browser, and the old password (I16)', async () => {
      const ada = await person(server())
      const [laptop, phone] = [await signedIn(ada), await elsewhere(ada)]
      const fill = async (password: string): Promise<void> => {
        await laptop.getByLabel('Password', { exact: true }).fill(password)
        await laptop.getByLabel('New password').fill('another sentence')
        await press(laptop, 'Change the password')
      }
      await fill('not the password')
      expect(await laptop.getByRole('alert').count()).toBe(1)
      await phone.reload()
      expect(pathOf(phone)).toBe('/account')
      await fill(TEST_PASSWORD)
      expect(await laptop.getByRole('status').textContent()).toContain('The password is changed.')
      await phone.reload()
      expect(pathOf(phone)).toBe('/sign-in')
      await signIn(phone, ada)
      expect(await phone.getByRole('alert').count()).toBe(1)
      await signIn(phone, ada, 'another sentence')
      expect(pathOf(phone)).toBe('/account')
    })

    test('A person lets a command line in, or cancels it, and signs in on the way', async () => {
      const ada = await person(server())
      const { page } = await visit(false)
      const [wanted, unwanted] = [await command(), await command()]
      await open(page, wanted.approvalPath)
      expect(await page.getByRole('main').textContent()).toMatch(
        /paperclipai company list\s*\(laptop\) asks to act as you for thirty\s+days/,
      )
      await Promise.all([page.waitForEvent('load'), page.getByRole('link', { name: 'Sign in' }).click()])
      await signIn(page, ada)
      expect(pathOf(page) + new URL(page.url()).search).toBe(wanted.approvalPath)
      await press(page, 'Approve')
      expect(await page.getByRole('main').textContent()).toContain('The login is approved.')
      expect((await server().bearer(wanted.boardApiToken).get('/api/cli-auth/me')).body).toMatchObject({ userId: ada.id })
      await open(page, unwanted.approvalPath)
      await press(page, 'Cancel')
      expect(await page.getByRole('main').textContent()).toContain('The login is cancelled.')
      expect((await server().bearer(unwanted.boardApiToken).get('/api/cli-auth/me')).status).toBe(401)
    })
  })

  test('The cookies are kept from scripts and from requests of other sites, and the form of another site is refused', async () => {
    const { page, context } = await visit()
    await open(page, '/sign-in')
    const ada = await person(server())
    await signIn(page, ada)
    const cookies = await context.cookies()
    expect(cookies.map(({ name }) => name)).toContain('better-auth.session_token')
    for (const { name, httpOnly, sameSite, secure, path } of cookies)
      expect({ httpOnly, sameSite, secure, path }, name).toEqual({ httpOnly: true, sameSite: 'Lax', secure: false, path: '/' })
    expect(cookies.map(({ name }) => name)).toContain('paperclip_device')
    expect(await page.evaluate<string>('document.cookie')).toBe('')
    const other = await context.newPage()
    await other.setContent(`<form method="post" action="${server().url}/account"><button name="action" value="sign-out">Go</button></form>`)
    await press(other, 'Go')
    expect(await other.textContent('body')).toContain('origin_not_allowed')
    await page.reload()
    expect(pathOf(page)).toBe('/account')
  })

  test('Every page has a title, one heading, labels and contrast, and fits a telephone and a laptop', async () => {
    const { company } = await world(server())
    const ada = await person(server())
    await join(server(), ada, company.id, 'operator')
    const invite = async (fields = {}) =>
      (await boardOf(server()).post(`/api/companies/${company.id}/invites`, fields)).body.token as string
    const token = await invite({
      agentMessage:
        'Welcome.\nWe work on the wiki of the company, and need a hand with https://example.com/a/very/long/address/without/a/break',
    })
    const { path: reset } = (await boardOf(server()).post(`/api/admin/users/${ada.id}/reset-links`)).body
    const { page } = await visit()
    const faults: string[] = []
    const look = async (name: string, path: string | null = null): Promise<void> => {
      if (path !== null) await open(page, path)
      faults.push(...(await faultsOf(page, name)))
    }
    await look('sign-in', '/sign-in')
    await signIn(page, ada, 'not the password')
    await look('sign-in-refused')
    await look('sign-up', '/sign-up')
    await look('invitation-signed-out', `/invite/${token}`)
    await look('link-that-ended', '/invite/pcp_invite_none')
    await look('login-signed-out', (await command()).approvalPath)
    await look('reset', reset as string)
    await open(page, '/sign-in')
    await signIn(page, ada)
    await look('account')
    await look('invitation', `/invite/${token}`)
    await look('login', (await command()).approvalPath)
    await press(page, 'Approve')
    await look('login-approved')
    expect(faults).toEqual([])
  })

  test('A person without a mouse reaches every field and button in the order of the page, and sends a form with the keyboard', async () => {
    const ada = await person(server())
    const { page } = await visit()
    await open(page, '/sign-in')
    expect(await tabOrder(page)).toEqual(['paperclip-server', 'E-mail', 'Password', 'Sign in', 'Make an account'])
    await page.getByLabel('E-mail').focus()
    await page.keyboard.type(ada.email)
    await page.keyboard.press('Tab')
    await page.keyboard.type(TEST_PASSWORD)
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
    expect(pathOf(page)).toBe('/account')
    expect(await tabOrder(page)).toEqual([
      'paperclip-server',
      'Password',
      'New password, at least 8 characters',
      'Change the password',
      'change it',
      'Sign out',
      'Sign out on all devices',
    ])
  })
})
