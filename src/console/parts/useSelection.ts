import { useMemo, useState } from 'react'
import type { Selection } from './DataTable.tsx'

export interface RowSelection extends Selection {
  readonly selected: ReadonlySet<string>
  /** Selects exactly these rows. */
  readonly select: (keys: Iterable<string>) => void
  readonly clear: () => void
}

/** The selected rows of a list, by their keys. @param keys of the rows that are shown, for "select all" */
export function useSelection(keys: readonly string[]): RowSelection {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  return useMemo(
    () => ({
      selected,
      has: (key) => selected.has(key),
      toggle: (key) =>
        setSelected((before) => {
          const after = new Set(before)
          if (!after.delete(key)) after.add(key)
          return after
        }),
      setAll: (isSelected) => setSelected(new Set(isSelected ? keys : [])),
      select: (chosen) => setSelected(new Set(chosen)),
      clear: () => setSelected(new Set()),
    }),
    [selected, keys],
  )
}
