import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { openRunKeys } from './runKeys.ts'
import { createRunKey, publicKeyOf, writeRunKeys } from './runKeySet.ts'
import type { RunKey, TokenAlgorithm } from './runKeySet.ts'
import { createRunTokens } from './runTokens.ts'
import type { RunTokens } from './runTokens.ts'

const OLD = 'the secret that was in use for a year, until today'
const NEW = 'another secret that was never seen before, from now on'
const run = { agentId: 'agent', companyId: 'company', adapterType: 'process', runId: 'run' }

const tokensOf = (secret: string, previousSecret: string | null = null): Promise<RunTokens> =>
  createRunTokens({ secret, previousSecret, ttlSeconds: 60, issuer: 'paperclip', audience: 'paperclip-api' })

const headerOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, unknown>

/** A token as release d4ff285 signed it: without `kid`. */
async function unnamedToken(secret: string, kid?: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ company_id: 'company', adapter_type: 'process', run_id: 'run' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setSubject('agent')
    .setIssuer('paperclip')
    .setAudience('paperclip-api')
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(new TextEncoder().encode(secret))
}

describe('run tokens while their secret is replaced', () => {
  test('A token names its secret without saying anything about it', async () => {
    const [one, same, other] = await Promise.all(
      [OLD, OLD, NEW].map(async (secret) => headerOf((await (await tokensOf(secret)).sign(run)).token)['kid']),
    )
    expect(one).toMatch(/^[0-9a-f]{16}$/)
    expect(same).toBe(one)
    expect(other).not.toBe(one)
  })

  test('Tokens of the secret before are valid as long as it is given, and new ones are signed with the new one', async () => {
    const before = (await (await tokensOf(OLD)).sign(run)).token
    const both = await tokensOf(NEW, OLD)
    expect(await both.verify(before)).toMatchObject({ runId: 'run' })
    const after = (await both.sign(run)).token
    expect(await both.verify(after)).toMatchObject({ runId: 'run' })
    const done = await tokensOf(NEW)
    expect([await done.verify(before), await done.verify(after)]).toEqual([null, expect.objectContaining({ runId: 'run' })])
    expect(await (await tokensOf(OLD)).verify(after)).toBeNull()
  })

  test('Tokens of an older release, which name no secret, are valid under both', async () => {
    const both = await tokensOf(NEW, OLD)
    expect(await both.verify(await unnamedToken(OLD))).toMatchObject({ runId: 'run' })
    expect(await both.verify(await unnamedToken(NEW))).toMatchObject({ runId: 'run' })
    expect(await (await tokensOf(NEW)).verify(await unnamedToken(OLD))).toBeNull()
  })

  test('A token that names one secret and was signed with another is refused, and so is one that names none that is known', async () => {
    const both = await tokensOf(NEW, OLD)
    const kid = String(headerOf((await both.sign(run)).token)['kid'])
    expect(await both.verify(await unnamedToken(OLD, kid))).toBeNull()
    expect(await both.verify(await unnamedToken(NEW, '0123456789abcdef'))).toBeNull()
    expect(await both.verify(await unnamedToken(NEW, kid))).toMatchObject({ runId: 'run' })
  })
})

/** A token with claims that are right, a header of the attacker's choice, and a signature by `signer`. */
function forgedToken(header: Record<string, unknown>, signer: (input: Buffer) => Buffer): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'agent', company_id: 'company', adapter_type: 'process', run_id: 'run', iss: 'paperclip', aud: 'paperclip-api' }
  const parts = [header, { ...claims, iat: now, exp: now + 60 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const input = parts.join('.')
  return `${input}.${signer(Buffer.from(input)).toString('base64url')}`
}

const byHmac =
  (secret: string | Buffer) =>
  (input: Buffer): Buffer =>
    createHmac('sha256', secret).update(input).digest()

const byKey =
  (key: KeyObject) =>
  (input: Buffer): Buffer =>
    sign(key.asymmetricKeyType === 'ec' ? 'sha256' : null, input, key.asymmetricKeyType === 'ec' ? { key, dsaEncoding: 'ieee-p1363' } : key)

const privateKeyOf = ({ x, d }: RunKey): KeyObject =>
  createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d: d ?? '' }, format: 'jwk' })

describe('run tokens that a key signs, and tokens that only look so', () => {
  const key = createRunKey(0)
  const { kid } = key
  const keyObject = privateKeyOf(key)
  const publicKey = createPublicKey(keyObject)
  const settings = { secret: OLD, ttlSeconds: 60, issuer: 'paperclip', audience: 'paperclip-api' }
  const open = async (algorithm: TokenAlgorithm): Promise<RunTokens> =>
    await createRunTokens({
      ...settings,
      algorithm,
      runKeys: await openRunKeys({ read: () => writeRunKeys([key]), version: () => 'one' }, () => {}),
    })
  const secretId = async (): Promise<string> => String(headerOf((await (await tokensOf(OLD)).sign(run)).token)['kid'])

  test('A service that has the published keys alone verifies a token with jose', async () => {
    const tokens = await open('EdDSA')
    const { token } = await tokens.sign({ ...run, scopes: ['read'] })
    expect(headerOf(token)).toEqual({ alg: 'EdDSA', typ: 'JWT', kid })
    const keySet = createLocalJWKSet({ keys: [...tokens.publicKeys()] })
    const { payload } = await jwtVerify(token, keySet, { algorithms: ['EdDSA'], issuer: 'paperclip', audience: 'paperclip-api' })
    expect(payload).toMatchObject({ sub: 'agent', company_id: 'company', run_id: 'run', scopes: ['read'] })
    expect(await tokens.verify(token)).toMatchObject({ agentId: 'agent', runId: 'run', scopes: ['read'] })
  })

  test('The forger of these tests signs valid tokens where it has the right key and names it', async () => {
    for (const algorithm of ['HS256', 'EdDSA'] as const) {
      const tokens = await open(algorithm)
      expect(await tokens.verify(forgedToken({ alg: 'EdDSA', kid }, byKey(keyObject)))).toMatchObject({ runId: 'run' })
      expect(await tokens.verify(forgedToken({ alg: 'HS256', kid: await secretId() }, byHmac(OLD)))).toMatchObject({ runId: 'run' })
    }
  })

  test('Tokens of before a change of the algorithm are valid after it, in both directions', async () => {
    const [hs, ed] = [await open('HS256'), await open('EdDSA')]
    expect(await ed.verify((await hs.sign(run)).token)).toMatchObject({ runId: 'run' })
    expect(await hs.verify((await ed.sign(run)).token)).toMatchObject({ runId: 'run' })
    expect(await ed.verify(await unnamedToken(OLD))).toMatchObject({ runId: 'run' })
  })

  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const ed448 = generateKeyPairSync('ed448').privateKey
  const stranger = createRunKey(0)
  const strangerKey = privateKeyOf(stranger)
  const nothing = (): Buffer => Buffer.alloc(0)
  const publicBytes: readonly (readonly [string, string | Buffer])[] = [
    ['bytes', Buffer.from(key.x, 'base64url')],
    ['text', key.x],
    ['PEM', pem],
    ['PEM without its last line end', pem.trim()],
    ['DER', publicKey.export({ type: 'spki', format: 'der' })],
    ['JWK', JSON.stringify(publicKeyOf(key))],
  ]

  test.each<readonly [string, Record<string, unknown>, (input: Buffer) => Buffer]>([
    ['has no algorithm', { alg: 'none', kid }, nothing],
    ['has no algorithm in other letters', { alg: 'nOnE', kid }, nothing],
    ['has no algorithm and names no key', { alg: 'none' }, nothing],
    ['names no algorithm', { kid }, byKey(keyObject)],
    ...publicBytes.map(([name, bytes]) => [`is HS256 by the public key as ${name}`, { alg: 'HS256', kid }, byHmac(bytes)] as const),
    ...publicBytes.map(
      ([name, bytes]) => [`is HS256 by the public key as ${name}, and names no key`, { alg: 'HS256' }, byHmac(bytes)] as const,
    ),
    ['names the key and says HS256 over its signature', { alg: 'HS256', kid }, byKey(keyObject)],
    ['names the key and is signed with the secret', { alg: 'HS256', kid }, byHmac(OLD)],
    ['says EdDSA and is signed with the secret', { alg: 'EdDSA', kid }, byHmac(OLD)],
    ['is right but for the name of its algorithm', { alg: 'Ed25519', kid }, byKey(keyObject)],
    ['is signed with the key and names none', { alg: 'EdDSA' }, byKey(keyObject)],
    ['names a key that does not exist', { alg: 'EdDSA', kid: stranger.kid }, byKey(strangerKey)],
    ['names the key and is signed with another', { alg: 'EdDSA', kid }, byKey(strangerKey)],
    ['brings its own key', { alg: 'EdDSA', kid, jwk: publicKeyOf(stranger) }, byKey(strangerKey)],
    [
      'says where its key is',
      { alg: 'EdDSA', kid, jku: 'https://attacker.example/jwks.json', x5u: 'https://attacker.example/' },
      byKey(strangerKey),
    ],
    ['is signed on Ed448', { alg: 'EdDSA', kid }, byKey(ed448)],
    ['is signed on P-256', { alg: 'ES256', kid }, byKey(ec)],
    ['is signed on P-256 and says EdDSA', { alg: 'EdDSA', kid }, byKey(ec)],
    ['has a path as the id of its key', { alg: 'HS256', kid: '../../../../../../dev/null' }, byHmac('')],
    ['has a query as the id of its key', { alg: 'HS256', kid: "x' union select 'secret" }, byHmac('secret')],
    ['has the name of a member of objects as the id of its key', { alg: 'HS256', kid: '__proto__' }, byHmac('')],
    ['has a number as the id of its key', { alg: 'EdDSA', kid: 0 }, byKey(keyObject)],
    ['has a list as the id of its key', { alg: 'EdDSA', kid: [kid] }, byKey(keyObject)],
    ['has null as the id of its key', { alg: 'HS256', kid: null }, byHmac(OLD)],
    ['needs an extension that is not understood', { alg: 'EdDSA', kid, crit: ['exp'], exp: 1 }, byKey(keyObject)],
    ['has a body that is not encoded', { alg: 'EdDSA', kid, crit: ['b64'], b64: false }, byKey(keyObject)],
  ])('A token is refused that %s', async (_, header, signer) => {
    for (const algorithm of ['HS256', 'EdDSA'] as const)
      expect(await (await open(algorithm)).verify(forgedToken(header, signer)), algorithm).toBeNull()
  })

  test('A token of the secret is refused that names the secret and says EdDSA, and one that the key signed in its name', async () => {
    const kidOfSecret = await secretId()
    const tokens = await open('EdDSA')
    expect(await tokens.verify(forgedToken({ alg: 'EdDSA', kid: kidOfSecret }, byHmac(OLD)))).toBeNull()
    expect(await tokens.verify(forgedToken({ alg: 'EdDSA', kid: kidOfSecret }, byKey(keyObject)))).toBeNull()
    expect(await tokens.verify(forgedToken({ alg: 'HS512', kid: kidOfSecret }, byHmac(OLD)))).toBeNull()
  })

  test('A token of a key is refused after its end, for another audience, and with a signature that was changed', async () => {
    const tokens = await open('EdDSA')
    const { token } = await tokens.sign(run)
    const [header = '', claims = '', signature = ''] = token.split('.')
    const last = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
    expect(await tokens.verify(`${header}.${claims}.${last}`)).toBeNull()
    expect(await tokens.verify(`${header}.${claims}.`)).toBeNull()
    const keys = await openRunKeys({ read: () => writeRunKeys([key]), version: () => 'one' }, () => {})
    const elsewhere = await createRunTokens({ ...settings, algorithm: 'EdDSA', runKeys: keys, audience: 'elsewhere' })
    expect(await elsewhere.verify(token)).toBeNull()
    const over = await createRunTokens({ ...settings, algorithm: 'EdDSA', runKeys: keys, ttlSeconds: 0 })
    expect(await over.verify((await over.sign(run)).token)).toBeNull()
  })
})
