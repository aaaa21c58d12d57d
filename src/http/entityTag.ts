import { refuse } from '../platform/kernel/errors.ts'
import type { Instant } from '../platform/kernel/time.ts'

/** The `ETag` header of a row that has no version of its own: every change of the row moves `updatedAt`. */
export const rowTag = ({ updatedAt }: { readonly updatedAt: Instant }): Record<string, string> => ({ ETag: `"${updatedAt}"` })

/**
 * Refuses a change of a row that is not the one that the client has read (`cases.md` K36). Expects the row under its lock.
 * @param row the row as the client may see it, with the name by which the refusal shows it
 * @throws Refusal `precondition_failed`
 */
export function requireTag(ifMatch: string | null, row: { readonly updatedAt: Instant }, name: string): void {
  if (ifMatch !== null && ifMatch !== row.updatedAt)
    refuse('precondition_failed', { message: `The ${name} has changed since`, extraFields: { [name]: row } })
}
