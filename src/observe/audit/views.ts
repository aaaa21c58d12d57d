import { z } from 'zod'
import { breakKinds } from './verify.ts'
import { timelineCauses, timelineWitnesses } from './events.ts'
import { sentInstant } from '../../platform/kernel/time.ts'
import { witnessProblems } from './witnessProblems.ts'

const position = z.coerce.number().int().min(1)

export const verifyQuery = z
  .object({ from: position.optional(), to: position.optional(), since: sentInstant.optional() })
  .refine(({ from, since }) => from === undefined || since === undefined, { error: 'Give from or since, not both', path: ['since'] })

/** The position at which an export goes on. */
export const exportQuery = z.object({ from: position.optional() })

export const verificationView = z.strictObject({
  ok: z.boolean(),
  companyId: z.uuid(),
  sealedRows: z.int(),
  unsealedRows: z.int(),
  head: z.strictObject({ position: z.int(), hash: z.string() }),
  checked: z.strictObject({ from: z.int(), to: z.int() }),
  notedHeads: z.int(),
  firstBroken: z
    .strictObject({
      position: z.int(),
      seq: z.int().nullable(),
      kind: z.enum(breakKinds),
      id: z.string().nullable(),
      action: z.string().nullable(),
    })
    .nullable(),
  witness: z.strictObject({ ok: z.boolean(), problem: z.enum(witnessProblems).nullable(), lines: z.int() }),
  timelines: z.array(
    z.strictObject({
      timeline: z.int(),
      openedAt: z.string(),
      cause: z.enum(timelineCauses),
      ticket: z.string(),
      witness: z.enum(timelineWitnesses),
    }),
  ),
})

export const acceptBody = z.object({ reason: z.string().trim().min(1).max(1000) })

export const acceptanceView = z.strictObject({
  /** The problem that the witness had. */
  problem: z.enum(witnessProblems).nullable(),
  /** Chains that contradicted their newest recorded head. */
  contradictedHeads: z.int(),
  /** Chains whose present ends are recorded from here on. */
  heads: z.int(),
})

/** A line of the export. The last line has `head` and `publicKey` instead of a row. */
export const exportLine = z.object({
  position: z.int().optional(),
  hash: z.string().optional(),
  row: z.record(z.string(), z.unknown()).nullable().optional(),
  head: z
    .object({
      companyId: z.uuid(),
      position: z.int(),
      hash: z.string(),
      at: z.string(),
      keyId: z.string(),
      signature: z.string(),
    })
    .optional(),
  publicKey: z.string().optional(),
})
