import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { compiled } from '../dev/testing/compiled.ts'
import { countByStatus } from '../dev/testing/race.ts'
import { browser, person, signIn } from '../dev/testing/people.ts'
import { insertFactor } from '../dev/testing/secondFactors.ts'
import { lastAudit, TEST_BOARD_TOKEN, useServer } from '../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const root = path.resolve(import.meta.dirname, '../..')

const admin = async (...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> =>
  await promisify(execFile)(process.execPath, [await compiled('src/server/admin.ts'), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PAPERCLIP_API_URL: server().url, PAPERCLIP_BOARD_TOKEN: TEST_BOARD_TOKEN },
  }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: unknown) => error as { stdout: string; stderr: string; code: number },
  )

test('An operator lists people, invites and promotes administrators, and helps with a lost password', async () => {
  const ada = await person(server())
  expect((await admin('list')).stdout).toContain(`${ada.id}  ${ada.email}`)
  const first = (await admin('invite')).stdout
  const invitation = (await admin('invite')).stdout
  const tokenIn = (text: string) => /\/invite\/(pcp_bootstrap_[0-9a-f]{48})\n/.exec(text)?.[1] ?? ''
  expect((await server().anonymous.get('/api/health')).body).toMatchObject({
    bootstrapStatus: 'bootstrap_pending',
    bootstrapInviteActive: true,
  })
  expect((await ada.client.post(`/api/invites/${tokenIn(first)}/accept`, { requestType: 'human' })).status).toBe(404)
  expect((await ada.client.post(`/api/invites/${tokenIn(invitation)}/accept`, { requestType: 'human' })).body).toMatchObject({
    userId: ada.id,
  })
  const bob = await person(server(), 'Bob')
  expect((await admin('promote', bob.email.toUpperCase())).stdout).toContain('is an administrator')
  expect((await bob.client.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
  const login = (await server().anonymous.post('/api/cli-auth/challenges', { command: 'paperclipai company list' })).body
  await bob.client.post(`/api/cli-auth/challenges/${login.id}/approve`, { token: login.token })
  const commandLine = server().bearer(login.boardApiToken)
  expect((await commandLine.get('/api/cli-auth/me')).body).toMatchObject({ userId: bob.id })
  const link = (await admin('reset-password', bob.id)).stdout
  const token = /token=(pcp_reset_[\w-]{43})/.exec(link)?.[1] ?? ''
  const reset = () => browser(server()).post('/api/auth/reset-password', { token, newPassword: 'a new password' })
  expect((await reset()).body).toMatchObject({ success: true, user: { id: bob.id } })
  expect((await reset()).body).toMatchObject({ code: 'not_found' })
  expect((await bob.client.get('/api/cli-auth/me')).status).toBe(401)
  expect((await commandLine.get('/api/cli-auth/me')).status).toBe(401)
  expect((await signIn(server(), bob.email)).status).toBe(401)
  expect((await signIn(server(), bob.email, 'a new password')).status).toBe(200)
  expect(JSON.stringify((await lastAudit(server(), bob.id, 'person.reset_link_created')).details)).not.toContain('pcp_')
})

test('An operator takes the second factor off a person who has lost it, and a link for a password says that it stays', async () => {
  const ada = await person(server(), 'Ada')
  await server().database.sql.query(insertFactor, [ada.id])
  expect((await admin('list')).stdout).toContain(`${ada.email}  Ada  second factor`)
  expect((await admin('reset-password', ada.email)).stdout).toContain('The second factor stays.')
  expect((await signIn(server(), ada.email)).body).toEqual({ twoFactorRedirect: true, twoFactorMethods: ['totp'] })
  expect((await admin('remove-second-factor', ada.email)).stdout).toBe(
    `${ada.email} signs in with the password alone. 1 of its sessions ended.\n`,
  )
  expect((await signIn(server(), ada.email)).body).toMatchObject({ user: { id: ada.id } })
  expect(await admin('remove-second-factor', ada.email)).toMatchObject({ code: 1, stderr: 'The account has no second factor\n' })
  expect((await admin('reset-password', ada.email)).stdout).not.toContain('second factor')
})

test('A wrong command and a person who does not exist are one sentence and exit code 1', async () => {
  expect(await admin('conquer')).toMatchObject({ code: 1, stderr: expect.stringContaining('Usage: npm run admin') as string })
  expect(await admin('promote', 'unknown@example.com')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No account has') as string,
  })
  expect(await admin('promote')).toMatchObject({ code: 1, stderr: expect.stringContaining('PERSON is missing') as string })
})

test('An administrator by a session cannot make what the token of the board makes', async () => {
  const ada = await person(server())
  await admin('promote', ada.id)
  expect((await ada.client.post('/api/instance/bootstrap-invites', {})).body).toMatchObject({ code: 'board_token_required' })
  expect((await ada.client.post(`/api/admin/users/${ada.id}/reset-links`)).body).toMatchObject({ code: 'board_token_required' })
  const links = await Promise.all([1, 2].map(() => admin('reset-password', ada.id)))
  const tokens = links.map(({ stdout }) => /token=(\S+)/.exec(stdout)?.[1] ?? '')
  const answers = await Promise.all(
    tokens.map((token) => browser(server()).post('/api/auth/reset-password', { token, newPassword: 'a new password' })),
  )
  expect(countByStatus(answers)).toEqual({ 200: 1, 404: 1 })
})
