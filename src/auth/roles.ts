// The roles of people in a company, as named sets of permissions. Each role has all that the roles below it have.

import { memberRoles } from '../platform/kernel/actor.ts'
import type { Actor, BoardActor, GrantKey, MemberRole } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import type { Permission } from './permissions.ts'

/** The permissions of a person without being a member of any company: its own identity, and the list of its companies, which may be empty. */
const ofEveryone = [
  'company.list',
  'board.me',
  'llms.read',
  'instance.settings.read',
  'instance.prices',
  'session.read',
  'session.end',
  'session.password',
  'cliLogin.approve',
  'boardClaim.claim',
] as const satisfies readonly Permission[]

/** Every member reads, but for what shows secrets of agents and what takes the server long. */
const viewer = [
  'company.read',
  'agent.list',
  'agent.read',
  'agent.org',
  'adapter.read',
  'skill.read',
  'instructions.read',
  'issue.list',
  'issue.read',
  'lock.read',
  'goal.read',
  'project.read',
  'workspace.read',
  'label.read',
  'approval.read',
  'issue.documents.read',
  'asset.read',
  'attachment.read',
  'issue.workProducts.read',
  'interaction.read',
  // The marks that a person sets on its own inbox.
  'issue.inbox',
  'feedback.read',
  'run.read',
  'cost.read',
  'cost.quotas',
  'activity.read',
  'event.follow',
  'dashboard.read',
  'budget.read',
  'routine.read',
] as const satisfies readonly Permission[]

/** Works on issues and steps in: takes holds away, cancels runs, answers questions. */
const operator = [
  'issue.create',
  'issue.update',
  'issue.delete',
  'issue.comment',
  'issue.checkout',
  'issue.release',
  'issue.forceRelease',
  'issue.documents.write',
  'issue.documents.delete',
  'asset.create',
  'attachment.write',
  'attachment.delete',
  'issue.workProducts.write',
  'issue.workProducts.delete',
  'interaction.create',
  'interaction.resolve',
  'feedback.vote',
  'goal.write',
  'goal.delete',
  'label.write',
  'label.delete',
  'approval.create',
  'approval.resubmit',
  'approval.comment',
  'approval.link',
  'agent.wake',
  'run.open',
  'run.finish',
  'run.cancel',
  'routine.write',
  'routine.pauseAll',
] as const satisfies readonly Permission[]

/** Decides what this host runs: agents, approvals, projects with their commands; and the settings of the company. */
const admin = [
  'company.update',
  'company.export',
  'company.exportSafe',
  'company.import',
  'company.importSafe',
  'agent.create',
  'agent.update',
  'agent.delete',
  'agent.lifecycle',
  'agent.quarantine.read',
  'agent.keys',
  'agent.hire',
  'agent.permissions',
  'agent.configuration',
  'agent.runtime',
  'adapter.test',
  'skill.ofAgent',
  'skill.import',
  'skill.manage',
  'skill.sync',
  'instructions.write',
  'project.write',
  'project.delete',
  'workspace.write',
  'approval.decide',
  'finance.write',
  'budget.write',
  'budget.lower',
  'secret.read',
  'secret.write',
  'cost.report',
  'webhook.read',
  'webhook.write',
  'activity.verify',
  'activity.export',
  'member.read',
  'member.write',
  'invite.write',
  'invite.prompt',
  'join.read',
  'join.decide',
] as const satisfies readonly Permission[]

const owner = ['company.archive', 'company.delete'] as const satisfies readonly Permission[]

/** The permissions that each role adds to the roles below it. */
const rolePermissions: Readonly<Record<MemberRole, readonly Permission[]>> = { owner, admin, operator, viewer }

/** The permissions that a grant adds to a role. Those of tasks add nothing to people, who assign by their role. */
const grantedPermissions: Readonly<Partial<Record<GrantKey, readonly Permission[]>>> = {
  'agents:create': ['agent.create', 'agent.hire', 'adapter.test'],
  'users:invite': ['invite.write', 'invite.prompt'],
  'users:manage_permissions': ['member.read', 'member.write'],
  'joins:approve': ['join.read', 'join.decide'],
}

const isGranted = (grants: readonly GrantKey[], permission: Permission): boolean =>
  grants.some((key) => grantedPermissions[key]?.includes(permission))

const everyone: ReadonlySet<Permission> = new Set(ofEveryone)
const needed = new Map<Permission, MemberRole>(memberRoles.flatMap((role) => rolePermissions[role].map((permission) => [permission, role])))

/** Whether a role is at least another one. */
export const isAtLeast = (role: MemberRole | null, wanted: MemberRole): boolean =>
  role !== null && memberRoles.indexOf(role) <= memberRoles.indexOf(wanted)

/** The weakest role that has a permission; null for one that no role has. */
export const roleFor = (permission: Permission): MemberRole | null => needed.get(permission) ?? null

const has = (role: MemberRole | null, permission: Permission): boolean => {
  const wanted = needed.get(permission)
  return wanted !== undefined && isAtLeast(role, wanted)
}

const refuseRole = (permission: Permission, role: MemberRole | null): never =>
  refuse('role_missing', { details: { permission, role, sufficientRole: roleFor(permission) } })

/**
 * Refuses a person who has the permission in no company at all, before anything is looked up. Without any company the answer is that of
 * the company in the path: a 404.
 * @throws Refusal `role_missing`
 */
export function requireRoleSomewhere(permission: Permission, actor: BoardActor): void {
  if (actor.companies === null || everyone.has(permission) || actor.companies.size === 0) return
  const roles = [...actor.companies.values()]
  if ([...actor.grants.values()].some((grants) => isGranted(grants, permission))) return
  if (!roles.some((role) => has(role, permission))) refuseRole(permission, roles.length === 1 ? (roles[0] ?? null) : null)
}

/** Whether the role of a person in a company, or what it was granted there, has a permission. Every other caller has no roles, and true. */
export function hasInCompany(actor: Actor, permission: Permission, companyId: string): boolean {
  if (actor.kind !== 'board' || actor.companies === null) return true
  return has(actor.companies.get(companyId) ?? null, permission) || isGranted(actor.grants.get(companyId) ?? [], permission)
}

/**
 * The caller as the verbs see it: a person with its role in the company that the request is about (I8).
 * @param companyId null for a request about no company
 * @throws Refusal `role_missing` when the role does not have the permission
 */
export function actorIn(actor: Actor, permission: Permission, companyId: string | null): Actor {
  if (actor.kind !== 'board' || actor.companies === null || companyId === null) return actor
  const role = actor.companies.get(companyId) ?? null
  if (!hasInCompany(actor, permission, companyId)) refuseRole(permission, role)
  return { ...actor, role }
}

/**
 * Whether the caller decides what this host runs: the server itself, the board of this machine, an administrator, or an owner or admin
 * of the company. Agents and other people only propose it (I18).
 */
export const decidesForHost = (actor: Actor): boolean =>
  actor.kind === 'system' || (actor.kind === 'board' && isAtLeast(actor.role, 'admin'))
