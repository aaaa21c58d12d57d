import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const routineStatus = stateMachine('routine', {
  active: ['paused', 'archived'],
  paused: ['active', 'archived'],
  archived: ['active', 'paused'],
})
export type RoutineStatus = (typeof routineStatus.statuses)[number]

/** `completed` and `failed` follow the issue: it was done, or it was cancelled or deleted. */
export const routineRunStatus = stateMachine('routine run', {
  received: ['coalesced', 'skipped', 'issue_created', 'failed'],
  issue_created: ['completed', 'failed'],
  coalesced: [],
  skipped: [],
  completed: [],
  failed: [],
})
export type RoutineRunStatus = (typeof routineRunStatus.statuses)[number]

export const concurrencyPolicies = ['coalesce_if_active', 'always_enqueue', 'skip_if_active'] as const
export type ConcurrencyPolicy = (typeof concurrencyPolicies)[number]

export const catchUpPolicies = ['skip_missed', 'enqueue_missed_with_cap'] as const

export const triggerKinds = ['schedule', 'webhook', 'api'] as const

export const signingModes = ['bearer', 'hmac_sha256'] as const

export const routineRunSources = ['schedule', 'manual', 'api', 'webhook'] as const
export type RoutineRunSource = (typeof routineRunSources)[number]

export const variableTypes = ['text', 'textarea', 'number', 'boolean', 'select'] as const
export type VariableType = (typeof variableTypes)[number]

/** Why a routine is paused or archived. An agent resumes only what it has paused itself. */
export const routinePauseReasons = ['board', 'agent', 'pause_all', 'agent_ended', 'project_deleted'] as const
export type RoutinePauseReason = (typeof routinePauseReasons)[number]

/** Why a due time made no issue. */
export const skipReasons = [
  'missed',
  'issue_active',
  'company_paused',
  'company_archived',
  'project_paused',
  'project_archived',
  'no_assignee',
  'agent_not_invokable',
  'budget_exhausted',
  'agent_interval',
  'agent_quota',
  'fired_before',
] as const
export type SkipReason = (typeof skipReasons)[number]

/** The `originKind` of an issue that a routine has made. */
export const ROUTINE_ORIGIN = 'routine_execution'
