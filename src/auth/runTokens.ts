import { createHmac } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import type { CryptoKey } from 'jose'
import { isCanonicalBase64url } from '../platform/kernel/base64url.ts'
import { keyScopes } from '../platform/kernel/actor.ts'
import type { KeyScope } from '../platform/kernel/actor.ts'
import type { RunKeys } from './runKeys.ts'
import type { PublicKey, TokenAlgorithm } from './runKeySet.ts'

/** The claims of a run token. The signature proves them; `identify` still looks up whether the run is live. */
export interface RunClaims {
  readonly agentId: string
  readonly companyId: string
  readonly adapterType: string
  readonly runId: string
  /** The scopes of the key that opened the run; null where they do not limit it. */
  readonly scopes: readonly KeyScope[] | null
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** The run that a token is signed for. */
type SignedRun = Omit<RunClaims, 'expiresAt' | 'scopes'> & { readonly scopes?: RunClaims['scopes'] }

export interface TokenSettings {
  readonly secret: string
  /** The secret before: its tokens are still valid, and none is signed with it. */
  readonly previousSecret?: string | null
  /** With what new tokens are signed; HS256 unless given. Tokens of before a change stay valid while they live. */
  readonly algorithm?: TokenAlgorithm
  /** The keys of EdDSA; none unless given. */
  readonly runKeys?: RunKeys | null
  readonly ttlSeconds: number
  readonly issuer: string
  readonly audience: string
}

/** Signs and verifies the tokens of runs. */
export interface RunTokens {
  /** @returns the token and the instant at which it expires */
  sign(run: SignedRun): Promise<{ token: string; expiresAt: string }>
  /** @returns the claims, or null for a token that is not a valid token of this server */
  verify(token: string): Promise<RunClaims | null>
  /** The keys with which others verify the tokens of this server; none under HS256, because its secret also signs. */
  publicKeys(): readonly PublicKey[]
  /** Reads the keys again, and says which they are. */
  readKeyIds(): Promise<RunKeyIds>
}

/** The keys of EdDSA by their ids. */
export interface RunKeyIds {
  /** Null under HS256. */
  readonly signing: string | null
  readonly verifying: readonly string[]
}

/** A key with the one algorithm for which it is used. */
interface VerifyingKey {
  readonly algorithm: TokenAlgorithm
  readonly key: CryptoKey
}

/** Names a secret in the header of a token (`kid`). It is a keyed hash, so it says nothing about the secret. */
const keyIdOf = (secret: string): string => createHmac('sha256', secret).update('run token key id').digest('hex').slice(0, 16)

/** The scopes of a token. A scope that this build does not know allows nothing. */
const scopesOf = (claim: unknown): RunClaims['scopes'] =>
  Array.isArray(claim) ? keyScopes.filter((scope) => (claim as unknown[]).includes(scope)) : null

const importSecret = async (secret: string): Promise<VerifyingKey> => ({
  algorithm: 'HS256',
  key: await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']),
})

const nowInSeconds = (): number => Math.floor(Date.now() / 1000)

type Verification = Pick<TokenSettings, 'issuer' | 'audience'>

/** The claims of a token that this key signed. The key decides by which algorithm it is verified, and a token that says another one is refused. */
async function claimsOf(token: string, { key, algorithm }: VerifyingKey, { issuer, audience }: Verification): Promise<RunClaims | null> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer,
      audience,
      requiredClaims: ['sub', 'exp', 'iat', 'iss', 'aud', 'company_id', 'adapter_type', 'run_id'],
    })
    const { sub, exp, company_id: companyId, adapter_type: adapterType, run_id: runId } = payload
    if (typeof sub !== 'string' || typeof exp !== 'number' || typeof companyId !== 'string') return null
    if (typeof adapterType !== 'string' || typeof runId !== 'string') return null
    return { agentId: sub, companyId, adapterType, runId, scopes: scopesOf(payload['scopes']), expiresAt: exp }
  } catch {
    return null
  }
}

/** The `kid` of a token; undefined for a token that has none, null for one that cannot be read. */
function keyIdIn(token: string): string | undefined | null {
  try {
    const { kid } = decodeProtectedHeader(token)
    return kid === undefined || typeof kid === 'string' ? kid : null
  } catch {
    return null
  }
}

const runKeyById = (runKeys: RunKeys | null, keyId: string): VerifyingKey | null => {
  const found = runKeys?.find(keyId, nowInSeconds()) ?? null
  return found === null ? null : { algorithm: 'EdDSA', key: found.publicKey }
}

/** A key that signs, and how a token names it. */
interface SigningKey {
  readonly kid: string
  readonly key: CryptoKey
}

/** The key that signs with EdDSA now. @throws Error when there is none */
function signingRunKey(runKeys: RunKeys | null, now: number): SigningKey {
  const found = runKeys?.signing(now) ?? null
  if (found === null || found.privateKey === null) throw new Error('no key signs run tokens')
  return { kid: found.kid, key: found.privateKey }
}

async function signedToken(run: SignedRun, { kid, key }: SigningKey, settings: TokenSettings, now: number): Promise<string> {
  const { algorithm = 'HS256', issuer, audience, ttlSeconds } = settings
  const scopes = run.scopes ?? null
  const limits = scopes === null ? {} : { scopes }
  return await new SignJWT({ company_id: run.companyId, adapter_type: run.adapterType, run_id: run.runId, ...limits })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid })
    .setSubject(run.agentId)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + ttlSeconds)
    .sign(key)
}

/**
 * Creates the signer. Keys are imported once, which halves the cost of each use. A token names its key, so it is verified
 * once, however many keys there are. Tokens of release d4ff285 name none: they may have been signed with either secret.
 * @throws Error for EdDSA without a key that signs
 */
export async function createRunTokens(settings: TokenSettings): Promise<RunTokens> {
  const { ttlSeconds, secret, previousSecret = null, algorithm = 'HS256', runKeys = null } = settings
  const own = { kid: keyIdOf(secret), ...(await importSecret(secret)) }
  const secrets = new Map<string, VerifyingKey>([[own.kid, own]])
  if (previousSecret !== null) secrets.set(keyIdOf(previousSecret), await importSecret(previousSecret))
  const signingKeyAt = (now: number): SigningKey => (algorithm === 'HS256' ? own : signingRunKey(runKeys, now))
  signingKeyAt(nowInSeconds())

  /** The keys that may have signed a token: the one that it names, or each secret where it names none. */
  const keysOf = async (token: string): Promise<readonly VerifyingKey[]> => {
    const keyId = keyIdIn(token)
    if (keyId === null) return []
    if (keyId === undefined) return [...secrets.values()]
    const known = secrets.get(keyId) ?? runKeyById(runKeys, keyId)
    if (known !== null) return [known]
    // Another process of this home may have begun to sign with a new key.
    await runKeys?.lookAgain()
    const found = runKeyById(runKeys, keyId)
    return found === null ? [] : [found]
  }

  return {
    async sign(run) {
      const now = nowInSeconds()
      const token = await signedToken(run, signingKeyAt(now), settings, now)
      return { token, expiresAt: new Date((now + ttlSeconds) * 1000).toISOString() }
    },
    async verify(token) {
      if (!token.split('.').every(isCanonicalBase64url)) return null
      for (const key of await keysOf(token)) {
        const claims = await claimsOf(token, key, settings)
        if (claims !== null) return claims
      }
      return null
    },
    async readKeyIds() {
      await runKeys?.refresh()
      const now = nowInSeconds()
      const verifying = (runKeys?.publicKeys(now) ?? []).map(({ kid }) => kid)
      return { signing: algorithm === 'HS256' ? null : signingRunKey(runKeys, now).kid, verifying }
    },
    publicKeys: () => (algorithm === 'HS256' ? [] : (runKeys?.publicKeys(nowInSeconds()) ?? [])),
  }
}

/** The key that encrypts stored answers. It is derived from the secret of run tokens, so operators configure one secret. */
export const responseEncryptionKey = (secret: string): Buffer => createHmac('sha256', secret).update('idempotency answers').digest()
