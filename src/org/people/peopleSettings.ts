/** How people sign in to a server. */
export interface PeopleSettings {
  /** The secret that signs, and those before it, which still verify. */
  readonly secrets: readonly [string, ...string[]]
  /** The address by which people reach this server. */
  readonly publicUrl: string
  /** Whether new accounts can be made. */
  readonly allowsSignUp: boolean
}
