import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { witnessProblems } from './witnessProblems.ts'

/**
 * Why a timeline began: `counter_behind`: rows had tickets that the counter of the database had not reached;
 * `other_cluster`: the database stands in another cluster than before.
 */
export const timelineCauses = ['counter_behind', 'other_cluster'] as const

/**
 * The state of the heads outside the database when a timeline began: `agrees`; `contradicted` by at least one chain; `absent`: no
 * row was sealed yet, or this home had not seen the chains; or `damaged`.
 */
export const timelineWitnesses = ['agrees', 'contradicted', 'absent', 'damaged'] as const

/** The audit of a restored database goes on from here. The line of the file of heads signs it. */
export const timelineOpened = event(
  'audit.timeline_opened',
  'instance',
  z.object({
    timeline: z.int(),
    cause: z.enum(timelineCauses),
    /** Of the event counter before; and of this row, behind all tickets of before. */
    counter: z.string(),
    newest: z.string(),
    ticket: z.string(),
    cluster: z.string().nullable(),
    witness: z.enum(timelineWitnesses),
    contradictedHeads: z.int(),
    keyId: z.string(),
    line: z.int(),
    signature: z.string(),
  }),
)

/** An operator accepted the record as it is: what the witness found before counts no longer. */
export const witnessAccepted = event(
  'audit.witness_accepted',
  'instance',
  z.object({
    reason: z.string(),
    problem: z.enum(witnessProblems).nullable(),
    contradictedHeads: z.int(),
    heads: z.int(),
    keyId: z.string(),
    lines: z.int(),
  }),
)
