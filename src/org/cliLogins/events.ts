import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const access = z.enum(['board', 'instance_admin_required'])

/** A command line asked to act as a person. */
export const loginRequested = event(
  'cli_login.requested',
  'cli_login',
  z.object({ command: z.string(), clientName: z.string().nullable(), requestedAccess: access, address: z.string() }),
)
export const loginCancelled = event('cli_login.cancelled', 'cli_login', z.object({}))
export const boardKeyCreated = event(
  'board_api_key.created',
  'person',
  z.object({ keyId: z.uuid(), name: z.string(), expiresAt: z.string(), challengeId: z.uuid() }),
)
