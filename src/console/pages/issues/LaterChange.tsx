import type { ReactNode } from 'react'
import { ChangedBy } from '../../people/ChangedBy.tsx'
import { changesBetween } from './changes.ts'
import type { IssueRow } from './filters.ts'
import type { Names } from './names.ts'

interface LaterChangeProps {
  readonly before: IssueRow
  readonly now: IssueRow
  readonly names: Names
  /** Makes the refused change on the row as it is now. */
  readonly onAgain?: () => void
}

/** The author of a change of a row after it was read, and the change. */
export function LaterChange({ before, now, names, onAgain }: LaterChangeProps): ReactNode {
  const changes = changesBetween(before, now, names)
  return (
    <div className="later-change">
      <ChangedBy entityType="issue" entityId={now.id} />
      <p>{changes.length === 0 ? 'What the list shows of it is the same as before.' : `Now: ${changes.join(', ')}.`}</p>
      {onAgain !== undefined && (
        <button type="button" className="secondary" onClick={onAgain}>
          Change it all the same
        </button>
      )}
    </div>
  )
}
