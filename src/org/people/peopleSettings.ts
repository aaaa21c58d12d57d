/** The OpenID provider at which people may sign in. */
export interface OidcSettings {
  /** Its URL, as the operator gives it. */
  readonly issuer: string
  readonly clientId: string
  /** Null for a client that has none. */
  readonly clientSecret: string | null
  /** The domains of e-mail addresses that are let in, in lower case; null for every domain. */
  readonly allowedDomains: readonly string[] | null
  /** How long the provider has for one answer, where it is not the default; for tests. */
  readonly timeoutSeconds?: number
}

/** How people sign in to a server. */
export interface PeopleSettings {
  /** The secret that signs, and those before it, which still verify. */
  readonly secrets: readonly [string, ...string[]]
  /** The address by which people reach this server. */
  readonly publicUrl: string
  /** Whether people make accounts as they like. Otherwise each needs an invitation. */
  readonly allowsSignUp: boolean
  /** Null where people sign in with a password only. */
  readonly oidc: OidcSettings | null
}
