// Attacks through the pages of people: links that lead away, markup in names, forms of other sites.

import { describe, expect, test } from 'vitest'
import { boardOf, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { sendRawRequest } from '../../dev/testing/rawHttp.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const secure = useServer({ people: { publicUrl: 'https://clips.example' }, boardMode: 'token' })

const FORM = 'application/x-www-form-urlencoded'

/** Sends a form with these headers. */
async function submit(path: string, fields: Record<string, string>, headers: Record<string, string> = { origin: server().url }) {
  const answer = await fetch(`${server().url}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': FORM, ...headers },
    body: new URLSearchParams(fields).toString(),
  })
  return {
    status: answer.status,
    text: await answer.text(),
    location: answer.headers.get('location'),
    cookies: answer.headers.getSetCookie(),
  }
}

describe('where a form leads', () => {
  test('The address behind a sign-in is a path of this server, in every spelling of another one', async () => {
    const { email } = await person(server())
    const hostile = [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      '\\\\evil.example',
      '/%2f%2fevil.example',
      '/%2F/evil.example',
      '/%5cevil.example',
      '/..//evil.example',
      '/.//evil.example',
      '/./%2e%2e//evil.example',
      '/account//evil.example',
      '/\t/evil.example',
      '/\n//evil.example',
      ' //evil.example',
      'javascript:alert(1)',
      '/account\r\nSet-Cookie: a=b',
      '/@evil.example',
      '/:80@evil.example',
      '?next=//evil.example',
      '',
    ]
    for (const next of hostile) {
      const path = `/sign-in?next=${encodeURIComponent(next)}`
      const answer = await submit(path, { email, password: TEST_PASSWORD })
      expect(answer, next).toMatchObject({ status: 303, location: '/account' })
      expect(answer.cookies, next).toHaveLength(2)
      const shown = await server().anonymous.get(path)
      expect(shown.text, next).not.toContain('evil')
    }
    for (const next of ['/invite/pcp_invite_a-b', '/cli-auth/1?token=pcp_cli_auth_0a', '/account'])
      expect((await submit(`/sign-in?next=${encodeURIComponent(next)}`, { email, password: TEST_PASSWORD })).location).toBe(next)
    expect((await submit('/sign-in?next=/invite/a&next=//evil.example', { email, password: TEST_PASSWORD })).location).toBe('/account')
  })
})

describe('text of others', () => {
  const MARKUP = `"'><img src=x onerror=alert(1)><script>alert(1)</script></title>`

  test('No page shows markup from a name, a company, a message, a command or an address', async () => {
    const { company } = await world(server())
    await boardOf(server()).patch(`/api/companies/${company.id}`, { name: MARKUP })
    const answer = await server().anonymous.post(
      '/api/auth/sign-up/email',
      { name: MARKUP, email: "o'neil+x@example.com", password: TEST_PASSWORD },
      { origin: server().url },
    )
    expect(answer.status, answer.text).toBe(200)
    const cookie = cookiesOf(answer)
    const invite = (await boardOf(server()).post(`/api/companies/${company.id}/invites`, { agentMessage: MARKUP })).body
    const login = (await server().anonymous.post('/api/cli-auth/challenges', { command: MARKUP, clientName: MARKUP })).body
    const hostile = encodeURIComponent(MARKUP)
    const paths = ['/account', `/invite/${invite.token}`, login.approvalPath, `/sign-in?next=${hostile}`, `/sign-up?next=${hostile}`]
    for (const path of [...paths, `/reset-password?token=${hostile}`, `/invite/${hostile}`, `/cli-auth/${hostile}?token=${hostile}`])
      for (const headers of [{ cookie }, {}]) {
        const { text, headers: given } = await server().anonymous.get(path, headers as Record<string, string>)
        expect(text, path).not.toMatch(
          /<(?!\/?(?:!doctype|html|head|meta|title|link|style|body|header|main|h1|h2|ul|li|p|a|form|label|input|button|code|blockquote)\b)/i,
        )
        expect(text.match(/<\/title>/g)?.length ?? 0, path).toBeLessThanOrEqual(1)
        if (given['content-type']?.startsWith('text/html') === true) expect(given['content-security-policy']).toMatch(/^default-src 'none'/)
      }
    expect((await server().anonymous.get('/account', { cookie })).text).toContain('&#60;img src=x onerror=alert(1)&#62;')
  })

  test('Parameters that no token or id can be are refused, and end no page with an error of the server', async () => {
    for (const path of [
      '/cli-auth/x?token=y',
      '/cli-auth/%00?token=%00',
      '/invite/%00',
      '/invite/%ff',
      '/invite/%zz',
      '/sign-in?next=%00&next=%ff',
    ])
      expect((await server().anonymous.get(path)).status, path).toBeLessThan(500)
    for (const [path, fields] of Object.entries({
      '/sign-in': { email: 'a@example.com', password: 'a\0b' },
      '/sign-up': { name: 'a\0b', email: 'a@example.com', newPassword: 'long enough' },
      '/reset-password?token=%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00': { newPassword: 'long\0enough' },
      '/cli-auth/x?token=y': { action: 'approve' },
      '/invite/%00': { action: 'accept' },
    })) {
      const { status } = await submit(path, fields as Record<string, string>)
      expect(status, path).toBeGreaterThanOrEqual(400)
      expect(status, path).toBeLessThan(500)
    }
  })
})

/** The headers with which browsers send a form that is not of this server. */
const foreignForms = (): Record<string, string>[] => {
  const { host, port } = new URL(server().url)
  return [
    {},
    { origin: 'null' },
    { origin: '' },
    { origin: 'https://evil.example' },
    { origin: 'http://127.0.0.1' },
    { origin: `http://127.0.0.1.:${port}` },
    { origin: `http://localhost:${port}` },
    { origin: `http://evil.example@${host}` },
    { origin: `http://${host}/` },
    { origin: `http://${host}.evil.example` },
    { origin: `ftp://${host}` },
    { referer: 'https://evil.example/page' },
    { referer: `https://evil.example/http://${host}/` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', referer: `http://${host}/` },
    { 'sec-fetch-site': 'none' },
  ]
}

describe('forms of other sites', () => {
  test('None changes something, signs a browser in to an account of its author, or signs it out', async () => {
    const ada = await person(server())
    for (const headers of foreignForms()) {
      const words = JSON.stringify(headers)
      expect((await submit('/sign-in', { email: ada.email, password: TEST_PASSWORD }, headers)).status, words).toBe(403)
      const made = { name: 'Eve', email: 'eve@example.com', newPassword: TEST_PASSWORD }
      expect((await submit('/sign-up', made, headers)).status, words).toBe(403)
      expect((await submit('/account', { action: 'sign-out' }, { cookie: ada.cookie, ...headers })).status, words).toBe(403)
    }
    expect((await ada.client.get('/api/cli-auth/me')).status).toBe(200)
    for (const own of [{ origin: server().url.toUpperCase() }, { referer: `${server().url}/sign-in` }, { 'sec-fetch-site': 'same-origin' }])
      expect((await submit('/sign-in', { email: ada.email, password: TEST_PASSWORD }, own as Record<string, string>)).status).toBe(303)
  })

  test('The API takes no body that a form can send', async () => {
    const { email, cookie } = await person(server())
    const body = JSON.stringify({ email, password: TEST_PASSWORD })
    for (const type of [FORM, 'text/plain', 'multipart/form-data; boundary=x', ''])
      for (const path of ['/api/auth/sign-in/email', '/api/auth/sign-up/email', '/api/auth/change-password']) {
        const lines = [
          `POST ${path} HTTP/1.1`,
          'Host: localhost',
          'Origin: http://localhost',
          `Content-Length: ${body.length}`,
          `Cookie: ${cookie}`,
        ]
        const answer = await sendRawRequest(server().url, [...lines, ...(type === '' ? [] : [`Content-Type: ${type}`])], body)
        expect(answer.body, `${path} ${type}`).toMatchObject({ code: 'unsupported_media_type' })
      }
  })
})

describe('names of the server', () => {
  const send = (target: 'GET' | 'POST', host: string, ...more: string[]) =>
    sendRawRequest(
      secure().url,
      [`${target} /sign-in HTTP/1.1`, `Host: ${host}`, `Content-Type: ${FORM}`, 'Content-Length: 7', ...more],
      'email=x',
    )

  test('A page that makes its own name lead here gets no form, and sends none', async () => {
    for (const host of ['evil.example', 'clips.example.evil.example', 'xclips.example', 'clips.example@evil.example', '10.0.0.1']) {
      expect(await send('GET', host), host).toMatchObject({ status: 403, body: { code: 'host_not_allowed' } })
      expect((await send('POST', host, `Origin: http://${host}`)).status, host).toBe(403)
    }
    expect((await send('GET', 'clips.example')).status).toBe(200)
    expect((await send('GET', 'CLIPS.example.')).status).toBe(200)
  })

  test('Behind https a page without TLS is none of this server', async () => {
    expect((await send('POST', 'clips.example', 'Origin: https://clips.example')).status).toBe(400)
    for (const origin of ['http://clips.example', 'https://clips.example:8443', 'https://clips.example.', 'HTTP://CLIPS.EXAMPLE', 'null'])
      expect(await send('POST', 'clips.example', `Origin: ${origin}`), origin).toMatchObject({
        status: 403,
        body: { code: 'origin_not_allowed' },
      })
    // A proxy that sends its own name for the server.
    expect((await send('POST', `127.0.0.1:${new URL(secure().url).port}`, 'Origin: https://clips.example')).status).toBe(400)
  })

  test('The cookies behind https are those of https alone, and a cookie of the plain name opens nothing there', async () => {
    const ada = await person(secure())
    const answer = await signIn(secure(), ada.email)
    const cookies = (answer.headers as unknown as Record<string, string[]>)['set-cookie'] ?? []
    expect(cookies.every((line) => /; HttpOnly/.test(line) && /; SameSite=Lax/.test(line) && /; Secure/.test(line))).toBe(true)
    const me = (cookie: string) => secure().anonymous.get('/api/cli-auth/me', { cookie })
    expect((await me(cookiesOf(answer))).status).toBe(200)
    expect((await me(cookiesOf(answer).replace('__Secure-', ''))).status).toBe(401)
  })
})
