import { z } from 'zod'
import {
  routinePauseReasons,
  routineRunSources,
  routineRunStatus,
  routineStatus,
  skipReasons,
  triggerKinds,
} from '../../model/routineStatus.ts'
import { event } from '../../platform/kernel/event.ts'

export const routineCreated = event(
  'routine.created',
  'routine',
  z.object({
    title: z.string(),
    status: z.enum(routineStatus.statuses),
    assigneeAgentId: z.string().nullable(),
    projectId: z.string().nullable(),
  }),
)

/** Carries the changed fields with their new values, and the old values under `_previous`. */
export const routineUpdated = event(
  'routine.updated',
  'routine',
  z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)

/** The routine was stopped with what it belongs to: its agent ended, or its project was deleted. */
export const routineStopped = event(
  'routine.stopped',
  'routine',
  z.object({ status: z.enum(routineStatus.statuses), why: z.enum(routinePauseReasons) }),
)

/** Every active routine of a company was paused, or those that were so are active again. The id is that of the company. */
export const allRoutinesPaused = event(
  'routine.all_paused',
  'company',
  z.object({ routineIds: z.array(z.string()), reason: z.string().optional() }),
)
export const allRoutinesResumed = event(
  'routine.all_resumed',
  'company',
  z.object({ routineIds: z.array(z.string()), reason: z.string().optional() }),
)

const trigger = { routineId: z.string(), kind: z.enum(triggerKinds) }

export const triggerCreated = event(
  'routine.trigger_created',
  'routine_trigger',
  z.object({
    ...trigger,
    enabled: z.boolean(),
    cronExpression: z.string().nullable(),
    timezone: z.string().nullable(),
    signingMode: z.string().nullable(),
  }),
)
export const triggerUpdated = event(
  'routine.trigger_updated',
  'routine_trigger',
  z.object({ ...trigger, changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)
export const triggerDeleted = event('routine.trigger_deleted', 'routine_trigger', z.object(trigger))
export const triggerSecretRotated = event(
  'routine.trigger_secret_rotated',
  'routine_trigger',
  z.object({ ...trigger, version: z.number() }),
)

/** A routine ran, or a due time made no issue, with the reason. */
export const runTriggered = event(
  'routine.run_triggered',
  'routine_run',
  z.object({
    routineId: z.string(),
    triggerId: z.string().nullable(),
    source: z.enum(routineRunSources),
    status: z.enum(routineRunStatus.statuses),
    dueAt: z.string().nullable(),
    issueId: z.string().nullable(),
    why: z.enum(skipReasons).nullable(),
    failureReason: z.string().nullable(),
  }),
)
/** The issue of a run was done, cancelled or deleted. */
export const runFinished = event(
  'routine.run_finished',
  'routine_run',
  z.object({ routineId: z.string(), status: z.enum(routineRunStatus.statuses), issueId: z.string().nullable() }),
)
/** Old runs were deleted. The id is that of the company. */
export const routineRunsForgotten = event('routine.runs_forgotten', 'company', z.object({ runs: z.number() }))
