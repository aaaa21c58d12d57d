import { z } from 'zod'

/** Longest reason of an act, in characters: a sentence or two for the audit log. */
const REASON_MAX = 1000

/** Why a person acts, for the audit log (`cases.md` K35). A blank one is none. */
const reason = z
  .string()
  .trim()
  .max(REASON_MAX)
  .nullish()
  .transform((text) => (text === undefined || text === null || text === '' ? null : text))

/** The body of an act of a person that may have a reason. */
export const reasonBody = z.object({ reason })

/** The part of an event's details that has the reason; nothing when there is none. */
export const reasonDetails = (given: string | null): { reason?: string } => (given === null ? {} : { reason: given })
