import type { AgentActor, BoardActor, GrantKey, MemberRole } from '../platform/kernel/actor.ts'
import type { AgentRole } from '../model/agentStatus.ts'
import type { Permission } from './permissions.ts'

// Power is defined in this one place (I21): the meaning of every field that an agent may send, and the function that says which
// fields of a change only the board gives. Hires, changes of agents and of their permissions, rollbacks, imports and
// resubmitted proposals ask it; `src/dev/testing/power.test.ts` fails for a field without a meaning.

/**
 * The meaning of a field in the body of an agent.
 *
 * - `free`: it gives no power, or the rules of its row decide (an assignee needs `tasks:assign` and the write gate).
 * - `own`: how an agent presents itself. The agent itself, a CEO and an agent creator change it.
 * - `managed`: a CEO and an agent creator change it of others.
 * - `power`: as `managed`, and a proposal when `powerIn` names it.
 * - `host`: what this host runs, opens or connects to, a schedule, or the instructions of an agent. Never without the board.
 * - `board`: no agent changes it, and none can propose it.
 */
export type FieldMeaning = 'free' | 'own' | 'managed' | 'power' | 'host' | 'board'

const free = <K extends string>(...names: readonly K[]): Record<K, 'free'> =>
  Object.fromEntries(names.map((name) => [name, 'free'])) as Record<K, 'free'>

const issueFields = {
  ...free('title', 'description', 'priority', 'projectId', 'projectWorkspaceId', 'goalId', 'parentId', 'assigneeAgentId'),
  ...free('assigneeUserId', 'requestDepth', 'billingCode', 'assigneeAdapterOverrides', 'useProjectWorkspace', 'labelIds'),
  ...free('blockedByIssueIds', 'status'),
  adapterConfig: 'host',
} as const

const packageFields = free('include', 'company', 'agents', 'projects', 'issues', 'skills', 'selectedFiles')
const exportFields = { ...packageFields, ...free('projectIssues', 'expandReferencedSkills') } as const

/** The fields of every body that an agent may send, by the permission of its routes. Fields of an inner object count by their own names. */
export const fieldMeanings = {
  'agent.update': {
    name: 'managed',
    title: 'own',
    icon: 'own',
    capabilities: 'own',
    metadata: 'own',
    role: 'power',
    reportsTo: 'power',
    adapterType: 'host',
    adapterConfig: 'host',
    desiredSkills: 'host',
    runtimeConfig: 'host',
    replaceAdapterConfig: 'host',
    // 0 is no limit, so no number is lower than every other one, and an agent changes no budget at all.
    budgetMonthlyCents: 'board',
    spentMonthlyCents: 'board',
    status: 'board',
    permissions: 'board',
  },
  'agent.hire': {
    ...free('name', 'title', 'icon', 'capabilities', 'metadata', 'sourceIssueId', 'sourceIssueIds'),
    // A new agent holds no work that its manager could take, and without a budget it has no limit, so a budget only limits it.
    ...free('reportsTo', 'budgetMonthlyCents'),
    role: 'power',
    permissions: 'power',
    canCreateAgents: 'power',
    adapterType: 'host',
    adapterConfig: 'host',
    desiredSkills: 'host',
    runtimeConfig: 'host',
  },
  'agent.permissions': { canCreateAgents: 'power', canAssignTasks: 'power' },
  'agent.wake': {
    ...free('source', 'triggerDetail', 'reason', 'payload', 'issueId', 'issueIds', 'approvalId', 'commentId', 'taskKey', 'resumeFromRunId'),
    ...free('idempotencyKey', 'forceFreshSession'),
  },
  // A proposal with the whole text; a folder is opened for the board alone.
  'skill.import': free('source', 'files', 'file', 'projectIds', 'workspaceIds'),
  'skill.sync': { desiredSkills: 'host' },
  'instructions.write': {
    // Its own directly; of another agent the verb makes a proposal of it.
    ...free('content', 'baseRevisionId', 'entryFile', 'mode'),
    path: 'host',
    adapterConfigKey: 'host',
    rootPath: 'host',
    clearLegacyPromptTemplate: 'host',
  },

  // Nothing of it is stored or looked up.
  'adapter.test': free('adapterConfig'),

  'company.update': {
    ...free('name', 'description', 'brandColor', 'logoAssetId', 'reason'),
    status: 'board',
    budgetMonthlyCents: 'board',
    spentMonthlyCents: 'board',
    requireBoardApprovalForNewAgents: 'board',
    feedbackDataSharingEnabled: 'board',
    feedbackDataSharingTermsVersion: 'board',
  },

  'project.write': {
    ...free('name', 'description', 'status', 'goalId', 'goalIds', 'targetDate', 'color', 'archivedAt', 'workspace'),
    // The lead of a project may do nothing that other agents may not.
    ...free('leadAgentId'),
    ...free('sourceType', 'repoUrl', 'repoRef', 'defaultRef', 'visibility', 'remoteProvider', 'remoteWorkspaceRef', 'sharedWorkspaceKey'),
    ...free('metadata', 'isPrimary'),
    env: 'host',
    executionWorkspacePolicy: 'host',
    cwd: 'host',
    setupCommand: 'host',
    cleanupCommand: 'host',
    runtimeConfig: 'host',
  },
  // Its own workspace; closing one deletes files of this host.
  'workspace.write': { ...free('name', 'metadata'), status: 'board', confirmation: 'board' },
  'goal.write': free('title', 'description', 'parentId', 'ownerAgentId', 'level', 'status'),
  'label.write': free('name', 'color'),

  'issue.create': { ...issueFields, idempotencyKey: 'free' },
  'issue.update': { ...issueFields, ...free('hiddenAt', 'comment', 'reopen', 'interrupt') },
  'issue.comment': free('body', 'reopen', 'interrupt', 'idempotencyKey'),
  // An agent reserves more than is usual, and never less (`amountToReserve`).
  'issue.checkout': free('agentId', 'expectedStatuses', 'reserveCents'),
  'issue.claim': free('statuses', 'projectId', 'labelIds', 'assignedOnly', 'reserveCents'),
  'issue.documents.write': free('title', 'format', 'body', 'changeSummary', 'baseRevisionId'),
  'issue.workProducts.write': {
    ...free('type', 'provider', 'title', 'status', 'reviewState', 'isPrimary', 'healthStatus', 'externalId', 'url', 'summary'),
    ...free('metadata', 'projectId', 'executionWorkspaceId', 'runtimeServiceId', 'createdByRunId'),
  },
  'asset.create': free('file', 'namespace'),
  'attachment.write': free('file', 'issueCommentId'),
  // A question changes nothing until the board answers it.
  'interaction.create': {
    ...free('kind', 'idempotencyKey', 'sourceCommentId', 'title', 'summary', 'continuationPolicy', 'payload', 'version'),
    ...free('defaultParentId', 'tasks', 'clientKey', 'parentClientKey', 'parentId', 'description', 'priority', 'assigneeAgentId'),
    ...free('assigneeUserId', 'projectId', 'goalId', 'billingCode', 'labels', 'hiddenInPreview', 'submitLabel', 'questions', 'id'),
    ...free('prompt', 'helpText', 'selectionMode', 'required', 'options', 'label', 'acceptLabel', 'rejectLabel', 'key', 'target'),
    ...free('rejectRequiresReason', 'detailsMarkdown', 'supersedeOnUserComment', 'type', 'issueId', 'documentId', 'revisionId'),
    ...free('revisionNumber'),
  },
  // A proposal changes nothing until the board decides on it.
  'approval.create': free('type', 'payload', 'requestedByAgentId', 'issueIds', 'idempotencyKey'),
  'approval.resubmit': free('payload'),
  'approval.comment': free('body', 'idempotencyKey'),
  'approval.link': free('approvalId'),

  // An invitation lets no person and no agent in: a person decides about people, and `powerIn` limits which agents another agent lets in.
  'invite.prompt': free('agentMessage'),
  'invite.write': {
    ...free('allowedJoinTypes', 'agentMessage'),
    memberRole: 'power',
    defaultsPayload: 'host',
  },

  'run.open': free('issueId', 'leaseSeconds', 'externalRunId', 'reserveCents'),
  // Where and when it counts is that of the run: an agent that could choose would choose the limit that it spends.
  'cost.report': {
    ...free(
      'agentId',
      'provider',
      'model',
      'costCents',
      'costMicrocents',
      'occurredAt',
      'issueId',
      'projectId',
      'goalId',
      'heartbeatRunId',
    ),
    ...free('billingCode', 'biller', 'billingType', 'inputTokens', 'cachedInputTokens', 'outputTokens', 'externalId'),
    correctsId: 'board',
  },
  // An agent lowers its own budget; the verb makes a proposal of anything else.
  'budget.lower': { budgetMonthlyCents: 'power' },

  // An agent writes only routines that are assigned to itself, within the quotas of `control/routines/limits.ts`. A routine that would wake or instruct
  // another agent, and one that the board has stopped, is refused by the verbs.
  'routine.write': {
    ...free('title', 'description', 'projectId', 'goalId', 'parentIssueId', 'assigneeAgentId', 'priority', 'status'),
    ...free('concurrencyPolicy', 'catchUpPolicy', 'variables', 'name', 'label', 'type', 'defaultValue', 'required', 'options'),
    ...free('kind', 'enabled', 'cronExpression', 'timezone', 'signingMode', 'replayWindowSec'),
    ...free('triggerId', 'payload', 'idempotencyKey', 'source'),
  },

  'run.finish': free('status', 'error', 'errorCode', 'usageJson', 'resultJson'),

  'company.export': exportFields,
  'company.exportSafe': exportFields,
  // `powerIn` restricts what the files of a package say: see `control/portability/plan.ts`.
  'company.importSafe': {
    ...packageFields,
    ...free('source', 'type', 'rootPath', 'files', 'url', 'target', 'mode', 'newCompanyName', 'companyId', 'collisionStrategy'),
    // Only the imports of the board read it.
    adapterOverrides: 'host',
  },
} as const satisfies Partial<Record<Permission, Readonly<Record<string, FieldMeaning>>>>

/** The fields of a permission's bodies that have a meaning. */
export const fieldsMeaning = (permission: keyof typeof fieldMeanings, meaning: FieldMeaning): ReadonlySet<string> =>
  new Set(Object.entries(fieldMeanings[permission]).flatMap(([name, its]) => ((its as FieldMeaning) === meaning ? [name] : [])))

/**
 * The grants that a person may give to an agent besides those that come with its permissions. `users:manage_permissions` is not among
 * them: who gives grants and roles is a person.
 */
export const grantsForAgents = ['users:invite', 'joins:approve'] as const satisfies readonly GrantKey[]

/** The role to which an agent may invite people: the one that changes nothing. Every other one has power that no agent has. */
export const roleInvitedByAgents: MemberRole = 'viewer'

/** The part of an agent that gives it power, before a change. */
export interface Authority {
  readonly id: string
  readonly role: AgentRole
  readonly reportsTo: string | null
  readonly canCreateAgents: boolean
  readonly canAssignTasks: boolean
}

/** A role with a higher rank has, or is expected to have, a say over one with a lower rank. */
const ranks: Readonly<Partial<Record<string, number>>> = { ceo: 2, cto: 1, cmo: 1, cfo: 1 }
const rankOf = (role: string): number => ranks[role] ?? 0

/** Whether a change of role gives up rank. */
export const stepsDown = (before: string, after: string | undefined): boolean => after !== undefined && rankOf(after) < rankOf(before)

/** The part of an actor that the rules look at. */
type Ranked = Pick<AgentActor, 'agentId' | 'role'>

/** A person that does not decide about this host has no rank among agents. */
const withoutRank: Ranked = { agentId: '', role: 'general' }

type Rule = (actor: Ranked, before: Authority | null, value: unknown) => boolean

const isNonEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length > 0

/** A setting of the host. A new agent without one runs nothing; of an existing agent each one counts. */
const hostSetting: Rule = (_, before, value) => before !== null || isNonEmpty(value)

/** A permission that is granted; or taken from another agent that is not below the actor. Giving up one's own is not power. */
const permission =
  (key: 'canCreateAgents' | 'canAssignTasks'): Rule =>
  (actor, before, value) => {
    const had = before?.[key] ?? false
    return value === true ? !had : had && before !== null && before.id !== actor.agentId && rankOf(before.role) >= rankOf(actor.role)
  }

const rules: Readonly<Record<string, Rule>> = {
  // Upwards; above oneself; or of another agent that is not below the actor. An agent may step down.
  role: (actor, before, value) => {
    const rank = rankOf(String(value))
    if (before === null) return value === 'ceo' || rank > rankOf(actor.role)
    if (rank === rankOf(before.role)) return false
    return rank > rankOf(before.role) || (before.id !== actor.agentId && rankOf(before.role) >= rankOf(actor.role))
  },
  // A manager may override the work of every agent below it, so each change of a line gives or takes power.
  reportsTo: (_, before, value) => before !== null && value !== before.reportsTo,
  canCreateAgents: permission('canCreateAgents'),
  canAssignTasks: permission('canAssignTasks'),
  adapterType: (_, before, value) => before !== null || value !== 'process',
  adapterConfig: hostSetting,
  desiredSkills: hostSetting,
  runtimeConfig: hostSetting,
  replaceAdapterConfig: hostSetting,
  memberRole: (_, __, value) => value !== roleInvitedByAgents,
  defaultsPayload: hostSetting,
}

/**
 * The fields of a change that give a party power over agents, issues or money, or decide what this host runs (I18, I21):
 * an agent can only propose them. Pure; the order of the fields does not matter.
 * @param before the agent as it is; null for a new one
 * @param changes the fields that the change names; undefined ones do not count
 */
export const powerIn = (actor: AgentActor | BoardActor, before: Authority | null, changes: Readonly<Record<string, unknown>>): string[] => {
  const ranked = actor.kind === 'agent' ? actor : withoutRank
  return Object.entries(changes).flatMap(([name, value]) =>
    value !== undefined && rules[name]?.(ranked, before, value) === true ? [name] : [],
  )
}
