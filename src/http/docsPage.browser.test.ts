import type { BrowserContext, Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium, useBrowser } from '../dev/testing/browser.ts'
import { member } from '../dev/testing/people.ts'
import type { TestPerson } from '../dev/testing/people.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'
import { lastAudit, useServer, world } from '../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()

interface Document {
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string; readonly tags: readonly [string] }>>>>
}

/** Puts the session of a person into a browser, as its sign-in has. */
async function takeSession(context: BrowserContext, { cookie }: TestPerson): Promise<void> {
  const pairs = cookie.split('; ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  await context.addCookies(pairs.map(([name, value]) => ({ name, value, url: server().url, httpOnly: true })))
}

/** The part of the page about an operation, opened so that a person can try it. */
async function tried(page: Page, method: 'get' | 'post', path: string): Promise<Locator> {
  const { paths } = (await server().anonymous.get('/api/openapi.json')).body as Document
  const { operationId = '', tags: [tag] = [''] } = paths[path]?.[method] ?? {}
  const section = page.locator(`[id="operations-tag-${tag}"]`)
  if ((await section.getAttribute('data-is-open')) !== 'true') await section.click()
  const part = page.locator(`[id="operations-${tag}-${operationId}"]`)
  await part.locator('.opblock-summary-control').click()
  await part.locator('.try-out__btn').click()
  return part
}

interface Shown {
  readonly status: string
  readonly body: unknown
}

/** Sends the request, and reads the answer that the page shows. */
async function execute(part: Locator): Promise<Shown> {
  const answered = part.page().waitForResponse((response) => response.url().startsWith(`${server().url}/api/companies`))
  await part.locator('button.execute').click()
  const response = await answered
  const status = String(response.status())
  const answer = part
    .locator('.live-responses-table .response')
    .filter({ has: part.page().locator('.response-col_status', { hasText: status }) })
  const shown = answer.locator('.response-col_description .highlight-code pre').first()
  const body: unknown = await response.json()
  // Until it is drawn anew, the page shows the answer to the request before.
  await expect.poll(async () => JSON.parse((await shown.textContent()) ?? '') as unknown).toEqual(body)
  return { status, body }
}

/** Creates an issue from the page. @returns the row of the audit log about it */
async function created(part: Locator): Promise<Awaited<ReturnType<typeof lastAudit>>> {
  const { status, body } = await execute(part)
  expect({ status, body }).toMatchObject({ status: '201', body: { title: 'Made from the page of the API' } })
  return await lastAudit(server(), (body as { id: string }).id, 'issue.created')
}

async function authorize(page: Page, key: string): Promise<void> {
  await page.locator('.auth-wrapper > button.authorize').first().click()
  const dialog = page.locator('.dialog-ux')
  await dialog.getByLabel('auth-bearer-value').fill(key)
  await dialog.locator('button.authorize[type=submit]').click()
  await dialog.getByText('Logout', { exact: true }).waitFor()
  await dialog.locator('button.btn-done').click()
}

/** Opens the page, and waits until it shows every tag of the document. @returns after how many milliseconds it does */
async function open(page: Page): Promise<number> {
  const { tags } = (await server().anonymous.get('/api/openapi.json')).body as Document
  const openedAt = performance.now()
  await page.goto(`${server().url}/api/docs/`)
  const shown = page.locator('.opblock-tag')
  await shown.nth(tags.length - 1).waitFor()
  const took = performance.now() - openedAt
  expect(await shown.evaluateAll((all) => all.map(({ id }) => id))).toEqual(tags.map(({ name }) => `operations-tag-${name}`))
  return took
}

// The test fails at any error of the console, at a breach of the policy and at a request to another host: `useBrowser` watches the page.
describe.skipIf(!hasChromium)('the page of the API document (needs Chromium)', () => {
  test('It is there within seconds, and a person tries a GET and a POST without a credential, with a session and with a key', async () => {
    const here = await world(server())
    const [ada, agent] = [await member(server(), here.company.id, 'operator'), await here.agent({ name: 'Grace' })]
    const { page, context } = await openBrowser({ origins: [server().url] })
    await page.setViewportSize({ width: 1280, height: 900 })
    expect(await open(page)).toBeLessThan(onThisMachine(5000))

    const read = await tried(page, 'get', '/api/companies/{companyId}')
    await read.locator('tr[data-param-name=companyId] input').fill(here.company.id)
    expect(await execute(read)).toMatchObject({ status: '401', body: { code: 'unauthorized' } })
    await takeSession(context, ada)
    expect(await execute(read)).toMatchObject({ status: '200', body: { id: here.company.id, name: 'Acme Works' } })

    const write = await tried(page, 'post', '/api/companies/{companyId}/issues')
    await write.locator('tr[data-param-name=companyId] input').fill(here.company.id)
    await write.locator('textarea.body-param__text').fill(JSON.stringify({ title: 'Made from the page of the API' }))
    const sent = page.waitForRequest((request) => request.method() === 'POST')
    expect(await created(write)).toMatchObject({ actorType: 'user', actorId: ada.id })
    expect(await (await sent).headerValue('origin')).toBe(server().url)
    await authorize(page, agent.key)
    expect(await created(write)).toMatchObject({ actorType: 'agent', agentId: agent.id })
  })
})
