// The reads that a role may not do. The console does not ask for them in vain: a browser logs each refusal as an error.
// `src/auth/roles.ts` decides; `src/dev/testing/limitedReads.test.ts` compares every route with this list.

import type { Whoami } from './types.ts'

type Membership = NonNullable<Whoami['memberships']>[number]

/** Reads that an admin may do, and a weaker role only with the grant. */
const limited: readonly { readonly path: RegExp; readonly grant?: Membership['grants'][number] }[] = [
  { path: /^\/agents\/[^/]+\/(?:config-revisions(?:\/[^/]+)?|configuration|keys|quarantine|runtime-state|skills|task-sessions)$/ },
  { path: /^\/companies\/[^/]+\/(?:activity\/(?:export|verify)|agent-configurations|secret-providers|secrets|webhooks)$/ },
  { path: /^\/companies\/[^/]+\/skills\/[^/]+\/update-status$/ },
  { path: /^\/companies\/[^/]+\/join-requests$/, grant: 'joins:approve' },
  { path: /^\/companies\/[^/]+\/members$/, grant: 'users:manage_permissions' },
  { path: /^\/secrets\/[^/]+\/usage$/ },
  { path: /^\/webhooks\/[^/]+(?:\/deliveries)?$/ },
]

/** Whether some members may not do the read. @param path below `/api` */
export const isLimited = (path: string): boolean => limited.some((each) => each.path.test(path))

/** Whether the rights of a member allow the read. */
export function allowsRead({ role, grants }: Pick<Membership, 'role' | 'grants'>, path: string): boolean {
  const found = limited.find((each) => each.path.test(path))
  if (found === undefined || role === 'owner' || role === 'admin') return true
  return found.grant !== undefined && grants.includes(found.grant)
}
