import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeConsole } from '../../launch/consoleBuild.js'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { cloneDatabase } from '../testing/database.ts'
import { freePort } from '../testing/freePort.ts'
import { databaseEnvOf, startServerProcess, temporaryHome } from '../testing/serverProcess.ts'
import { requestsTo } from './company/requests.ts'
import type { Requests } from './company/requests.ts'
import { noticeReload, untilState } from './looking.ts'

const openBrowser = useBrowser()
beforeAll(async () => void (await makeConsole()))

/** A server process that can be started again at the same address, with a company. */
async function restartable() {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const home = temporaryHome()
  const env = { ...databaseEnvOf(database.connection, database.owner), PORT: String(await freePort()) }
  const start = () => startServerProcess({ home, env })
  let process = start()
  const url = await process.url()
  const board: Requests = requestsTo(url)
  const company = await board.post('/companies', { name: 'Acme Works' })
  return {
    url,
    board,
    companyId: company.id,
    prefix: String(company['issuePrefix']),
    stop: () => process.stop(),
    async start() {
      process = start()
      await process.url()
    },
  }
}

/** The file of a page that one test refuses. */
const SETTINGS_FILE = /SettingsPage-\w+\.js$/

const open = async (url: string, path: string, faults: { readonly refusedFiles?: RegExp } = {}): Promise<Page> => {
  const { page } = await openBrowser({ origins: [url], losesConnections: true, ...faults })
  await page.goto(`${url}/console/${path}`)
  await untilState(page, 'Live')
  return page
}

describe.skipIf(!hasChromium)('a server that starts again under an open page (needs Chromium)', () => {
  test('The page keeps what was typed, goes on without a reload, and sends the form to the new server', async () => {
    const server = await restartable()
    await server.board.post(`/companies/${server.companyId}/issues`, { title: 'Before the restart', status: 'todo' })
    const page = await open(server.url, `${server.prefix}/issues`)
    const isSame = await noticeReload(page)
    await page.getByRole('button', { name: 'Create issue' }).click()
    const title = page.getByRole('dialog').getByLabel('Title')
    await title.fill('Typed before the restart')
    await server.stop()
    await untilState(page, 'The connection is cut: what is shown may be old')
    await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain('The server does not answer')
    expect(await title.inputValue()).toBe('Typed before the restart')

    await server.start()
    await untilState(page, 'Live')
    expect(await title.inputValue()).toBe('Typed before the restart')
    await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('table').getByText('Typed before the restart').waitFor()
    await server.board.post(`/companies/${server.companyId}/issues`, { title: 'After the restart', status: 'todo' })
    await page.getByRole('table').getByText('After the restart').waitFor()
    await isSame()
  })

  test('A page whose parts cannot be loaded yet comes by itself when the server is back', async () => {
    const server = await restartable()
    const page = await open(server.url, `${server.prefix}/issues`)
    const isSame = await noticeReload(page)
    const links = page.getByRole('navigation', { name: 'Pages' }).getByRole('link')
    const count = await links.count()
    expect(count).toBeGreaterThan(10)
    await server.stop()
    await untilState(page, 'The connection is cut: what is shown may be old')
    await page.getByRole('link', { name: 'Settings', exact: true }).click()
    await page.locator('.skeleton:visible').first().waitFor()
    expect(await links.count()).toBe(count)
    await server.start()
    await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
    await untilState(page, 'Live')
    await isSame()
  })
})

describe.skipIf(!hasChromium)('a fault of a page (needs Chromium)', () => {
  test('A page whose part the server does not have says so in its place, and keeps the links, until it is loaded again', async () => {
    const server = await restartable()
    const page = await open(server.url, `${server.prefix}/issues`, { refusedFiles: SETTINGS_FILE })
    await page.route(SETTINGS_FILE, (route) => route.fulfill({ status: 404, body: '' }))
    await page.getByRole('link', { name: 'Settings', exact: true }).click()
    await page.getByRole('heading', { name: 'This page cannot be shown' }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('i')
    await page.getByRole('heading', { name: 'Issues', level: 1 }).waitFor()
    await page.getByRole('link', { name: 'Settings', exact: true }).click()
    await page.unroute(SETTINGS_FILE)
    await page.getByRole('button', { name: 'Load the page again' }).click()
    await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
  })
})
