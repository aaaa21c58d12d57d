import type { ReactNode } from 'react'
import { formatNumber } from '../../parts/time.ts'
import type { RowSelection } from '../../parts/useSelection.ts'

interface LockBarProps {
  readonly selection: RowSelection
  /** The number of selected holds that are shown. */
  readonly count: number
  /** The number of all holds that match the filters. */
  readonly total: number
  readonly onRelease: () => void
  readonly onSelectAll: () => void
}

/** The act on the selected holds. It stands at the bottom while some are selected. */
export function LockBar({ selection, count, total, onRelease, onSelectAll }: LockBarProps): ReactNode {
  if (count === 0) return null
  return (
    <section className="bulk-bar" aria-label="Selected holds">
      <p role="status">
        <strong>{formatNumber(count)}</strong> of {formatNumber(total)} selected
      </p>
      {count < total && (
        <button type="button" className="quiet" title="Key: ⇧X" onClick={onSelectAll}>
          Select all {formatNumber(total)} that match this filter
        </button>
      )}
      <div className="row">
        <button type="button" className="danger" title="Key: f" onClick={() => onRelease()}>
          Force-release
        </button>
      </div>
      <button type="button" className="quiet" title="Key: escape" onClick={selection.clear}>
        Select none
      </button>
    </section>
  )
}
