import type { ReactNode } from 'react'
import { formatNumber } from '../../parts/time.ts'
import type { RowSelection } from '../../parts/useSelection.ts'
import type { BulkField } from './bulk.ts'

const acts: readonly { readonly field: BulkField; readonly words: string; readonly keys?: string }[] = [
  { field: 'status', words: 'Status', keys: 's' },
  { field: 'priority', words: 'Priority', keys: 'p' },
  { field: 'assignee', words: 'Assignee', keys: 'a' },
  { field: 'project', words: 'Project' },
  { field: 'labels', words: 'Add labels' },
  { field: 'cancel', words: 'Cancel issues' },
]

interface BulkBarProps {
  readonly selection: RowSelection
  readonly hasMore: boolean
  readonly isReadingAll: boolean
  readonly onField: (field: BulkField) => void
  readonly onSelectAll: () => void
}

/** The acts on the selected rows. It stands at the bottom while some are selected. */
export function BulkBar({ selection, hasMore, isReadingAll, onField, onSelectAll }: BulkBarProps): ReactNode {
  const count = selection.selected.size
  if (count === 0) return null
  return (
    <section className="bulk-bar" aria-label="Selected issues">
      <p role="status">
        <strong>{formatNumber(count)}</strong> selected
      </p>
      {hasMore && (
        <button type="button" className="quiet" disabled={isReadingAll} title="Key: ⇧X" onClick={onSelectAll}>
          {isReadingAll ? 'Reading all that match' : 'Select all that match'}
        </button>
      )}
      <div className="row">
        {acts.map(({ field, words, keys }) => (
          <button
            key={field}
            type="button"
            className="secondary"
            title={keys === undefined ? undefined : `Key: ${keys}`}
            onClick={() => onField(field)}
          >
            {words}
          </button>
        ))}
      </div>
      <button type="button" className="quiet" title="Key: escape" onClick={selection.clear}>
        Select none
      </button>
    </section>
  )
}
