import { describe, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { freshCode } from '../../dev/testing/authenticators.ts'
import { faultsOf, hasChromium, useBrowser } from '../../dev/testing/browser.ts'
import { person } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()
const pathOf = (page: Page): string => new URL(page.url()).pathname
const open = async (page: Page, path: string): Promise<void> => void (await page.goto(server().url + path))
const text = async (page: Page): Promise<string> => (await page.getByRole('main').textContent()) ?? ''

/** A browser in which no script runs. */
const visit = async (): Promise<Page> => (await openBrowser({ origins: [server().url], javaScriptEnabled: false })).page

/** Presses a button of a form, and returns when the page that comes next is shown. */
const press = async (page: Page, name: string): Promise<void> =>
  void (await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name, exact: true }).click()]))

/** Types the address and the password of a person at the page for signing in. */
async function signIn(page: Page, email: string, path = '/sign-in'): Promise<void> {
  await open(page, path)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(TEST_PASSWORD)
  await press(page, 'Sign in')
}

async function answerWith(page: Page, code: string, button = 'Sign in'): Promise<void> {
  await page.getByRole('textbox', { name: 'Code' }).fill(code)
  await press(page, button)
}

/** Ada turns the second factor on in a browser of her own, by the pages alone. */
async function turnedOn(faults: string[] = []) {
  const { email } = await person(server())
  const page = await visit()
  await signIn(page, email, '/sign-in?next=/account/second-factor')
  expect(pathOf(page)).toBe('/account/second-factor')
  faults.push(...(await faultsOf(page, 'second-factor-off')))
  await page.getByLabel('Password').fill(TEST_PASSWORD)
  await press(page, 'Begin')
  const codes = await page.getByRole('main').locator('code').allTextContents()
  const secret = codes.find((code) => /^[A-Z2-7]{32}$/.test(code)) ?? ''
  const recoveryCodes = codes.filter((code) => /^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/.test(code))
  expect([secret.length, recoveryCodes.length]).toEqual([32, 10])
  faults.push(...(await faultsOf(page, 'second-factor-secret')))
  return { email, page, secret, recoveryCodes }
}

describe.skipIf(!hasChromium)('the second factor in a browser without scripts (needs Chromium)', () => {
  test('A person turns it on, signs in elsewhere with a code of the app and later with a recovery code, and turns it off', async () => {
    const faults: string[] = []
    const { email, page: laptop, secret, recoveryCodes } = await turnedOn(faults)
    await answerWith(laptop, await freshCode(server(), secret), 'Turn the second factor on')
    expect(await text(laptop)).toContain('The second factor is on')

    const phone = await visit()
    await signIn(phone, email)
    expect(pathOf(phone)).toBe('/sign-in/code')
    faults.push(...(await faultsOf(phone, 'code')))
    await answerWith(phone, await freshCode(server(), secret))
    expect([pathOf(phone), await text(phone)]).toEqual(['/account', expect.stringContaining(`(${email})`)])

    await press(phone, 'Sign out')
    await signIn(phone, email, '/sign-in?next=/account/second-factor')
    await answerWith(phone, recoveryCodes[0] ?? '')
    expect(pathOf(phone)).toBe('/account/second-factor')
    expect(await text(phone)).toContain('You have 9 recovery codes.')
    faults.push(...(await faultsOf(phone, 'second-factor-on')))

    await phone.getByLabel('Password').fill(TEST_PASSWORD)
    await answerWith(phone, await freshCode(server(), secret), 'Turn it off')
    expect(await text(phone)).toContain('The second factor is off')
    await press(phone, 'Sign out')
    await signIn(phone, email)
    expect(pathOf(phone)).toBe('/account')
    expect(faults).toEqual([])
  })

  test('The password alone, a wrong code and a code that was used open no page of the account', async () => {
    const { email, page: laptop, secret } = await turnedOn()
    const code = await freshCode(server(), secret)
    await answerWith(laptop, code, 'Turn the second factor on')

    const stranger = await visit()
    await signIn(stranger, email)
    await open(stranger, '/account')
    expect(pathOf(stranger)).toBe('/sign-in')
    await signIn(stranger, email)
    for (const wrong of ['000000', code]) {
      await answerWith(stranger, wrong)
      expect([pathOf(stranger), await stranger.getByRole('alert').count()]).toEqual(['/sign-in/code', 1])
    }
    await open(stranger, '/account')
    expect(pathOf(stranger)).toBe('/sign-in')
    await laptop.reload()
    expect(pathOf(laptop)).toBe('/account')
  })
})
