import { createHmac } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'

/** The claims of a run token. The signature proves them; `identify` still looks up whether the run is live. */
export interface RunClaims {
  readonly agentId: string
  readonly companyId: string
  readonly adapterType: string
  readonly runId: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

export interface TokenSettings {
  readonly secret: string
  readonly ttlSeconds: number
  readonly issuer: string
  readonly audience: string
}

/** Signs and verifies the tokens of runs (HS256, nothing else). */
export interface RunTokens {
  /** @returns the token and the instant at which it expires */
  sign(run: { agentId: string; companyId: string; adapterType: string; runId: string }): Promise<{ token: string; expiresAt: string }>
  /** @returns the claims, or null for a token that is not a valid token of this server */
  verify(token: string): Promise<RunClaims | null>
}

/** Creates the signer. The key is imported once, which halves the cost of each use. */
export async function createRunTokens(settings: TokenSettings): Promise<RunTokens> {
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(settings.secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])
  const { issuer, audience, ttlSeconds } = settings
  return {
    async sign(run) {
      const now = Math.floor(Date.now() / 1000)
      const token = await new SignJWT({ company_id: run.companyId, adapter_type: run.adapterType, run_id: run.runId })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(run.agentId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + ttlSeconds)
        .sign(key)
      return { token, expiresAt: new Date((now + ttlSeconds) * 1000).toISOString() }
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['HS256'],
          issuer,
          audience,
          requiredClaims: ['sub', 'exp', 'iat', 'iss', 'aud', 'company_id', 'adapter_type', 'run_id'],
        })
        const { sub, exp, company_id: companyId, adapter_type: adapterType, run_id: runId } = payload
        if (typeof sub !== 'string' || typeof exp !== 'number' || typeof companyId !== 'string') return null
        if (typeof adapterType !== 'string' || typeof runId !== 'string') return null
        return { agentId: sub, companyId, adapterType, runId, expiresAt: exp }
      } catch {
        return null
      }
    },
  }
}

/** The key that encrypts stored answers. It is derived from the secret of run tokens, so operators configure one secret. */
export const responseEncryptionKey = (secret: string): Buffer => createHmac('sha256', secret).update('idempotency answers').digest()
