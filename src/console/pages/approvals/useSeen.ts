import { useState } from 'react'
import type { ApprovalDetail } from '../../api/types.ts'
import { isOpen } from './words.ts'

export interface Seen {
  /** The version that was shown first, or that was read again since. */
  readonly version: ApprovalDetail
  /** The approval has become another one since: it has to be read again before a decision. */
  readonly isChanged: boolean
  /** The new version was read. */
  readonly accept: () => void
}

/**
 * Remembers the version of an approval that the reader has looked at. A page that is kept fresh would else change between a look and a
 * key, and the decision would be about something that was never read.
 */
export function useSeen(approval: ApprovalDetail): Seen {
  const [version, setVersion] = useState(approval)
  return {
    version,
    isChanged: isOpen(approval) && version.payloadHash !== approval.payloadHash,
    accept: () => setVersion(approval),
  }
}
