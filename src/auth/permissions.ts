import type { KeyScope } from '../platform/kernel/actor.ts'

/**
 * A kind of actor that can hold a permission. `public` needs no credential. `board` is a person with access to the
 * company and a role that has the permission (`roles.ts`), `admin` the instance's administrator, `token` the board by
 * its token, `agent` any agent of the company, `self` an agent for its own row, `ceo` an agent with that role,
 * `creator` an agent that may create agents, `inviter` an agent with the grant `users:invite`, and `admitter` one with
 * `joins:approve`. `power.ts` limits what the last two may give.
 *
 * Credentials of the board are made by `token` only: an account that is the board without a credential could otherwise make
 * itself one that outlives the moment.
 */
export type Holder = 'public' | 'board' | 'admin' | 'token' | 'agent' | 'self' | 'ceo' | 'creator' | 'inviter' | 'admitter'

/** The kinds of agents. */
export const agentHolders: readonly Holder[] = ['agent', 'self', 'ceo', 'creator', 'inviter', 'admitter']

/**
 * The whole policy as one table: which actors may call a route. The scope of the route decides about the company,
 * `roles.ts` about the role of a person in it, and the rules of the verb decide about the row.
 * `doc/generated/permissions.md` is the reviewed copy.
 */
export const permissions = {
  'health.read': ['public'],
  'whoami.read': ['public'],
  'document.read': ['public'],

  'company.list': ['board'],
  'company.create': ['admin'],
  'company.read': ['board', 'agent'],
  'company.update': ['board', 'ceo'],
  'company.archive': ['board'],
  'company.delete': ['board'],
  'company.export': ['board', 'agent'],
  'company.exportSafe': ['board', 'ceo'],
  'company.import': ['board'],
  'company.importSafe': ['board', 'ceo'],

  'agent.list': ['board', 'agent'],
  'agent.read': ['board', 'agent'],
  'agent.create': ['board'],
  'agent.update': ['board', 'self', 'ceo', 'creator'],
  'agent.delete': ['board'],
  'agent.lifecycle': ['board'],
  'agent.quarantine.read': ['board'],
  'agent.wake': ['board', 'self'],
  'agent.keys': ['board'],
  'agent.me': ['agent'],
  'agent.hire': ['board', 'ceo', 'creator'],
  'agent.org': ['board', 'agent'],
  'agent.permissions': ['board', 'ceo'],
  'agent.configuration': ['board', 'creator'],
  'agent.runtime': ['board'],
  'adapter.read': ['board', 'agent'],
  'adapter.test': ['board', 'creator'],
  // The texts that every server of a version has. They say nothing about this one.
  'skill.text': ['public'],
  'llms.read': ['board', 'creator'],
  'skill.read': ['board', 'agent'],
  'skill.ofAgent': ['board', 'creator', 'self'],
  'skill.import': ['board', 'creator'],
  'skill.manage': ['board'],
  'skill.sync': ['board', 'self', 'ceo', 'creator'],
  'instructions.read': ['board', 'agent'],
  // The verb refuses a peer: only who is above an agent proposes its instructions.
  'instructions.write': ['board', 'agent'],

  'issue.list': ['board', 'agent'],
  'issue.read': ['board', 'agent'],
  'issue.create': ['board', 'agent'],
  'issue.update': ['board', 'agent'],
  'issue.delete': ['board', 'agent'],
  'issue.comment': ['board', 'agent'],
  'issue.checkout': ['board', 'agent'],
  'issue.release': ['board', 'agent'],
  'issue.claim': ['agent'],
  'issue.forceRelease': ['board'],
  'lock.read': ['board', 'agent'],

  'goal.read': ['board', 'agent'],
  // Any agent may delete what is left of a plan, as the published clients do: issues keep their content, and the audit names
  // who did it. A document, and a file that a person attached, only the board deletes (`detachFile`).
  'goal.write': ['board', 'agent'],
  'goal.delete': ['board', 'agent'],
  'project.read': ['board', 'agent'],
  'project.write': ['board', 'agent'],
  'project.delete': ['board', 'agent'],
  'workspace.read': ['board', 'agent'],
  // The verb lets an agent name its own; only the board closes one.
  'workspace.write': ['board', 'agent'],
  'label.read': ['board', 'agent'],
  'label.write': ['board', 'agent'],
  'label.delete': ['board', 'agent'],

  'approval.read': ['board', 'agent'],
  'approval.create': ['board', 'agent'],
  'approval.decide': ['board'],
  'approval.resubmit': ['board', 'agent'],
  'approval.comment': ['board', 'agent'],
  'approval.link': ['board', 'ceo', 'creator'],

  'issue.documents.read': ['board', 'agent'],
  'issue.documents.write': ['board', 'agent'],
  'issue.documents.delete': ['board'],
  'asset.read': ['board', 'agent'],
  'asset.create': ['board', 'agent'],
  'attachment.read': ['board', 'agent'],
  'attachment.write': ['board', 'agent'],
  'attachment.delete': ['board', 'agent'],
  'issue.workProducts.read': ['board', 'agent'],
  'issue.workProducts.write': ['board', 'agent'],
  'issue.workProducts.delete': ['board', 'agent'],
  'interaction.read': ['board', 'agent'],
  'interaction.create': ['board', 'agent'],
  'interaction.resolve': ['board'],
  'issue.inbox': ['board'],
  'feedback.read': ['board'],
  'feedback.vote': ['board'],

  'run.read': ['board', 'agent'],
  'run.open': ['board', 'self'],
  'run.heartbeat': ['agent'],
  'run.finish': ['board', 'agent'],
  'run.cancel': ['board'],

  'cost.read': ['board', 'agent'],
  'cost.quotas': ['board'],
  'finance.write': ['board'],

  'cost.report': ['board', 'agent'],
  'budget.read': ['board', 'agent'],
  'budget.write': ['board'],
  'budget.lower': ['board', 'self'],
  'secret.read': ['board'],
  'secret.write': ['board'],
  // Events leave the server for a place that the board names, and agents name none (I18).
  'webhook.read': ['board'],
  'webhook.write': ['board'],
  // Its verbs let an agent write the routines that are assigned to itself, within quotas (I21).
  'routine.read': ['board', 'agent'],
  'routine.write': ['board', 'agent'],
  'routine.pauseAll': ['board'],
  // The secret of the trigger is the credential.
  'routine.fire': ['public'],
  'activity.read': ['board', 'agent'],
  'event.follow': ['board', 'agent'],
  'dashboard.read': ['board', 'agent'],
  'instance.heartbeats': ['admin'],
  'board.me': ['board'],
  'session.begin': ['public'],
  'session.read': ['board'],
  'session.end': ['board'],
  'session.password': ['board'],
  'cliLogin.ask': ['public'],
  'cliLogin.read': ['public'],
  'cliLogin.approve': ['board'],
  'boardClaim.read': ['public'],
  'boardClaim.claim': ['board'],
  'instance.people': ['admin'],
  'invite.write': ['board', 'inviter'],
  'invite.prompt': ['board', 'ceo', 'inviter'],
  'invite.read': ['public'],
  'invite.accept': ['public'],
  'join.read': ['board', 'admitter'],
  'join.decide': ['board', 'admitter'],
  'join.claim': ['public'],
  'member.read': ['board'],
  'member.write': ['board'],
  'board.link': ['token'],
  'board.rescue': ['token'],
  'instance.settings.read': ['board'],
  'instance.prices': ['board'],
  'instance.settings.write': ['admin'],
  'instance.activity': ['admin'],
  'instance.backups': ['admin'],
  'instance.masterKey': ['token'],
  'activity.verify': ['board'],
  'activity.export': ['board'],
  'activity.accept': ['token'],
} as const satisfies Record<string, readonly Holder[]>

export type Permission = keyof typeof permissions

const reads = [
  'invite.read',
  'join.read',
  'cliLogin.read',
  'boardClaim.read',
  'health.read',
  'whoami.read',
  'document.read',
  'company.read',
  'agent.list',
  'agent.read',
  'agent.me',
  'agent.org',
  'agent.configuration',
  'adapter.read',
  'skill.text',
  'llms.read',
  'skill.read',
  'skill.ofAgent',
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
  'run.read',
  'cost.read',
  'activity.read',
  'event.follow',
  'dashboard.read',
  'budget.read',
  'routine.read',
] as const satisfies readonly Permission[]

const comments = ['issue.comment', 'approval.comment'] as const satisfies readonly Permission[]

/**
 * The permissions of a key with a scope, as far as its agent has them. A key with several may do what any of them allows; a key without scopes may do all that its
 * agent may. A permission that stands in no scope needs such a key: whatever hires, configures or decides, and what shapes the
 * plan of the company. The token of a run that was opened with a key has the scopes of the key.
 */
export const scopePermissions: Readonly<Record<KeyScope, readonly Permission[]>> = {
  read: reads,
  comment: [...reads, ...comments],
  work: [
    ...reads,
    ...comments,
    'issue.create',
    'issue.update',
    'issue.delete',
    'issue.checkout',
    'issue.release',
    'issue.claim',
    'cost.report',
    'issue.documents.write',
    'asset.create',
    'attachment.write',
    'attachment.delete',
    'issue.workProducts.write',
    'issue.workProducts.delete',
    'interaction.create',
    'approval.create',
    'approval.resubmit',
    'run.open',
    'run.heartbeat',
    'run.finish',
  ],
}
