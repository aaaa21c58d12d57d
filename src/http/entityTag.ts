import { hash } from 'node:crypto'
import { refuse } from '../platform/kernel/errors.ts'
import type { Instant } from '../platform/kernel/time.ts'

/** Stands between the version of a row and the hash of an answer. */
const HASH_MARK = '~'
const HASH_LENGTH = 16

/**
 * The `ETag` of the answer to a GET: the version of its row and a hash of the answer, which says more than the row, such as the status of a
 * blocker. `If-None-Match` asks about the answer, `If-Match` about the version alone.
 */
export const answerTag = (version: string, answer: string): string =>
  `${version.slice(0, -1)}${HASH_MARK}${hash('sha256', answer, 'base64url').slice(0, HASH_LENGTH)}"`

/** The version of a row in an entity tag that a client sends. A proxy may have written behind the hash. */
export const versionOf = (tag: string): string => tag.split(HASH_MARK, 1)[0] ?? tag

/** The `ETag` header of a row that has no version of its own: every change of the row moves `updatedAt` (`nextUpdatedAt`). */
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
