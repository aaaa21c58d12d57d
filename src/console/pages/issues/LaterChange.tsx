import type { ReactNode } from 'react'
import { Time } from '../../parts/Time.tsx'
import { useLastChange } from './data.ts'
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

/** Who changed a row after it was read, and what. */
export function LaterChange({ before, now, names, onAgain }: LaterChangeProps): ReactNode {
  const last = useLastChange(now.id, true)
  const changes = changesBetween(before, now, names)
  const who =
    last === null
      ? null
      : last.actorType === 'agent'
        ? names.nameOfAgent(last.actorId)
        : last.actorType === 'user'
          ? names.nameOfPerson(last.actorId)
          : 'The server'
  return (
    <div className="later-change">
      <p>
        {who === null ? 'Its last change was' : `${who} made the last change of it,`} <Time at={last?.createdAt ?? now.updatedAt} />.{' '}
        {changes.length === 0 ? 'What the list shows of it is the same as before.' : `Now: ${changes.join(', ')}.`}
      </p>
      {onAgain !== undefined && (
        <button type="button" className="secondary" onClick={onAgain}>
          Change it all the same
        </button>
      )}
    </div>
  )
}
