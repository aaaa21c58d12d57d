import { expect, test } from 'vitest'
import { browser, cookiesOf, person, signIn } from '../../dev/testing/people.ts'
import { TEST_AUTH_SECRET, TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer } from '../../dev/testing/world.ts'
import { openPeople } from './index.ts'

const OTHER = 'another secret for the sessions of people, for tests'

const server = useServer({
  people: { secrets: [OTHER, TEST_AUTH_SECRET], publicUrl: 'https://clips.example', allowsSignUp: false },
  boardMode: 'token',
})
const open = useServer({ people: {}, boardMode: 'token' })
const local = useServer()

test('Behind https the cookies are sent over TLS only, under the name that browsers protect', async () => {
  const { sessions } = await openPeople({ secrets: [OTHER], publicUrl: 'https://clips.example', allowsSignUp: true, oidc: null })
  expect([sessions.cookieName, sessions.isSecure]).toEqual(['__Secure-better-auth.session_token', true])
})

test('A server without sign-up makes no account, and lets those in who have one', async () => {
  const body = { name: 'Eve', email: 'eve@example.com', password: TEST_PASSWORD }
  expect((await browser(server()).post('/api/auth/sign-up/email', body)).body).toMatchObject({ code: 'sign_up_disabled' })
  expect((await signIn(server(), 'eve@example.com')).body).toMatchObject({ code: 'credentials_wrong' })
})

test('A session that the secret before signed stays valid after a rotation', async () => {
  const { cookie } = await person(open())
  const { sessions } = await openPeople({
    secrets: [OTHER, TEST_AUTH_SECRET],
    publicUrl: 'http://localhost',
    allowsSignUp: true,
    oidc: null,
  })
  const value = /session_token=([^;]+)/.exec(cookie)?.[1] ?? ''
  expect(sessions.tokenOf(value)).toMatch(/^[\w-]{32}$/)
  const { sessions: withoutOld } = await openPeople({ secrets: [OTHER], publicUrl: 'http://localhost', allowsSignUp: true, oidc: null })
  expect(withoutOld.tokenOf(value)).toBeNull()
})

test('On a local server people do not sign in, and a cookie of a session is no credential', async () => {
  const { cookie } = await person(open())
  for (const [path, body] of [
    ['sign-up/email', { name: 'A', email: 'a@example.com', password: TEST_PASSWORD }],
    ['sign-in/email', { email: 'a@example.com', password: TEST_PASSWORD }],
  ] as const)
    expect((await local().board.post(`/api/auth/${path}`, body)).body).toMatchObject({ code: 'sign_in_unavailable' })
  expect((await local().board.get('/api/cli-auth/me', { cookie })).body).toMatchObject({ userId: 'local-board' })
  expect(cookiesOf(await local().board.get('/api/health'))).toBe('')
})
