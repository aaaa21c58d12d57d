import { z } from 'zod'
import { keyScopes } from '../../platform/kernel/actor.ts'
import { event } from '../../platform/kernel/event.ts'

export const agentCreated = event(
  'agent.created',
  'agent',
  z.object({
    name: z.string(),
    role: z.string(),
    adapterType: z.string(),
    reportsTo: z.string().nullable(),
  }),
)
/** Carries the names of the changed fields, and the values of those that cannot contain a secret. */
export const agentUpdated = event(
  'agent.updated',
  'agent',
  z.object({
    changedKeys: z.array(z.string()),
    revisionId: z.string().nullable(),
    name: z.string().optional(),
    role: z.string().optional(),
    title: z.string().nullable().optional(),
    reportsTo: z.string().nullable().optional(),
    adapterType: z.string().optional(),
    budgetMonthlyCents: z.number().optional(),
  }),
)
/** An agent with more rows than one transaction deletes is terminated first; `agent.deleted` follows when they are gone. */
export const agentDeletionBegun = event(
  'agent.deletion_begun',
  'agent',
  z.object({ name: z.string(), previousStatus: z.string(), endedRunIds: z.array(z.string()), revokedKeyIds: z.array(z.string()) }),
)
export const agentDeleted = event(
  'agent.deleted',
  'agent',
  z.object({ name: z.string(), endedRunIds: z.array(z.string()), freedIssueIds: z.array(z.string()) }),
)
export const agentPaused = event(
  'agent.paused',
  'agent',
  z.object({ pauseReason: z.string(), endedRunIds: z.array(z.string()), reason: z.string().optional() }),
)
/** A run could not be started, so the agent is in `error`: its own command or configuration is at fault. */
export const agentStartFailed = event(
  'agent.start_failed',
  'agent',
  z.object({ runId: z.string(), errorCode: z.string(), error: z.string().nullable(), returnedIssueId: z.string().nullable() }),
)
export const agentStartsAgain = event('agent.starts_again', 'agent', z.object({ runId: z.string().nullable() }))
export const agentResumed = event(
  'agent.resumed',
  'agent',
  z.object({ previousPauseReason: z.string().nullable(), reason: z.string().optional() }),
)
export const agentQuarantined = event(
  'agent.quarantined',
  'agent',
  z.object({
    reason: z.string(),
    previousStatus: z.string(),
    endedRunIds: z.array(z.string()),
    revokedKeyIds: z.array(z.string()),
    closedWakeIds: z.array(z.string()),
  }),
)
export const agentQuarantineReleased = event('agent.quarantine_released', 'agent', z.object({ pausedAt: z.string().nullable() }))
export const agentTerminated = event(
  'agent.terminated',
  'agent',
  z.object({
    previousStatus: z.string(),
    endedRunIds: z.array(z.string()),
    revokedKeyIds: z.array(z.string()),
    reason: z.string().optional(),
  }),
)
export const keyCreated = event(
  'agent.key_created',
  'agent',
  z.object({
    keyId: z.string(),
    name: z.string(),
    expiresAt: z.string().optional(),
    scopes: z.array(z.enum(keyScopes)).readonly().optional(),
  }),
)
export const keyRevoked = event('agent.key_revoked', 'agent', z.object({ keyId: z.string(), name: z.string() }))

export const configRolledBack = event(
  'agent.config_rolled_back',
  'agent',
  z.object({ changedKeys: z.array(z.string()), revisionId: z.string().nullable(), rolledBackFromRevisionId: z.string() }),
)
/** The skills that the agent is to have, after the change. */
export const skillsSynced = event(
  'agent.skills_synced',
  'agent',
  z.object({ desiredSkills: z.array(z.string()), revisionId: z.string().nullable() }),
)
/** Without the path: where files lie on the host is in the revision. */
export const instructionsPathUpdated = event(
  'agent.instructions_path_updated',
  'agent',
  z.object({ isSet: z.boolean(), revisionId: z.string().nullable() }),
)
export const permissionsUpdated = event(
  'agent.permissions_updated',
  'agent',
  z.object({ canCreateAgents: z.boolean(), canAssignTasks: z.boolean() }),
)
/** A hire was requested. `approvalId` is null when no approval is needed. */
export const hireCreated = event(
  'agent.hire_created',
  'agent',
  z.object({
    name: z.string(),
    role: z.string(),
    adapterType: z.string(),
    reportsTo: z.string().nullable(),
    requiresApproval: z.boolean(),
    approvalId: z.string().nullable(),
    issueIds: z.array(z.string()),
  }),
)
/** The stored sessions of an agent were deleted: those of one task, or all when `taskKey` is null. */
export const sessionsReset = event(
  'agent.runtime_session_reset',
  'agent',
  z.object({ taskKey: z.string().nullable(), clearedTaskSessions: z.int() }),
)
/** An agent of before isolation runs isolated from now on, because nothing that it needs is missing. */
export const agentIsolated = event('agent.isolated', 'agent', z.object({}))
/** The board approved the hire. */
export const agentActivated = event('agent.activated', 'agent', z.object({ approvalId: z.string() }))
