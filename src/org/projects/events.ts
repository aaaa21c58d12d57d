import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

export const projectCreated = event(
  'project.created',
  'project',
  z.object({
    name: z.string(),
    status: z.string(),
    goalIds: z.array(z.string()),
    leadAgentId: z.string().nullable(),
    workspaceId: z.string().nullable(),
  }),
)

/** Carries the changed fields with their new values, but only the names of `env`. */
export const projectUpdated = event(
  'project.updated',
  'project',
  z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)

export const projectDeleted = event(
  'project.deleted',
  'project',
  z.object({ name: z.string(), status: z.string(), issues: z.number(), workspaces: z.number() }),
)

const workspace = z.object({ workspaceId: z.string(), name: z.string(), isPrimary: z.boolean() })

/** Of commands, paths and configuration, only the names of the fields are recorded. */
export const workspaceCreated = event('project.workspace_created', 'project', workspace.extend({ sourceType: z.string() }))
export const workspaceUpdated = event('project.workspace_updated', 'project', workspace.extend({ changedKeys: z.array(z.string()) }))
export const workspaceDeleted = event('project.workspace_deleted', 'project', workspace.extend({ newPrimaryId: z.string().nullable() }))
