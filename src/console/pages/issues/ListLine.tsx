import type { ReactNode } from 'react'
import type { PagesRead } from '../../api/reads.ts'
import { csvOf, download } from '../../parts/csv.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { formatNumber } from '../../parts/time.ts'
import type { SteadyRows } from '../../parts/steadyRows.ts'
import type { IssueRow } from './filters.ts'

interface ListLineProps {
  readonly read: PagesRead<IssueRow>
  readonly steady: SteadyRows<IssueRow>
  readonly onShow: () => void
  readonly columns: readonly Column<IssueRow>[]
  readonly isReadingAll: boolean
}

/** The line above the rows: how many there are, their order, and what has come in behind them. It keeps its height. */
export function ListLine({ read, steady, onShow, columns, isReadingAll }: ListLineProps): ReactNode {
  const { rows, added, gone } = steady
  const news = [
    ...(added > 0 ? [`${formatNumber(added)} new`] : []),
    ...(gone.size > 0 ? [`${formatNumber(gone.size)} no more in the list`] : []),
  ]
  const count = isReadingAll
    ? 'Reading all that match'
    : `${formatNumber(rows.length)}${read.hasMore ? ' of more' : ''} ${rows.length === 1 ? 'issue' : 'issues'}`
  return (
    <div className="list-line">
      <p>
        {count}
        <span className="soft">, by priority, then by latest change</span>
      </p>
      {news.length > 0 && (
        <button type="button" className="secondary" onClick={onShow}>
          {news.join(', ')}: show
        </button>
      )}
      <button
        type="button"
        className="quiet"
        onClick={() => download('issues.csv', csvOf(rows, columns))}
        title="The rows that are loaded, as CSV"
      >
        CSV
      </button>
    </div>
  )
}
