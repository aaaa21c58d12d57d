import { createHmac } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import type { JWTVerifyGetKey } from 'jose'
import { isCanonicalBase64url } from '../platform/kernel/base64url.ts'
import { keyScopes } from '../platform/kernel/actor.ts'
import type { KeyScope } from '../platform/kernel/actor.ts'

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
  readonly ttlSeconds: number
  readonly issuer: string
  readonly audience: string
}

/** Signs and verifies the tokens of runs (HS256, nothing else). */
export interface RunTokens {
  /** @returns the token and the instant at which it expires */
  sign(run: SignedRun): Promise<{ token: string; expiresAt: string }>
  /** @returns the claims, or null for a token that is not a valid token of this server */
  verify(token: string): Promise<RunClaims | null>
}

/** Names a secret in the header of a token (`kid`). It is a keyed hash, so it says nothing about the secret. */
const keyIdOf = (secret: string): string => createHmac('sha256', secret).update('run token key id').digest('hex').slice(0, 16)

/** The scopes of a token. A scope that this build does not know allows nothing. */
const scopesOf = (claim: unknown): RunClaims['scopes'] =>
  Array.isArray(claim) ? keyScopes.filter((scope) => (claim as unknown[]).includes(scope)) : null

const importKey = (secret: string): ReturnType<typeof crypto.subtle.importKey> =>
  crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])

/**
 * Creates the signer. Keys are imported once, which halves the cost of each use. A token names its key, so it is verified
 * once, however many keys there are. Tokens of release d4ff285 name none: they may have been signed with either.
 */
export async function createRunTokens(settings: TokenSettings): Promise<RunTokens> {
  const { issuer, audience, ttlSeconds, secret } = settings
  const previousSecret = settings.previousSecret ?? null
  const keyId = keyIdOf(secret)
  const key = await importKey(secret)
  const previous = previousSecret === null ? null : { keyId: keyIdOf(previousSecret), key: await importKey(previousSecret) }

  const claimsOf = async (token: string, getKey: JWTVerifyGetKey): Promise<RunClaims | null> => {
    try {
      const { payload } = await jwtVerify(token, getKey, {
        algorithms: ['HS256'],
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

  return {
    async sign(run) {
      const now = Math.floor(Date.now() / 1000)
      const scopes = run.scopes ?? null
      const limits = scopes === null ? {} : { scopes }
      const token = await new SignJWT({ company_id: run.companyId, adapter_type: run.adapterType, run_id: run.runId, ...limits })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: keyId })
        .setSubject(run.agentId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + ttlSeconds)
        .sign(key)
      return { token, expiresAt: new Date((now + ttlSeconds) * 1000).toISOString() }
    },
    async verify(token) {
      if (!token.split('.').every(isCanonicalBase64url)) return null
      let isUnnamed = false
      const claims = await claimsOf(token, ({ kid }) => {
        isUnnamed = kid === undefined
        if (previous !== null && kid === previous.keyId) return previous.key
        if (kid !== undefined && kid !== keyId) throw new Error('the token was signed with another secret')
        return key
      })
      return claims === null && isUnnamed && previous !== null ? claimsOf(token, () => previous.key) : claims
    },
  }
}

/** The key that encrypts stored answers. It is derived from the secret of run tokens, so operators configure one secret. */
export const responseEncryptionKey = (secret: string): Buffer => createHmac('sha256', secret).update('idempotency answers').digest()
