import { useState } from 'react'
import type { Answer } from '../api/client.ts'

/** A form over a row of the server. */
export interface Draft<Values> {
  readonly values: Values
  readonly set: (changes: Partial<Values>) => void
  /** The entity tag of the row as it was when the first change was typed, so that a change by another person meanwhile is noticed. */
  readonly etag: string | null
  /** Whether something was typed that is not saved. */
  readonly isChanged: boolean
  /** Whether the row on the server is another one than the one that the person began to change. */
  readonly isOld: boolean
  /** Forgets what was typed: after it was saved, or to begin again with the row of the server. */
  readonly reset: () => void
}

/**
 * Keeps what a person types into a form. Until the first change the form follows the server; from then on it keeps its values, also when
 * the row changes on the server.
 * @param answer the row as it was last read
 * @param valuesOf the fields of the form
 */
export function useDraft<Row, Values extends object>(answer: Answer<Row>, valuesOf: (row: Row) => Values): Draft<Values> {
  const [draft, setDraft] = useState<{ readonly values: Values; readonly etag: string | null } | null>(null)
  const values = draft?.values ?? valuesOf(answer.data)
  const etag = draft === null ? answer.etag : draft.etag
  return {
    values,
    set: (changes) => setDraft((before) => ({ values: { ...(before?.values ?? valuesOf(answer.data)), ...changes }, etag })),
    etag,
    isChanged: draft !== null,
    isOld: etag !== answer.etag,
    reset: () => setDraft(null),
  }
}
