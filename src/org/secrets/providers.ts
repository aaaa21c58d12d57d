// Where values of secrets are kept. `local_encrypted` is this database; everything else is an external provider behind one interface.

import type { SecretProvider } from '../../model/secrets.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** A provider outside this server. It is configured by the operator; a request names a value in it and never a place. */
export interface ExternalProvider {
  readonly id: Exclude<SecretProvider, 'local_encrypted'>
  readonly label: string
  /** Whether the text can name a value. */
  readonly accepts: (externalRef: string) => boolean
  /** Reads a value; null when there is none of that name. @throws Error when the provider cannot be asked; the message has no value */
  readonly read: (externalRef: string) => Promise<string | null>
}

const LOCAL = { id: 'local_encrypted', label: 'Encrypted in the database of this server', requiresExternalRef: false } as const

let external: readonly ExternalProvider[] = []

/** Sets the external providers of this process. */
export const useExternalProviders = (providers: readonly ExternalProvider[]): void => void (external = providers)

/** The providers that can be used here. */
export const listProviders = () => [LOCAL, ...external.map(({ id, label }) => ({ id, label, requiresExternalRef: true }))]

/** The external provider of that name; null for the local one. @throws Refusal `provider_not_configured` */
export function providerOf(name: string): ExternalProvider | null {
  if (name === LOCAL.id) return null
  return external.find(({ id }) => id === name) ?? refuse('provider_not_configured')
}
