// Where secrets are kept and used, in words. Pure.

import type { SecretUsage } from '../../api/types.ts'
import { counted } from '../../parts/counted.ts'

type Use = SecretUsage['uses'][number]

const providerNames: Readonly<Record<string, string>> = {
  local_encrypted: 'this server',
  environment_file: 'a file on the host',
}

/** The place of the values, short enough for a table. */
export const providerWords = (provider: string): string => providerNames[provider] ?? provider.replaceAll('_', ' ')

/** One that uses a secret, with each field that refers to it. */
export interface User {
  readonly kind: Use['kind']
  readonly id: string
  readonly name: string
  readonly fields: readonly Pick<Use, 'path' | 'version'>[]
}

/** The agents and projects that use a secret, each once. */
export function usersOf(uses: readonly Use[]): User[] {
  const users = new Map<string, { readonly user: Omit<User, 'fields'>; readonly fields: Pick<Use, 'path' | 'version'>[] }>()
  for (const { kind, id, name, path, version } of uses) {
    const known = users.get(`${kind} ${id}`) ?? { user: { kind, id, name }, fields: [] }
    known.fields.push({ path, version })
    users.set(`${kind} ${id}`, known)
  }
  return [...users.values()].map(({ user, fields }) => ({ ...user, fields }))
}

/** The references to a number: a new version does not reach them. */
export const pinnedOf = (uses: readonly Use[]): Use[] => uses.filter(({ version }) => version !== 'latest')

/** "2 agents and 1 project"; "nothing" for none. */
export function usersWords(users: readonly Pick<User, 'kind'>[], hasMore = false): string {
  const of = (kind: Use['kind']): number => users.filter((user) => user.kind === kind).length
  const parts = (['agent', 'project'] as const).flatMap((kind) => (of(kind) === 0 ? [] : [counted(of(kind), kind)]))
  if (parts.length === 0) return 'nothing'
  return `${parts.join(' and ')}${hasMore ? ', and more' : ''}`
}
