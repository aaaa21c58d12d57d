// A real OpenID provider on loopback, for tests of the sign-in by one.

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JWTPayload } from 'jose'
import Provider from 'oidc-provider'
import type { OidcSettings } from '../../org/people/index.ts'

/** An ID token before it is signed. `alg` `none` leaves it unsigned; `isForeign` signs it with a key that the provider does not publish. */
export interface ForgedToken {
  readonly claims: JWTPayload
  readonly alg?: 'RS256' | 'none'
  readonly isForeign?: boolean
}

/** A provider that runs. Every login name has an account; its claims are those in `accounts`, or an address that is verified. */
interface OidcProvider {
  readonly issuer: string
  /** The settings of a server whose people sign in here. Redirects to every loopback port are allowed. */
  readonly settings: OidcSettings
  /** Claims by login name, instead of `email` (the login name), `email_verified` true and `name`. */
  readonly accounts: Map<string, Readonly<Record<string, unknown>>>
  /** Replaces the ID tokens that it gives out; null for those as they are. */
  forge: ((claims: JWTPayload) => ForgedToken) | null
  /** Answers the requests for tokens itself; null leaves them to the provider. */
  answerToken: ((response: ServerResponse) => void) | null
  /** Paths that were asked for. */
  readonly asked: string[]
  stop(): Promise<void>
}

const CLIENT_ID = 'paperclip-test'
const CLIENT_SECRET = 'a secret of the client, for tests only'
const SCOPES = 'openid email profile'
const CALLBACK = '/api/auth/callback/oidc'

const signInForm = `<!doctype html><html lang="en"><title>Provider of the test</title><form method="post">
<label>Login <input name="login" autofocus></label><button>Sign in</button><button name="cancel" value="yes">Cancel</button></form></html>`

/** Ends an interaction: the person has typed a login name, has cancelled, or was here before. */
async function interact(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, session } = await provider.interactionDetails(request, response)
  const consent = async (accountId: string) => {
    const grant = new provider.Grant({ accountId, clientId: CLIENT_ID })
    grant.addOIDCScope(SCOPES)
    return { grantId: await grant.save() }
  }
  if (prompt.name === 'consent' && session !== undefined)
    return await provider.interactionFinished(request, response, { consent: await consent(session.accountId) })
  if (request.method !== 'POST') return void response.writeHead(200, { 'content-type': 'text/html' }).end(signInForm)
  const form = new URLSearchParams(await text(request))
  const login = form.get('login') ?? ''
  if (form.has('cancel') || login === '') return await provider.interactionFinished(request, response, { error: 'access_denied' })
  await provider.interactionFinished(request, response, { login: { accountId: login }, consent: await consent(login) })
}

const keyPair = () => generateKeyPair('RS256', { extractable: true })
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

type Forge = OidcProvider['forge']

/** Replaces the ID token in an answer of the provider. */
async function forged(idToken: string, forge: NonNullable<Forge>, key: CryptoKey): Promise<string> {
  const header = decodeProtectedHeader(idToken)
  const { claims, alg = 'RS256', isForeign = false } = forge(decodeJwt(idToken))
  if (alg === 'none') return `${base64url({ ...header, alg })}.${base64url(claims)}.`
  return await new SignJWT(claims).setProtectedHeader({ ...header, alg }).sign(isForeign ? (await keyPair()).privateKey : key)
}

interface Settled extends Pick<OidcProvider, 'accounts'> {
  readonly issuer: string
  readonly key: CryptoKey
  readonly forge: () => Forge
}

async function createProvider({ issuer, key, accounts, forge }: Settled): Promise<Provider> {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        // Of a native application the port does not count (RFC 8252 §7.3).
        application_type: 'native',
        token_endpoint_auth_method: 'client_secret_basic',
        redirect_uris: ['127.0.0.1', 'localhost'].map((host) => `http://${host}${CALLBACK}`),
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(key)), alg: 'RS256', use: 'sig', kid: 'key of the test' }] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (_context, login) => ({
      accountId: login,
      claims: () => ({ sub: login, ...(accounts.get(login) ?? { email: login, email_verified: true, name: 'Ada of the provider' }) }),
    }),
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['a key of the test'] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 3600, Session: 3600 },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  })
  provider.use(async (context, next) => {
    await next()
    const change = forge()
    const answer = context.body as { id_token?: string } | undefined
    if (change !== null && typeof answer?.id_token === 'string') answer.id_token = await forged(answer.id_token, change, key)
  })
  return provider
}

/** Starts a provider. @param port where it listens; a free one unless given */
export async function startOidcProvider(port = 0): Promise<OidcProvider> {
  const { privateKey: key } = await keyPair()
  const accounts: OidcProvider['accounts'] = new Map()
  const asked: string[] = []
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const running: OidcProvider = {
    issuer,
    settings: { issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, allowedDomains: null },
    accounts,
    forge: null,
    answerToken: null,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  const provider = await createProvider({ issuer, key, accounts, forge: () => running.forge })
  const answer = provider.callback()
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', issuer)
    asked.push(pathname)
    if (pathname === '/token' && running.answerToken !== null) return running.answerToken(response)
    if (!pathname.startsWith('/interaction/')) return void answer(request, response)
    interact(provider, request, response).catch(() => response.writeHead(500).end())
  })
  return running
}
