import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const described = z.object({ name: z.string(), provider: z.string(), externalRef: z.string().nullable() })

export const secretCreated = event('secret.created', 'secret', described)

/** A new version. References to `latest` get it at the next start of a run. */
export const secretRotated = event('secret.rotated', 'secret', described.extend({ version: z.number() }))

/** Carries the changed fields with their new values, and the old values under `_previous`. Never a value of the secret. */
export const secretUpdated = event(
  'secret.updated',
  'secret',
  z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown()),
)

export const secretDeleted = event('secret.deleted', 'secret', described.extend({ versions: z.number() }))

/** A run was given a version of a secret, for these fields of its configuration. Recorded in the transaction that starts the run. */
export const secretRead = event(
  'secret.read',
  'secret',
  z.object({ name: z.string(), version: z.number(), issueId: z.string().nullable(), fields: z.array(z.string()) }),
)
