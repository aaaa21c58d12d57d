// Whether a caller may call a route: the table of permissions, the scopes of its key, and the roles of a person.

import { keyScopes } from '../platform/kernel/actor.ts'
import type { Actor, KeyScope } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { unauthorizedMessage } from './anonymous.ts'
import { permissions, scopePermissions } from './permissions.ts'
import type { Holder, Permission } from './permissions.ts'
import { hasInCompany, requireRoleSomewhere } from './roles.ts'

const allowedBy = new Map<KeyScope, ReadonlySet<Permission>>(keyScopes.map((scope) => [scope, new Set(scopePermissions[scope])]))

const hasScope = (permission: Permission, actor: Actor): boolean =>
  actor.kind !== 'agent' || actor.scopes === null || actor.scopes.some((scope) => allowedBy.get(scope)?.has(permission))

/** Refuses a credential whose scopes do not have the permission. @throws Refusal `key_scope_missing` */
function requireScope(permission: Permission, actor: Actor): void {
  if (actor.kind !== 'agent' || hasScope(permission, actor)) return
  const sufficient = keyScopes.filter((scope) => allowedBy.get(scope)?.has(permission))
  refuse('key_scope_missing', { details: { scopes: actor.scopes, sufficientScopes: sufficient, permission } })
}

const matches: Readonly<Record<Holder, (actor: Actor) => boolean>> = {
  public: () => true,
  board: (actor) => actor.kind === 'board',
  admin: (actor) => actor.kind === 'board' && actor.isAdmin,
  token: (actor) => actor.kind === 'board' && actor.via === 'token',
  agent: (actor) => actor.kind === 'agent',
  self: (actor) => actor.kind === 'agent',
  ceo: (actor) => actor.kind === 'agent' && actor.role === 'ceo',
  creator: (actor) => actor.kind === 'agent' && actor.canCreateAgents,
  inviter: (actor) => actor.kind === 'agent' && actor.grants.includes('users:invite'),
  admitter: (actor) => actor.kind === 'agent' && actor.grants.includes('joins:approve'),
}

/**
 * Checks that an actor holds a permission. It runs before any look-up, so that a refusal reveals nothing about what exists.
 * @throws Refusal 401 without a credential, 403 with one that does not hold the permission, or whose scopes or roles do not have it
 */
export function authorize(permission: Permission, actor: Actor): void {
  const holders: readonly Holder[] = permissions[permission]
  if (holders.some((holder) => matches[holder](actor))) {
    if (actor.kind === 'board' && !holders.includes('public') && !holders.includes('admin')) requireRoleSomewhere(permission, actor)
    return requireScope(permission, actor)
  }
  if (actor.kind === 'anonymous') refuse('unauthorized', { message: unauthorizedMessage(actor) })
  if (actor.kind === 'board' && holders.includes('token')) refuse('board_token_required')
  if (actor.kind === 'board') refuse(holders.includes('admin') ? 'admin_required' : 'agent_required')
  if (holders.includes('token')) refuse('board_required')
  if (holders.includes('board')) refuse(holders.length === 1 ? 'board_required' : 'forbidden')
  refuse(holders.includes('admin') ? 'admin_required' : 'forbidden')
}

/** Whether a caller whom a route has let into a company holds another permission there: for answers that show more to some callers. */
export const holdsInCompany = (permission: Permission, actor: Actor, companyId: string): boolean =>
  permissions[permission].some((holder) => matches[holder](actor)) &&
  hasScope(permission, actor) &&
  hasInCompany(actor, permission, companyId)

/**
 * Refuses an agent that holds a permission as `self` only and names another agent in the path.
 * @param target the agent in the path, already found in the actor's company
 * @throws Refusal `not_self`
 */
export function authorizeTarget(permission: Permission, actor: Actor, target: string): void {
  const holders: readonly Holder[] = permissions[permission]
  if (!holders.includes('self') || actor.kind !== 'agent' || actor.agentId === target) return
  if (holders.some((holder) => holder !== 'self' && matches[holder](actor))) return
  refuse('not_self')
}
