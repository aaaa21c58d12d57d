import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium, useBrowser } from '../dev/testing/browser.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { lastAudit, useServer, world } from '../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()

/** A busy machine draws the document ten times slower than a quiet one. */
const SLOW_MS = 300_000

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>
}

/** The part of the page about an operation, opened so that a person can try it. */
async function tried(page: Page, method: 'get' | 'post', path: string): Promise<Locator> {
  const { paths } = (await server().anonymous.get('/api/openapi.json')).body as Document
  const part = page.locator(`[id^="operations-"][id$="-${paths[path]?.[method]?.operationId}"]`)
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
  await part.locator('button.execute').click()
  const answer = part.locator('.live-responses-table .response')
  await answer.waitFor()
  const body = await answer.locator('.response-col_description .highlight-code pre').first().textContent()
  return { status: (await answer.locator('.response-col_status').textContent())?.trim() ?? '', body: JSON.parse(body ?? '') as unknown }
}

async function authorize(page: Page, key: string): Promise<void> {
  await page.locator('.auth-wrapper > button.authorize').first().click()
  const dialog = page.locator('.dialog-ux')
  await dialog.getByLabel('auth-bearer-value').fill(key)
  await dialog.locator('button.authorize[type=submit]').click()
  await dialog.getByText('Logout', { exact: true }).waitFor()
  await dialog.locator('button.btn-done').click()
}

// The test fails at any error of the console, at a breach of the policy and at a request to another host: `useBrowser` watches the page.
// The page takes many seconds of a processor to draw the whole document, so a full check looks at it.
describe.skipIf(!hasChromium || !isFullCheck)('the page of the API document (needs Chromium)', { timeout: SLOW_MS }, () => {
  test('A person authorises with a key, executes a GET and a POST, and sees the answers; without the key the server refuses', async () => {
    const here = await world(server())
    const agent = await here.agent({ name: 'Ada' })
    const { page } = await openBrowser({ origins: [server().url] })
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.goto(`${server().url}/api/docs/`)
    await page
      .locator('.opblock')
      .first()
      .waitFor({ timeout: SLOW_MS / 2 })

    const read = await tried(page, 'get', '/api/companies/{companyId}')
    await read.locator('tr[data-param-name=companyId] input').fill(here.company.id)
    expect(await execute(read)).toMatchObject({ status: '401', body: { code: 'unauthorized' } })

    await authorize(page, agent.key)
    await expect.poll(async () => (await execute(read)).status).toBe('200')
    expect((await execute(read)).body).toMatchObject({ id: here.company.id, name: 'Acme Works' })

    const write = await tried(page, 'post', '/api/companies/{companyId}/issues')
    await write.locator('tr[data-param-name=companyId] input').fill(here.company.id)
    await write.locator('textarea.body-param__text').fill(JSON.stringify({ title: 'Made from the page of the API' }))
    const made = await execute(write)
    expect(made).toMatchObject({ status: '201', body: { title: 'Made from the page of the API', companyId: here.company.id } })
    expect(await lastAudit(server(), (made.body as { id: string }).id, 'issue.created')).toMatchObject({
      actorType: 'agent',
      agentId: agent.id,
    })
  })
})
