import { useEffect, useState } from 'react'
import type { DragEvent, ReactNode } from 'react'
import { useCompany } from '../../frame/company.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { formatNumber } from '../../parts/time.ts'
import { CARD_TYPE } from './boardActs.ts'
import type { BoardActs } from './boardActs.ts'
import { BoardCard } from './BoardCard.tsx'
import { useIssues } from './data.ts'
import type { Filter, IssueRow, IssueStatus } from './filters.ts'
import type { Names } from './names.ts'

interface BoardColumnProps {
  readonly status: IssueStatus
  readonly filter: Filter
  readonly names: Names
  readonly acts: BoardActs
  readonly cursor: string | null
  readonly moving: string | null
}

/** Cards of a column that are read at once. */
const CARDS = 30

/** The issues of one status, which take cards that are dropped on them. */
export function BoardColumn({ status, filter, names, acts, cursor, moving }: BoardColumnProps): ReactNode {
  const read = useIssues(useCompany().id, { ...filter, status }, CARDS)
  const [isOver, setOver] = useState(false)
  const { rows } = read
  useEffect(() => rows.forEach(acts.know))
  const onDrop = (event: DragEvent): void => {
    setOver(false)
    const card = event.dataTransfer.getData(CARD_TYPE)
    if (card === '') return
    event.preventDefault()
    acts.move(JSON.parse(card) as IssueRow, status)
  }
  return (
    <section
      className={isOver ? 'column over' : 'column'}
      aria-labelledby={`column-${status}`}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(CARD_TYPE)) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <h2 id={`column-${status}`}>
        <Status of={status} />{' '}
        <span className="soft">
          {formatNumber(rows.length)}
          {read.hasMore && '+'}
        </span>
      </h2>
      {read.problem !== null && <Problem problem={read.problem} retry={read.retry} />}
      {read.isLoading && read.problem === null && <Skeleton lines={3} />}
      <ul data-column={status}>
        {rows.map((row) => (
          <BoardCard key={row.id} row={row} names={names} acts={acts} isAtCursor={cursor === row.id} isMoving={moving === row.id} />
        ))}
      </ul>
      {!read.isLoading && rows.length === 0 && read.problem === null && <p className="soft none">None</p>}
      {read.hasMore && (
        <button type="button" className="quiet" disabled={read.isLoadingMore} onClick={read.loadMore}>
          Show more
        </button>
      )}
    </section>
  )
}
