import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Page } from 'playwright-core'
import { ask, hasChromium, TEST_HOST, useBrowser } from '../dev/testing/browser.ts'
import { cloneDatabase } from '../dev/testing/database.ts'
import { freePort } from '../dev/testing/freePort.ts'
import { databaseEnvOf, pollFor, processGroup, signalAll, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'
import { startTlsProxy } from '../dev/testing/tlsProxy.ts'
import { unmetered } from '../dev/testing/unmetered.ts'

/** A start with a new database, and two browsers, on a machine that does much else. */
const SLOW_MS = 240_000

const root = path.resolve(import.meta.dirname, '../..')
const openBrowser = useBrowser()

/** The lines of the README that start a server where people sign in. */
function linesOfReadme(): string {
  const blocks = [...readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text)
  const [lines = '', ...others] = blocks.filter((text) => text.includes('PAPERCLIP_DEPLOYMENT_MODE=authenticated'))
  expect(others).toEqual([])
  expect(lines.trim().split('\n').length).toBeLessThanOrEqual(6)
  return lines
}

/** Pastes the lines into a shell with a home, a port and a database of its own. @returns the link that they print, and the environment */
async function pasteReadme(): Promise<{ link: string; origin: string; env: NodeJS.ProcessEnv }> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const [home, port] = [temporaryHome(), String(await freePort())]
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    PAPERCLIP_HOME: path.join(home, 'server'),
    PORT: port,
    ...unmetered,
    ...databaseEnvOf(database.connection, database.owner),
  }
  const shell = spawn('bash', ['-c', linesOfReadme()], { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const group = shell.pid ?? 0
  onTestFinished(async () => {
    signalAll(processGroup(group), 'SIGTERM')
    await pollFor('the server of the README ends', () => processGroup(group).length === 0)
  })
  let output = ''
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const origin = `http://127.0.0.1:${port}`
  const printed = (): string | undefined => /^http:\S+\/invite\/\S+$/m.exec(output)?.[0]
  await expect
    .poll(() => printed() ?? (shell.exitCode === 0 ? null : shell.exitCode), { message: 'the link of the README', timeout: SLOW_MS / 2 })
    .not.toBeNull()
  const link = printed()
  if (link === undefined) throw new Error(output)
  return { link, origin, env }
}

/** Follows a link or presses a button, and waits for the page that comes next. */
const click = async (page: Page, role: 'link' | 'button', name: string): Promise<void> =>
  void (await Promise.all([page.waitForEvent('load'), page.getByRole(role, { name, exact: true }).click()]))

/** Accepts an invitation with a new account. */
async function acceptAsNew(page: Page, link: string, name: string): Promise<void> {
  await page.goto(link)
  await click(page, 'link', 'make an account')
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('E-mail').fill(`${name.toLowerCase()}@example.com`)
  await page.getByLabel('New password').fill('a sentence of words')
  await click(page, 'button', 'Make the account')
  expect(page.url()).toBe(link)
  await click(page, 'button', 'Accept')
}

/** Opens the page of the API, which sends requests with the session of the person. */
const openDocs = async (page: Page, origin: string): Promise<void> => void (await page.goto(`${origin}/api/docs/`))

/** Creates a company from the page of the API, with the session of the person. @returns its id */
async function createCompany(page: Page, origin: string, name: string): Promise<string> {
  await openDocs(page, origin)
  const { status, body } = await ask(page, 'POST', '/api/companies', { name })
  expect(status).toBe(201)
  return body.id as string
}

/** Changes the role of a member from one page, and waits until an act from another page is answered so. @returns after how many ms */
async function afterRole(role: string, change: () => Promise<number>, act: () => Promise<number>, expected: number): Promise<number> {
  expect(await change(), role).toBe(200)
  const changedAt = performance.now()
  await expect.poll(act, { message: role }).toBe(expected)
  return performance.now() - changedAt
}

describe.skipIf(!hasChromium)('a server where people sign in, in a browser (needs Chromium)', { timeout: SLOW_MS }, () => {
  test('The lines of the README give a server, its first administrator, a company and a member whose role counts within a second', async () => {
    const { link, origin, env } = await pasteReadme()
    const visit = async () => (await openBrowser({ origins: [origin] })).page
    const [ada, bob] = [await visit(), await visit()]
    await acceptAsNew(ada, link, 'Ada')
    expect(await ada.getByRole('main').textContent()).toContain('You administer this server.')
    const company = await createCompany(ada, origin, 'Acme')
    const members = `/api/companies/${company}/members`

    const invited = await ask(ada, 'POST', `/api/companies/${company}/invites`, { allowedJoinTypes: 'human', memberRole: 'viewer' })
    expect(invited.status).toBe(201)
    await acceptAsNew(bob, new URL(`/invite/${invited.body.token}`, origin).href, 'Bob')
    expect(await bob.getByRole('main').textContent()).toContain('A person of the company decides whether you join.')
    const [request] = (await ask(ada, 'GET', `/api/companies/${company}/join-requests`)).body
    expect((await ask(ada, 'POST', `/api/companies/${company}/join-requests/${request.id}/approve`, {})).status).toBe(200)

    await bob.goto(`${origin}/account`)
    expect(await bob.getByRole('listitem').allTextContents()).toEqual(['Acme: viewer'])
    await openDocs(bob, origin)
    const act = async () => (await ask(bob, 'POST', `/api/companies/${company}/issues`, { title: 'Write the wiki' })).status
    expect(await act()).toBe(403)
    const listed = (await ask(ada, 'GET', members)).body as { id: string; user: { name: string } | null }[]
    const memberId = listed.find(({ user }) => user?.name === 'Bob')?.id
    const set = (role: string) => async () => (await ask(ada, 'PATCH', `${members}/${memberId}`, { role })).status
    const times = [await afterRole('operator', set('operator'), act, 201), await afterRole('viewer', set('viewer'), act, 403)]
    expect(Math.max(...times)).toBeLessThan(onThisMachine(1000))

    await resetsPassword(bob, env, await visit())
  })

  test('Behind https every cookie is Secure, and the pages work from sign-up to sign-out', async () => {
    const proxy = await startTlsProxy(TEST_HOST)
    onTestFinished(() => proxy.close())
    const database = await cloneDatabase()
    onTestFinished(() => database.drop())
    const server = startServerProcess({
      home: temporaryHome(),
      env: {
        ...databaseEnvOf(database.connection, database.owner),
        PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
        PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public',
        PAPERCLIP_PUBLIC_URL: proxy.origin,
        PAPERCLIP_TRUSTED_PROXIES: '127.0.0.1',
      },
    })
    proxy.target = await server.url()
    const { page, context } = await openBrowser({ origins: [proxy.origin], ignoreHTTPSErrors: true })
    await page.goto(`${proxy.origin}/sign-up`)
    await page.getByLabel('Name').fill('Ada')
    await page.getByLabel('E-mail').fill('ada@example.com')
    await page.getByLabel('New password').fill('a sentence of words')
    await click(page, 'button', 'Make the account')
    expect(page.url()).toBe(`${proxy.origin}/account`)
    const cookies = await context.cookies()
    expect(cookies.map(({ name }) => name)).toContain('__Secure-better-auth.session_token')
    for (const { name, httpOnly, sameSite, secure } of cookies)
      expect({ httpOnly, sameSite, secure }, name).toEqual({ httpOnly: true, sameSite: 'Lax', secure: true })
    await click(page, 'button', 'Sign out')
    expect((await context.cookies()).map(({ name }) => name)).not.toContain('__Secure-better-auth.session_token')
    await page.goto(`${proxy.origin}/account`)
    expect(new URL(page.url()).pathname).toBe('/sign-in')
  })
})

/** The operator makes a link for a new password, with which the person signs in; its sessions of before have ended. */
async function resetsPassword(signedIn: Page, env: NodeJS.ProcessEnv, page: Page): Promise<void> {
  const reset = ['run', '--silent', 'admin', '--', 'reset-password', 'bob@example.com']
  const { stdout } = await promisify(execFile)('npm', reset, { cwd: root, encoding: 'utf8', env })
  const link = stdout.split('\n')[0] ?? ''
  await page.goto(link)
  await page.getByLabel('New password').fill('another sentence')
  await click(page, 'button', 'Set the password')
  expect(await page.getByRole('status').textContent()).toContain('The password is set.')
  await page.getByLabel('E-mail').fill('bob@example.com')
  await page.getByLabel('Password').fill('another sentence')
  await click(page, 'button', 'Sign in')
  expect(new URL(page.url()).pathname).toBe('/account')
  await signedIn.goto(new URL('/account', link).href)
  expect(new URL(signedIn.url()).pathname).toBe('/sign-in')
  await page.goto(link)
  await page.getByLabel('New password').fill('a third sentence')
  await click(page, 'button', 'Set the password')
  expect(await page.getByRole('main').textContent()).toContain('The link has been used or is too old')
}
