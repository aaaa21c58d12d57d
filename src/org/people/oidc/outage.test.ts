import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { createTestBrowser } from '../../../dev/testing/browserOfTests.ts'
import { freePort } from '../../../dev/testing/freePort.ts'
import { startOidcProvider } from '../../../dev/testing/oidcProvider.ts'
import { person } from '../../../dev/testing/people.ts'
import { useServer } from '../../../dev/testing/world.ts'

const port = await freePort()
const issuer = `http://127.0.0.1:${port}`
const settings = { issuer, clientId: 'paperclip-test', clientSecret: 'a secret of the client, for tests only', allowedDomains: null }
const server = useServer({ people: { oidc: settings }, boardMode: 'token' })
const describeOnly = createServer().listen(0, '127.0.0.1')
await once(describeOnly, 'listening')
afterAll(() => void describeOnly.close())
const misledIssuer = `http://127.0.0.1:${(describeOnly.address() as AddressInfo).port}`
const misled = useServer({ people: { oidc: { ...settings, issuer: misledIssuer } }, boardMode: 'token' })
const withoutProvider = useServer({ people: {}, boardMode: 'token' })

test('A provider that is down stops no server and no password, the page says it, and a later request finds the provider', async () => {
  const browser = createTestBrowser()
  const down = await browser.open(`${server().url}/api/auth/oidc/start`)
  expect(down).toMatchObject({ status: 503, text: expect.stringContaining('The provider does not answer as it should') as string })
  await person(server())
  const provider = await startOidcProvider(port)
  try {
    const form = await browser.open(`${server().url}/api/auth/oidc/start`)
    expect((await browser.go(form, form.url, { login: 'up@example.com' })).text).toContain('up@example.com')
    for (let n = 0; n < 3; n += 1) await createTestBrowser().open(`${server().url}/api/auth/oidc/start`)
    expect(provider.asked.filter((path) => path === '/.well-known/openid-configuration')).toHaveLength(1)
  } finally {
    await provider.stop()
  }
})

test('A provider that describes another issuer is not believed', async () => {
  const body = JSON.stringify({ issuer: 'https://evil.example', authorization_endpoint: 'https://evil.example/authorize' })
  describeOnly.on(
    'request',
    (_request, response: ServerResponse) => void response.writeHead(200, { 'content-type': 'application/json' }).end(body),
  )
  const shown = await createTestBrowser().open(`${misled().url}/api/auth/oidc/start`)
  expect(shown).toMatchObject({ status: 503, text: expect.stringContaining('The provider does not answer as it should') as string })
})

test('Without a provider its pages do not exist, and no page names it', async () => {
  expect((await withoutProvider().anonymous.get('/sign-in')).text).not.toContain('Sign in with')
  for (const path of ['/api/auth/oidc/start', '/api/auth/callback/oidc'])
    expect((await withoutProvider().anonymous.get(path)).body).toMatchObject({ code: 'route_not_found' })
})
