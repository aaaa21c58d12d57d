import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { z } from 'zod'
import { listOf } from '../../http/query.ts'
import { adapterConfigUnion, MAX_DESIRED_SKILLS } from '../../adapters/index.ts'
import { adapterTypes } from '../../model/adapterTypes.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { keyScopes } from '../../platform/kernel/actor.ts'
import { instant, sentInstant } from '../../platform/kernel/time.ts'
import { agentRoles, agentStatus } from '../../model/agentStatus.ts'

const INT_MAX = 2_147_483_647
const json = z.record(z.string(), z.unknown())
const id = z.uuid().transform((value) => value.toLowerCase())
const line = z.string().trim().min(1).max(200)
const agentName = line.refine(isVisible, NOTHING_VISIBLE)

export const agentView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  name: z.string(),
  urlKey: z.string(),
  role: z.enum(agentRoles),
  title: z.string().nullable(),
  icon: z.string().nullable(),
  status: z.enum(agentStatus.statuses),
  reportsTo: z.uuid().nullable(),
  capabilities: z.string().nullable(),
  adapterType: z.string(),
  adapterConfig: json,
  runtimeConfig: json,
  budgetMonthlyCents: z.int(),
  spentMonthlyCents: z.int(),
  pauseReason: z.string().nullable(),
  pausedAt: instant.nullable(),
  permissions: z.strictObject({ canCreateAgents: z.boolean() }),
  lastHeartbeatAt: instant.nullable(),
  metadata: json.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

const membershipView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  principalType: z.enum(['user', 'agent']),
  principalId: z.string(),
  status: z.enum(['pending', 'active', 'suspended']),
  membershipRole: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

const grantView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  principalType: z.enum(['user', 'agent']),
  principalId: z.string(),
  permissionKey: z.string(),
  scope: json.nullable(),
  grantedByUserId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const agentDetail = z.strictObject({
  ...agentView.shape,
  chainOfCommand: z.array(
    z.strictObject({
      id: z.uuid(),
      name: z.string(),
      role: z.string(),
      title: z.string().nullable(),
      /** A terminated manager stays in the chain until the agent gets another one. */
      status: z.enum(agentStatus.statuses),
    }),
  ),
  access: z.strictObject({
    canAssignTasks: z.boolean(),
    taskAssignSource: z.enum(['ceo_role', 'agent_creator', 'explicit_grant', 'none']),
    membership: membershipView.nullable(),
    grants: z.array(grantView),
  }),
})

/** A switch or a number of another type would be the default, and the caller would not notice (`cases.md` K58). */
const heartbeatConfig = z.looseObject({
  enabled: z.boolean().nullish().describe('`false`: the timer does not wake the agent'),
  wakeOnDemand: z.boolean().nullish().describe('`false`: nothing but the timer wakes the agent'),
  wakeOnAssignment: z.boolean().nullish().describe('Kept for clients of Paperclip; has no effect'),
  wakeOnOnDemand: z.boolean().nullish().describe('Kept for clients of Paperclip; has no effect'),
  wakeOnAutomation: z.boolean().nullish().describe('Kept for clients of Paperclip; has no effect'),
  intervalSec: z.number().nullish().describe('Seconds between two wakes by the timer, 10 to 30 days; below 1 there is no timer'),
  cooldownSec: z.number().nullish().describe('Kept for clients of Paperclip; has no effect'),
  maxConcurrentRuns: z.number().nullish().describe('Runs of the agent at once, 1 to 10'),
})
const runtimeConfig = z.looseObject({ heartbeat: heartbeatConfig.nullish().describe('What wakes the agent') })

const configurableFields = {
  role: z.enum(agentRoles).optional(),
  title: z.string().max(200).nullish(),
  icon: z.string().max(100).nullish(),
  reportsTo: id.nullish(),
  capabilities: z.string().max(10_000).nullish(),
  adapterType: z.enum(adapterTypes).optional(),
  adapterConfig: json.meta(adapterConfigUnion).optional(),
  /** Stored as `adapterConfig.desiredSkills`. */
  desiredSkills: z.array(z.string().min(1).max(100)).max(MAX_DESIRED_SKILLS).optional(),
  runtimeConfig: runtimeConfig.optional(),
  budgetMonthlyCents: z.int().min(0).max(INT_MAX).optional(),
  metadata: json.nullish(),
}

export const createAgentBody = z.object({
  name: agentName,
  ...configurableFields,
  permissions: z.object({ canCreateAgents: z.boolean().optional() }).optional(),
})
export type CreateAgent = z.output<typeof createAgentBody>

export const patchAgentBody = z.object({
  name: agentName.optional(),
  ...configurableFields,
  status: z.enum(['idle', 'active', 'error', 'running', 'paused']).optional(),
  spentMonthlyCents: z.int().min(0).max(INT_MAX).optional(),
  replaceAdapterConfig: z.boolean().optional(),
  permissions: z.never({ error: 'Change permissions with PATCH /api/agents/:id/permissions' }).optional(),
})
export type PatchAgent = z.output<typeof patchAgentBody>

/** The result of one check of a configuration. */
const environmentCheck = z.strictObject({
  code: z.string(),
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
  detail: z.string().nullable(),
  hint: z.string().nullable(),
})
export type ConfigurationWarning = z.output<typeof environmentCheck>

/** The field of an answer to a request that stores a configuration. */
export const configurationWarnings = { warnings: z.array(environmentCheck).optional() }
export const createdAgentView = z.strictObject({ ...agentView.shape, ...configurationWarnings })

/** The fields of an agent that hold a configuration with values that answers redact. */
export const configurationFields = ['adapterConfig', 'runtimeConfig', 'metadata'] as const satisfies readonly (keyof PatchAgent)[]

const scopes = z.array(z.enum(keyScopes))

export const keyBody = z.object({
  name: line.default('default'),
  // Years that every clock and every column can hold.
  expiresAt: sentInstant.refine((text) => /^2\d{3}-/.test(text), { error: 'Expected an instant of the years 2000 to 2999' }).nullish(),
  scopes: scopes.min(1).nullish(),
})
export type CreateKey = z.output<typeof keyBody>

const keyLimits = { expiresAt: instant.nullable(), scopes: scopes.nullable() }
export const keyCreatedView = z.strictObject({ id: z.uuid(), name: z.string(), token: z.string(), createdAt: instant, ...keyLimits })
export const keyItem = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  createdAt: instant,
  revokedAt: instant.nullable(),
  lastUsedAt: instant.nullable(),
  ...keyLimits,
})

export const permissionsBody = z.object({ canCreateAgents: z.boolean(), canAssignTasks: z.boolean() })
export type SetPermissions = z.output<typeof permissionsBody>

/** An agent's configuration, with secrets redacted. */
export const configurationView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  name: z.string(),
  role: z.enum(agentRoles),
  title: z.string().nullable(),
  status: z.enum(agentStatus.statuses),
  reportsTo: z.uuid().nullable(),
  adapterType: z.string(),
  adapterConfig: json,
  runtimeConfig: json,
  permissions: z.strictObject({ canCreateAgents: z.boolean() }),
  updatedAt: instant,
})

export const revisionView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  agentId: z.uuid(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  source: z.string(),
  rolledBackFromRevisionId: z.uuid().nullable(),
  changedKeys: z.array(z.string()),
  beforeConfig: json,
  afterConfig: json,
  createdAt: instant,
})

/** The result of a login in Paperclip's API. */
export const claudeLoginView = z.strictObject({
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  timedOut: z.boolean(),
  loginUrl: z.string().nullable(),
  stdout: z.string(),
  stderr: z.string(),
})

/** The configuration to check; the default is that of an agent that was created without one. */
export const environmentBody = z.object({ adapterConfig: json.meta(adapterConfigUnion).default({}) })
export const environmentView = z.strictObject({
  adapterType: z.string(),
  status: z.enum(['pass', 'warn', 'fail']),
  checks: z.array(environmentCheck),
  testedAt: instant,
})

export const okView = z.strictObject({ ok: z.literal(true) })

export const agentListQuery = z.object({
  status: listOf(z.enum(agentStatus.statuses), agentStatus.statuses.length).optional(),
  ...pageQuery,
})

/** The company in which a shortname is looked up. An agent's own company needs no query. */
export const shortnameQuery = z.object({ companyId: z.uuid().optional() })

/** The refusals of a route that starts a run of an agent. */
export const invokableRefusals = ['agent_not_invokable', 'budget_exhausted', 'company_not_active'] as const
