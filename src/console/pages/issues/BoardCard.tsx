import { useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import { carry } from './boardActs.ts'
import type { BoardActs } from './boardActs.ts'
import { Holder } from './columns.tsx'
import type { IssueRow } from './filters.ts'
import { assigneeOf, nameOfAssignee } from './names.ts'
import type { Names } from './names.ts'
import { Priority } from './Priority.tsx'

interface BoardCardProps {
  readonly row: IssueRow
  readonly names: Names
  readonly acts: BoardActs
  readonly isAtCursor: boolean
  readonly isMoving: boolean
}

/** One issue on a board. */
export function BoardCard({ row, names, acts, isAtCursor, isMoving }: BoardCardProps): ReactNode {
  const pathOf = useCompanyPath()
  const element = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (isAtCursor) element.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [isAtCursor, row.status])
  const isHeld = row.activeRun !== null || row.checkoutRunId !== null || row.executionRunId !== null
  return (
    <li
      ref={element}
      className={`board-card${isAtCursor ? ' cursor' : ''}${isMoving ? ' moving' : ''}`}
      data-card={row.id}
      aria-current={isAtCursor ? 'true' : undefined}
      aria-busy={isMoving}
      draggable
      onDragStart={(event) => carry(event, row)}
      onClick={() => acts.focus(row.id)}
    >
      <p className="top">
        <span className="mono soft">{row.identifier}</span>
        <button
          type="button"
          className="quiet"
          aria-label={`Move ${row.identifier}`}
          title="Key: s"
          onClick={() => acts.edit(row, 'status')}
        >
          ⋯
        </button>
      </p>
      <Link to={pathOf(`issues/${row.identifier}`)} draggable={false} onFocus={() => acts.focus(row.id)}>
        {row.title}
      </Link>
      <p className="bottom">
        <Priority of={row.priority} />
        <span>{nameOfAssignee(assigneeOf(row), names) ?? <span className="soft">unassigned</span>}</span>
        {isHeld && <Holder row={row} names={names} />}
      </p>
    </li>
  )
}
