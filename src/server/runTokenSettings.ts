import type { TokenAlgorithm } from '../auth/runKeySet.ts'

/** How run tokens are signed. */
export interface RunTokenSettings {
  /** Null creates a secret and keeps it in the home. */
  readonly jwtSecret: string | null
  /** The secret before, which still verifies; null when none is being replaced. */
  readonly jwtPreviousSecret: string | null
  readonly jwtAlgorithm: TokenAlgorithm
  /** The private JSON Web Key Set of EdDSA; null keeps one in the home. */
  readonly jwtKeys: string | null
  readonly jwtTtlSeconds: number
  readonly jwtIssuer: string
  readonly jwtAudience: string
}

/** The variables of run tokens, after they were checked. */
interface RunTokenVariables {
  readonly PAPERCLIP_AGENT_JWT_SECRET?: string | undefined
  readonly PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS?: string | undefined
  readonly PAPERCLIP_AGENT_JWT_ALG: TokenAlgorithm
  readonly PAPERCLIP_AGENT_JWT_KEYS?: string | undefined
  readonly PAPERCLIP_AGENT_JWT_TTL_SECONDS: number
  readonly PAPERCLIP_AGENT_JWT_ISSUER: string
  readonly PAPERCLIP_AGENT_JWT_AUDIENCE: string
}

/** The settings of run tokens that the variables give. */
export const runTokenSettings = (values: RunTokenVariables): RunTokenSettings => ({
  jwtSecret: values.PAPERCLIP_AGENT_JWT_SECRET ?? null,
  jwtPreviousSecret: values.PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS ?? null,
  jwtAlgorithm: values.PAPERCLIP_AGENT_JWT_ALG,
  jwtKeys: values.PAPERCLIP_AGENT_JWT_KEYS ?? null,
  jwtTtlSeconds: values.PAPERCLIP_AGENT_JWT_TTL_SECONDS,
  jwtIssuer: values.PAPERCLIP_AGENT_JWT_ISSUER,
  jwtAudience: values.PAPERCLIP_AGENT_JWT_AUDIENCE,
})
