import { useMemo, useState } from 'react'
import { inBackground } from '../../api/background.ts'
import type { PagesRead } from '../../api/reads.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import type { ListKeys } from '../../keys/useListKeys.ts'
import type { RowSelection } from '../../parts/useSelection.ts'
import { go } from '../../router/location.ts'
import type { BulkField } from './bulk.ts'
import { editFields } from './edits.tsx'
import type { EditField } from './edits.tsx'
import type { IssueRow } from './filters.ts'

/** The most rows that are selected at once. */
const MOST_SELECTED = 10_000

interface IssueKeyOptions {
  readonly rows: readonly IssueRow[]
  readonly read: PagesRead<IssueRow>
  readonly selection: RowSelection
  readonly onEdit: (edited: { readonly row: IssueRow; readonly field: EditField }) => void
  readonly onBulk: (field: BulkField) => void
  readonly onPeek: (row: IssueRow) => void
}

export interface IssueKeys extends ListKeys {
  readonly isReadingAll: boolean
  readonly selectAll: () => void
}

/** The keys of the list of issues. Those that change a field act on the selected rows, and on the row with the cursor where none is selected. */
export function useIssueKeys({ rows, read, selection, onEdit, onBulk, onPeek }: IssueKeyOptions): IssueKeys {
  const pathOf = useCompanyPath()
  const keysOfRows = useMemo(() => rows.map(({ id }) => id), [rows])
  const [isReadingAll, setReadingAll] = useState(false)
  const readAll = async (): Promise<void> => {
    setReadingAll(true)
    try {
      const all = read.hasMore ? await read.loadAll(MOST_SELECTED) : rows
      selection.select(all.map(({ id }) => id))
    } finally {
      setReadingAll(false)
    }
  }
  const selectAll = (): void => inBackground(readAll())
  const leave = (): void => {
    selection.clear()
    keys.setAt(-1)
  }
  const peek = (): void => {
    const row = rows[keys.at]
    if (row !== undefined) onPeek(row)
  }
  const change = (field: EditField): void => {
    const row = rows[keys.at]
    if (selection.selected.size > 0) onBulk(field)
    else if (row !== undefined) onEdit({ row, field })
  }
  const keys: ListKeys = useListKeys({
    title: 'List of issues',
    count: rows.length,
    rowKeys: keysOfRows,
    onOpen: (at) => go(pathOf(`issues/${rows[at]?.identifier ?? ''}`)),
    onToggle: (at) => selection.toggle(rows[at]?.id ?? ''),
    more: [
      { keys: 'space', label: 'Look at the issue beside the list', run: peek },
      { keys: 'X', label: 'Select all issues that match', run: selectAll },
      ...editFields.map(({ field, keys: of }) => ({
        keys: of,
        label: `Change the ${field} of the row, or of the selected rows`,
        run: () => change(field),
      })),
      { keys: 'escape', label: 'Leave the rows and the selection', run: leave },
    ],
  })
  return { ...keys, isReadingAll, selectAll }
}
