import { afterAll, describe, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { faultsOf, hasChromium, useBrowser } from '../../dev/testing/browser.ts'
import { startOidcProvider } from '../../dev/testing/oidcProvider.ts'
import { person } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer } from '../../dev/testing/world.ts'

const provider = await startOidcProvider()
afterAll(() => provider.stop())
const { host } = new URL(provider.issuer)
const server = useServer({ people: { oidc: provider.settings }, boardMode: 'token' })
const openBrowser = useBrowser()

const visit = async (javaScriptEnabled: boolean) =>
  (await openBrowser({ origins: [server().url, provider.issuer], javaScriptEnabled })).page

/** At the provider: types a login name and agrees. The page of this server that follows is shown when it returns. */
async function agree(page: Page, login: string): Promise<void> {
  await page.waitForURL(`${provider.issuer}/**`)
  await page.getByLabel('Login').fill(login)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((url) => url.origin === server().url && url.pathname === '/account')
}

describe.skipIf(!hasChromium)('the sign-in at an OpenID provider in a browser (needs Chromium)', () => {
  test.each([
    ['with scripts', true],
    ['without scripts', false],
  ])('A person signs in at the provider %s, and the way back ends at the account', async (_, isScripted) => {
    const page = await visit(isScripted)
    await page.goto(`${server().url}/sign-in`)
    expect(await faultsOf(page, 'sign-in-provider')).toEqual([])
    await page.getByRole('link', { name: `Sign in with ${host}` }).click()
    await agree(page, `ada-${isScripted}@example.com`)
    expect(await page.getByRole('main').textContent()).toContain(`(ada-${isScripted}@example.com)`)
    expect(await faultsOf(page, 'account-provider')).toEqual([])
  })

  test('A person with a password links the provider at its account, and signs in there the next time', async () => {
    const { email } = await person(server())
    const page = await visit(false)
    await page.goto(`${server().url}/sign-in`)
    await page.getByLabel('E-mail').fill(email)
    await page.getByLabel('Password').fill(TEST_PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL('**/account')
    await page.getByRole('button', { name: `Link your account at ${host}` }).click()
    await agree(page, 'ada-at-work@example.com')
    expect(await page.getByRole('button', { name: `Unlink ${host}` }).count()).toBe(1)
    const phone = await visit(false)
    await phone.goto(`${server().url}/sign-in`)
    await phone.getByRole('link', { name: `Sign in with ${host}` }).click()
    await agree(phone, 'ada-at-work@example.com')
    expect(await phone.getByRole('main').textContent()).toContain(`(${email})`)
  })
})
