import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { freePort } from '../dev/testing/freePort.ts'
import { databaseEnvOf, send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'

const root = path.resolve(import.meta.dirname, '../..')

async function databaseEnv(): Promise<Record<string, string>> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  return databaseEnvOf(database.connection, database.owner)
}

test('The tour of the README runs as it is printed: the first administrator, a company, and a member', async () => {
  const server = startServerProcess({
    home: temporaryHome(),
    env: { ...(await databaseEnv()), PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' },
  })
  const url = await server.url()
  const [, tour = ''] =
    /^```sh\n((?:(?!```)[\s\S])*\/auth\/sign-up[\s\S]*?)^```$/m.exec(readFileSync(path.join(root, 'README.md'), 'utf8')) ?? []
  const script = tour.replaceAll('http://127.0.0.1:3100', url).replace('~/.paperclip-server', server.home)
  const cwd = mkdtempSync(path.join(tmpdir(), 'paperclip-tour-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  const { stdout, stderr } = await promisify(execFile)('bash', ['-eu', '-o', 'pipefail', '-c', script], { cwd, encoding: 'utf8' })
  expect(stdout.trim().split('\n').slice(-2), stderr).toEqual(['operator', 'Acme'])
})

test('Where people sign in no program is the board by its account, the log says so, and a provider that is down stops no start', async () => {
  const provider = { PAPERCLIP_OIDC_ISSUER: `http://127.0.0.1:${await freePort()}`, PAPERCLIP_OIDC_CLIENT_ID: 'paperclip' }
  const server = startServerProcess({
    home: temporaryHome(),
    env: { ...(await databaseEnv()), ...provider, PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' },
  })
  const url = await server.url()
  const refused = await send(`${url}/api/companies`)
  expect(refused).toMatchObject({ status: 401, body: { error: expect.stringContaining('people sign in here') as string } })
  expect((await send(`${url}/api/health`)).body).toMatchObject({
    deploymentMode: 'authenticated',
    bootstrapStatus: 'bootstrap_pending',
    features: { companyDeletionEnabled: false },
  })
  const { claimUrl } = await server.waitForLog(
    'this instance has no administrator: the first person who signs in and opens the URL within a day becomes it',
  )
  const claim = await send(`${url}/api${String(claimUrl).slice(url.length)}`)
  expect(claim).toMatchObject({ status: 200, body: { status: 'available', claimedByUserId: null } })
  const { board } = await server.waitForLog('listening')
  expect(board).toContain('People sign in and do what their roles allow')
  expect(await (await fetch(`${url}/sign-in`)).text()).toContain(`Sign in with ${new URL(provider.PAPERCLIP_OIDC_ISSUER).host}`)
  expect((await fetch(`${url}/api/auth/oidc/start`)).status).toBe(503)
  expect((statSync(path.join(server.home, 'auth-secret')).mode & 0o777).toString(8)).toBe('600')
})

test('Settings that contradict each other end the start with one sentence each', async () => {
  const env = { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', PAPERCLIP_BOARD: 'implicit', PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public' }
  const server = startServerProcess({ home: temporaryHome(), env })
  expect((await server.exited).code).toBe(1)
  expect(server.stderr()).toContain('PAPERCLIP_BOARD: implicit contradicts PAPERCLIP_DEPLOYMENT_MODE=authenticated')
  expect(server.stderr()).toContain('PAPERCLIP_PUBLIC_URL: must be an https URL')
})
