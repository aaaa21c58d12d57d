import type { Hold } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import type { ListKeys } from '../../keys/useListKeys.ts'
import type { RowSelection } from '../../parts/useSelection.ts'
import { go } from '../../router/location.ts'

interface LockKeyOptions {
  readonly rows: readonly Hold[]
  readonly selection: RowSelection
  readonly onLook: (hold: Hold) => void
  readonly onSelectAll: () => void
  /** Acts on the selected rows, or on this one where none is selected. */
  readonly onRelease: (hold: Hold | undefined) => void
}

/** The keys of the locks: all that the mouse can do. */
export function useLockKeys({ rows, selection, onLook, onSelectAll, onRelease }: LockKeyOptions): ListKeys {
  const pathOf = useCompanyPath()
  const leave = (): void => {
    selection.clear()
    keys.setAt(-1)
  }
  const look = (): void => {
    const hold = rows[keys.at]
    if (hold !== undefined) onLook(hold)
  }
  const keys: ListKeys = useListKeys({
    title: 'Locks',
    count: rows.length,
    onOpen: (at) => go(pathOf(`issues/${rows[at]?.identifier ?? ''}`)),
    onToggle: (at) => selection.toggle(rows[at]?.issueId ?? ''),
    more: [
      { keys: 'X', label: 'Select all holds that match', run: onSelectAll },
      { keys: 'space', label: 'Look at the hold of the row', run: look },
      { keys: 'f', label: 'Force-release the selected holds, or the one of the row', run: () => onRelease(rows[keys.at]) },
      { keys: 'escape', label: 'Leave the rows and the selection', run: leave },
    ],
  })
  return keys
}
