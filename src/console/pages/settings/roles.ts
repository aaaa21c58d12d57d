// Roles and grants in words. `src/auth/roles.ts` and `src/auth/power.ts` decide about them.

import type { Invite } from '../../api/types.ts'

export type Role = Invite['memberRole']

/** The roles of people, the weakest first. */
export const roles: readonly Role[] = ['viewer', 'operator', 'admin', 'owner']

export const roleWords: Readonly<Record<Role, string>> = {
  viewer: 'sees everything but secrets, and changes nothing',
  operator: 'works on issues and steps in: takes holds away, cancels runs, answers questions',
  admin: 'also hires and configures agents, decides approvals, and changes the company and its members',
  owner: 'also archives and deletes the company',
}

/** Rights beyond a role. */
export const grants: readonly { readonly key: string; readonly words: string }[] = [
  { key: 'agents:create', words: 'Hire agents' },
  { key: 'users:invite', words: 'Invite people and agents' },
  { key: 'users:manage_permissions', words: 'Change members' },
  { key: 'joins:approve', words: 'Decide requests to join' },
  { key: 'tasks:assign', words: 'Assign issues' },
  { key: 'tasks:assign_scope', words: 'Assign issues within a scope' },
]

/** The grants that an agent gets here; its other rights are on its own page. */
export const grantsForAgents: readonly string[] = ['users:invite', 'joins:approve']
