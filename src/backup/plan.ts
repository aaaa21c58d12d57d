// The plan of a restore: everything that it has to end, decided once. It is written down in the transaction that ends the credentials, so that a repeat of a restore that was cut
// does the rest of exactly this.

import { z } from 'zod'
import { journalProblems } from './journal/problems.ts'

const liveKey = z.object({
  id: z.string(),
  companyId: z.string(),
  agentId: z.string(),
  agentName: z.string(),
  name: z.string(),
  expiresAt: z.string().nullable(),
  scopes: z.array(z.string()).nullable(),
})

/** A key of an agent that was alive when the backup was taken. */
export type LiveKey = z.output<typeof liveKey>

export const planSchema = z.object({
  /** How many credentials of each kind ended. */
  ended: z.record(z.string(), z.int()),
  /** Why no journal vouched for keys of agents; null when one did. */
  journalProblem: z.enum(journalProblems).nullable(),
  /** Until when the journal saw the instance; null where it does not say. */
  journalSeenUntil: z.string().nullable(),
  /** The keys that live on. Every other live key was issued by this restore. */
  keptKeyIds: z.array(z.string()),
  revokedKeys: z.int(),
  /** The keys that died only because no journal vouches for them: they are issued anew. */
  lostKeys: z.array(liveKey),
  /** The runs of the backup that had not ended. */
  runs: z.array(z.object({ id: z.string(), companyId: z.string() })),
  /** The agents that the journal ends again. */
  agents: z.array(z.object({ id: z.string(), companyId: z.string(), name: z.string(), end: z.enum(['terminated', 'quarantined']) })),
  /** The keys of homes that were in use, as far as the backup knew them. */
  keysInUse: z.object({ auditKeyIds: z.array(z.string()), sessionFingerprints: z.array(z.string()) }),
})
export type RestorePlan = z.output<typeof planSchema>
