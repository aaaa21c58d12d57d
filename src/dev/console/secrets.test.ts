import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf, auditCount, lastAudit, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const VALUE = 'ghp_Zk41vQ82mTeR6Yx0'
const NEXT_VALUE = 'ghp_9dLw73HsNcPa5Ub2'

const row = (page: Page, text: string): Locator => page.getByRole('table', { name: 'Secrets' }).getByRole('row').filter({ hasText: text })
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()
const pathOf = ({ company }: World): string => `/${company.issuePrefix}/secrets`

interface Made {
  readonly id: string
  readonly name: string
  readonly latestVersion: number
  readonly description: string | null
}

const listOf = async ({ company }: World): Promise<readonly Made[]> =>
  (await server().board.get(`/api/companies/${company.id}/secrets`)).body as readonly Made[]

async function makeSecret({ company }: World, name: string, fields: Record<string, unknown> = {}): Promise<Made> {
  const answer = await server().board.post(`/api/companies/${company.id}/secrets`, { name, value: VALUE, ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body as Made
}

/** An agent whose configuration refers to a secret. */
async function bind(here: World, { id: secretId }: Made, version?: number): Promise<{ readonly id: string; readonly name: string }> {
  const agent = await here.agent({ name: 'Grace' })
  const reference = { type: 'secret_ref', secretId, ...(version === undefined ? {} : { version }) }
  const adapterConfig = { command: process.execPath, env: { GITHUB_TOKEN: reference } }
  const answer = await server().board.patch(`/api/agents/${agent.id}`, { adapterType: 'process', adapterConfig })
  expect(answer.status, answer.text).toBe(200)
  return agent
}

/** Whether a text stands anywhere in the page: in its document, its fields, its address or its storage. */
const isAnywhere = (page: Page, text: string): Promise<boolean> =>
  page.evaluate(`(() => {
    const typed = [...document.querySelectorAll('input, textarea')].map((field) => field.value)
    const stored = [...Object.values(localStorage), ...Object.values(sessionStorage)]
    return [document.documentElement.outerHTML, location.href, ...typed, ...stored].some((each) => each.includes(${JSON.stringify(text)}))
  })()`)

describe.skipIf(!hasChromium)('the page of secrets in the console (needs Chromium)', () => {
  test('A secret is made by keys, a value that cannot be covered is refused and keeps what was typed, and the value is nowhere afterwards', async () => {
    const here = await world(server())
    const page = await open(pathOf(here))
    await page.getByText('There is no secret yet.').waitFor()
    await page.keyboard.press('n')
    const form = dialog(page, 'New secret')
    await form.getByLabel('Name', { exact: true }).fill('GitHub token')
    const value = form.getByLabel('Value', { exact: true })
    expect(await value.getAttribute('type')).toBe('password')
    await value.fill('short')
    await form.getByLabel('Description').fill('Of the builds, until March')
    const audits = await auditCount(server())
    await form.getByRole('button', { name: 'Create the secret' }).click()
    await form.getByRole('alert').getByText('secret_not_coverable').waitFor()
    expect([await value.inputValue(), await form.getByLabel('Description').inputValue()]).toEqual(['short', 'Of the builds, until March'])
    expect([await listOf(here), await auditCount(server())]).toEqual([[], audits])
    await value.fill(VALUE)
    expect(await isAnywhere(page, VALUE)).toBe(true)
    await form.getByRole('button', { name: 'Create the secret' }).click()
    await notice(page, 'The secret GitHub token is made')
    const [made] = await listOf(here)
    expect(made).toMatchObject({ name: 'GitHub token', latestVersion: 1, description: 'Of the builds, until March' })
    await row(page, 'GitHub token').getByText('nothing').waitFor()
    const text = await row(page, 'GitHub token').textContent()
    for (const words of ['this server', 'Of the builds', 'never']) expect(text).toContain(words)
    expect(await isAnywhere(page, VALUE)).toBe(false)
    expect(await lastAudit(server(), made?.id ?? '', 'secret.created')).toMatchObject({
      actorId: 'local-board',
      companyId: here.company.id,
    })
  })

  test('A value of several lines that is pasted keeps its line ends', async () => {
    const here = await world(server())
    const page = await open(pathOf(here))
    await page.getByRole('button', { name: 'New secret' }).click()
    const form = dialog(page, 'New secret')
    await form.getByLabel('Name', { exact: true }).fill('Deploy key')
    await form.getByLabel('Value', { exact: true }).focus()
    await page.evaluate(`(() => {
      const data = new DataTransfer()
      data.setData('text/plain', '-----BEGIN KEY-----\\nMIIEvQIBADANBgkq\\n-----END KEY-----')
      document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
    })()`)
    const value = form.getByRole('textbox', { name: 'Value', exact: true })
    await expect.poll(() => value.inputValue()).toBe('-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----')
    expect(await form.getByLabel('Show what I type').isDisabled()).toBe(true)
  })

  test('A rotation makes a version and names the references that keep the old one', async () => {
    const here = await world(server())
    const secret = await makeSecret(here, 'GitHub token')
    await bind(here, secret, 1)
    const page = await open(pathOf(here))
    await row(page, 'GitHub token').getByText('1 agent').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('r')
    const form = dialog(page, 'Rotate GitHub token')
    await form.getByText('Grace (env.GITHUB_TOKEN, version 1)').waitFor()
    await form.getByLabel('Value', { exact: true }).fill('password1')
    await form.getByRole('button', { name: 'Rotate the secret' }).click()
    await form.getByRole('alert').waitFor()
    expect(await form.getByLabel('Value', { exact: true }).inputValue()).toBe('password1')
    await form.getByLabel('Value', { exact: true }).fill(NEXT_VALUE)
    await form.getByRole('button', { name: 'Rotate the secret' }).click()
    await notice(page, 'GitHub token has version 2')
    expect(await listOf(here)).toMatchObject([{ latestVersion: 2 }])
    expect(await actionsOf(server(), secret.id)).toEqual(['secret.created', 'secret.rotated'])
    expect(await isAnywhere(page, NEXT_VALUE)).toBe(false)
    await page.keyboard.press('Enter')
    const drawer = dialog(page, 'GitHub token')
    await drawer.getByText('env.GITHUB_TOKEN').waitFor()
    await expect.poll(() => drawer.getByRole('region', { name: 'Versions' }).getByRole('listitem').count()).toBe(2)
  })

  test('A name is changed, and one that is taken is refused in the words of the server', async () => {
    const here = await world(server())
    const secret = await makeSecret(here, 'GitHub token')
    await makeSecret(here, 'Registry')
    const page = await open(pathOf(here))
    await row(page, 'GitHub token').getByRole('button', { name: 'Edit GitHub token' }).click()
    const form = dialog(page, 'Edit GitHub token')
    expect(await form.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true)
    await form.getByLabel('Name', { exact: true }).fill('Registry')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.getByRole('alert').getByText('A secret of that name already exists').waitFor()
    expect(await form.getByLabel('Name', { exact: true }).inputValue()).toBe('Registry')
    await form.getByLabel('Name', { exact: true }).fill('GitHub token of the builds')
    await form.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The secret is saved')
    await row(page, 'GitHub token of the builds').waitFor()
    expect(await lastAudit(server(), secret.id, 'secret.updated')).toMatchObject({ details: { changedKeys: ['name'] } })
  })

  test('A secret that an agent uses is not deleted and its dialog says by what, and one that nothing uses is', async () => {
    const here = await world(server())
    const secret = await makeSecret(here, 'GitHub token')
    const agent = await bind(here, secret)
    const page = await open(pathOf(here))
    await row(page, 'GitHub token').getByRole('button', { name: 'Delete GitHub token' }).click()
    const form = dialog(page, 'Delete GitHub token')
    await form.getByText('It is used, and cannot be deleted.').waitFor()
    expect(await form.getByRole('link', { name: 'Grace' }).getAttribute('href')).toContain(agent.id)
    expect(await form.getByRole('button', { name: 'Delete GitHub token' }).isDisabled()).toBe(true)
    const adapterConfig = { command: process.execPath }
    expect((await server().board.patch(`/api/agents/${agent.id}`, { adapterConfig, replaceAdapterConfig: true })).status).toBe(200)
    // The event of the agent makes the users old, so the open dialog allows it by itself.
    await form.getByText('Its value is deleted for good, in 1 version.').waitFor()
    await form.getByRole('button', { name: 'Delete GitHub token' }).click()
    await notice(page, 'The secret GitHub token is deleted')
    await page.getByText('There is no secret yet.').waitFor()
    expect(await actionsOf(server(), secret.id)).toContain('secret.deleted')
  })

  test('A secret is chosen for a variable of an agent on its page, and is used by it from then on', async () => {
    const here = await world(server())
    const secret = await makeSecret(here, 'GitHub token')
    const agent = await here.agent({ name: 'Grace' })
    expect(
      (await server().board.patch(`/api/agents/${agent.id}`, { adapterType: 'process', adapterConfig: { command: 'true' } })).status,
    ).toBe(200)
    const page = await open(`/${here.company.issuePrefix}/agents/${agent.id}?tab=configuration`)
    await page.getByRole('button', { name: 'Add to environment' }).click()
    await page.getByLabel('Environment: name 1').fill('GITHUB_TOKEN')
    await page.getByLabel('Environment: secret of GITHUB_TOKEN').selectOption('secret: GitHub token')
    await page.getByRole('button', { name: 'Review the change' }).click()
    const review = page.getByRole('dialog')
    await review.getByText('secret_ref', { exact: false }).first().waitFor()
    await review.getByRole('button', { name: 'Save the change' }).click()
    const usage = async (): Promise<unknown> => (await server().board.get(`/api/secrets/${secret.id}/usage`)).body
    await expect.poll(usage).toMatchObject({ uses: [{ kind: 'agent', id: agent.id, path: 'env.GITHUB_TOKEN', version: 'latest' }] })
  })

  test('On a telephone the name of the first secret is in sight, below the head of its table', async () => {
    const here = await world(server())
    await makeSecret(here, 'GitHub token')
    const page = await open(pathOf(here), { width: 360 })
    const name = row(page, 'GitHub token').getByRole('button', { name: 'GitHub token', exact: true })
    await name.waitFor()
    // A locator would scroll it into sight first.
    const shown = await page.evaluate<string>(`(() => {
      const { left, top, width, height } = document.querySelector('.secret-name').getBoundingClientRect()
      return width < 80 ? 'too narrow' : document.elementFromPoint(left + width / 2, top + height / 2)?.textContent ?? ''
    })()`)
    expect(shown).toBe('GitHub token')
  })

  test('The page of secrets with its dialogs is without a fault for axe, on a telephone and in both themes', async () => {
    const here = await world(server())
    await bind(here, await makeSecret(here, 'GitHub token', { description: 'Of the builds' }))
    await makeSecret(here, 'Registry')
    const page = await open(pathOf(here))
    await row(page, 'GitHub token').getByText('1 agent').waitFor()
    expect(await findingsOf(page, 'secrets')).toEqual([])
    for (const [button, name] of [
      ['New secret', 'New secret'],
      ['GitHub token', 'GitHub token'],
      ['Rotate GitHub token', 'Rotate GitHub token'],
      ['Edit GitHub token', 'Edit GitHub token'],
      ['Delete GitHub token', 'Delete GitHub token'],
    ] as const) {
      await page.getByRole('button', { name: button, exact: true }).click()
      await dialog(page, name).waitFor()
      expect(await findingsOf(page, name)).toEqual([])
      await page.keyboard.press('Escape')
      await dialog(page, name).waitFor({ state: 'detached' })
    }
  })
})
