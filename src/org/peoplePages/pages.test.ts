import { describe, expect, test } from 'vitest'
import { boardOf, cookiesOf, person } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { offerClaim } from '../boardClaims/index.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const local = useServer()
const closed = useServer({ people: { allowsSignUp: false }, boardMode: 'token' })

/** Sends a form as a browser does from a page of the server. */
async function submit(path: string, fields: Record<string, string>, cookie = '', origin = server().url) {
  const answer = await fetch(new URL(path, origin === closed().url ? origin : server().url), {
    method: 'POST',
    redirect: 'manual',
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded', ...(cookie === '' ? {} : { cookie }) },
    body: new URLSearchParams(fields).toString(),
  })
  return {
    status: answer.status,
    text: await answer.text(),
    location: answer.headers.get('location'),
    retryAfter: Number(answer.headers.get('retry-after')),
    cookies: answer.headers.getSetCookie(),
  }
}
const show = (path: string, cookie = '') => server().anonymous.get(path, cookie === '' ? {} : { cookie })

describe('the pages of people', () => {
  test('A person makes an account, signs in and out, with forms that need no script', async () => {
    const email = 'page@example.com'
    const made = await submit('/sign-up?next=/account', { name: 'Page', email, newPassword: TEST_PASSWORD })
    expect(made).toMatchObject({ status: 303, location: '/account' })
    expect(made.cookies).toHaveLength(2)
    const wrong = await submit('/sign-in', { email, password: 'not the password' })
    expect(wrong.status).toBe(401)
    expect(wrong.text).toContain('<p role="alert">Invalid email or password</p>')
    expect((await submit('/sign-in', { email: 'x', password: 'y' })).text).toContain('role="alert"')
    const signedIn = await submit('/sign-in?next=https://evil.example', { email, password: TEST_PASSWORD })
    expect(signedIn).toMatchObject({ status: 303, location: '/account' })
    const cookie = signedIn.cookies.map((line) => line.split(';')[0]).join('; ')
    expect((await show('/account', cookie)).text).toContain('You are Page (page@example.com).')
    expect((await submit('/account', { action: 'sign-out' }, cookie)).location).toBe('/sign-in?done=signed-out')
    expect((await show('/account', cookie)).status).toBe(303)
  })

  test('Where sign-up is disabled the pages lead to an account from the page of an invitation only', async () => {
    const words = 'Accounts are made with an invitation here.'
    for (const path of ['/sign-in', '/sign-up', '/sign-up?next=/account', '/sign-up?next=/invite/', '/sign-in?next=/invite/x/../y']) {
      const { text } = await closed().anonymous.get(path)
      expect(text, path).toContain(words)
      expect(text, path).not.toMatch(/newPassword|Make an account<\/a>/)
    }
    const { company } = await world(closed())
    const { body } = await boardOf(closed()).post(`/api/companies/${company.id}/invites`, { allowedJoinTypes: 'human' })
    const signUp = `/sign-up?next=${encodeURIComponent(body.inviteUrl)}`
    expect((await closed().anonymous.get(body.inviteUrl)).text).toContain(`<a href="${signUp}">make an account</a>`)
    expect((await closed().anonymous.get(signUp)).text).toContain('name="newPassword"')
    const { url } = closed()
    const fields = { name: 'Page', email: 'closed@example.com', newPassword: TEST_PASSWORD }
    const refused = await submit('/sign-up', fields, '', url)
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('<p role="alert">Making an account is disabled here, except with an invitation')
    const made = await submit(signUp, fields, '', url)
    expect(made).toMatchObject({ status: 303, location: body.inviteUrl })
    expect((await submit(signUp, { ...fields, email: 'second@example.com' }, '', url)).status).toBe(403)
    const cookie = made.cookies.map((line) => line.split(';')[0]).join('; ')
    expect((await submit(body.inviteUrl, { action: 'accept' }, cookie, url)).text).toContain('whether you join')
  })

  test('A page shows markup of others as text, allows no script and no frame, and accepts no form of another site', async () => {
    const { company } = await world(server())
    await boardOf(server()).patch(`/api/companies/${company.id}`, { name: '<img src=x onerror=alert(1)>' })
    const { body } = await boardOf(server()).post(`/api/companies/${company.id}/invites`, { agentMessage: '<script>1</script>' })
    const shown = await show(`/invite/${body.token}`)
    expect(shown.text).not.toMatch(/<img|<script/)
    expect(shown.headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; form-action 'self'; frame-ancestors 'none'/,
    )
    expect(shown.headers['referrer-policy']).toBe('same-origin')
    expect((await submit('/sign-in', { email: 'a@example.com', password: 'x' }, '', 'https://evil.example')).status).toBe(403)
    expect((await show('/invite/pcp_invite_none')).status).toBe(404)
    expect((await server().anonymous.del('/sign-in')).status).toBe(405)
    expect((await submit('/sign-in', { email: 'x'.repeat(10_000) })).status).toBe(413)
  })

  test('A person accepts an invitation, and lets a command line in', async () => {
    const { company } = await world(server())
    const ada = await person(server())
    const { body } = await boardOf(server()).post(`/api/companies/${company.id}/invites`, {})
    expect((await show(`/invite/${body.token}`)).text).toContain(`/sign-in?next=${encodeURIComponent(`/invite/${body.token}`)}`)
    expect((await show(`/invite/${body.token}`, ada.cookie)).text).toContain('Join Acme Works')
    expect((await submit(`/invite/${body.token}`, { action: 'accept' }, ada.cookie)).text).toContain('decides whether you join')
    const login = (await server().anonymous.post('/api/cli-auth/challenges', { command: 'paperclipai company list' })).body
    expect((await show(login.approvalPath)).text).toContain('Sign in')
    expect((await show(login.approvalPath, ada.cookie)).text).toContain('<code>paperclipai company list</code>')
    expect(await submit(login.approvalPath, { action: 'approve' }, ada.cookie)).toMatchObject({ status: 303, location: login.approvalPath })
    expect((await show(login.approvalPath, ada.cookie)).text).toContain('The login is approved.')
    expect((await server().bearer(login.boardApiToken).get('/api/cli-auth/me')).body).toMatchObject({ userId: ada.id })
  })

  test('A person sets a new password by a link', async () => {
    const ada = await person(server())
    const { body } = await boardOf(server()).post(`/api/admin/users/${ada.id}/reset-links`)
    expect((await show(body.path)).text).toContain('Set a new password')
    expect((await submit(body.path, { newPassword: 'a new password' })).location).toBe('/sign-in?done=reset')
    expect((await submit(body.path, { newPassword: 'a new password' })).status).toBe(404)
    expect((await submit('/sign-in', { email: ada.email, password: 'a new password' })).status).toBe(303)
  })

  test('A browser that has signed in before is known on the pages as well', async () => {
    const { email, cookie } = await person(server())
    const device = cookie.split('; ').find((text) => text.startsWith('paperclip_device=')) ?? ''
    for (let n = 0; n < 11; n += 1) await submit('/sign-in', { email, password: 'a guess of a stranger' })
    const late = await submit('/sign-in', { email, password: TEST_PASSWORD })
    expect([late.status, late.retryAfter > 800]).toEqual([429, true])
    expect((await submit('/sign-in', { email, password: TEST_PASSWORD }, device)).status).toBe(303)
  })

  test('A person claims the instance by the URL that its server printed, once, after signing in', async () => {
    await server().database.sql.query('delete from instance_administrators')
    const path = (await offerClaim(server().store)) ?? ''
    const ada = await person(server())
    expect((await show(path)).text).toContain(`/sign-in?next=${encodeURIComponent(path)}`)
    expect((await submit(path, { action: 'claim' })).status).toBe(403)
    const signedIn = await submit(`/sign-in?next=${encodeURIComponent(path)}`, { email: ada.email, password: TEST_PASSWORD })
    expect(signedIn).toMatchObject({ status: 303, location: path })
    expect((await show(path, ada.cookie)).text).toContain('value="claim"')
    expect((await submit(path, { action: 'claim' }, ada.cookie)).text).toContain('You administer this server.')
    expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
    expect((await show(path, ada.cookie)).text).toContain('This server has been claimed.')
    expect((await submit(path, { action: 'claim' }, (await person(server(), 'Bob')).cookie)).status).toBe(409)
    expect((await show('/board-claim/none?code=none')).status).toBe(404)
  })

  test('A local server has no such pages', async () => {
    for (const path of ['/sign-in', '/sign-up', '/account', '/invite/x', '/cli-auth/x', '/reset-password', '/board-claim/x'])
      expect((await local().board.get(path)).status).toBe(404)
    expect(cookiesOf(await local().board.get('/sign-in'))).toBe('')
  })
})
