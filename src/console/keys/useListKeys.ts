import { useCallback, useRef, useState } from 'react'
import { useKeys } from './keys.ts'
import type { KeyBinding } from './keys.ts'

export interface ListKeys {
  /** The index of the row with the cursor; -1 for none. */
  readonly at: number
  readonly setAt: (at: number) => void
}

export interface ListKeyOptions {
  readonly title: string
  readonly count: number
  /** The keys of the rows. With them the cursor stays at its row when others come before it or go. */
  readonly rowKeys?: readonly string[]
  /** `enter` on the row with the cursor. */
  readonly onOpen: (at: number) => void
  /** `x` on the row with the cursor. */
  readonly onToggle?: (at: number) => void
  readonly more?: readonly KeyBinding[]
}

interface Cursor {
  readonly at: number
  /** The key of the row; undefined where rows have none. */
  readonly key: string | undefined
}

/** Where the cursor is now. Of a row that went, its place stays. */
function placeOf({ at, key }: Cursor, count: number, rowKeys: readonly string[] | undefined): number {
  if (at < 0) return -1
  const found = key === undefined || rowKeys === undefined || rowKeys[at] === key ? at : rowKeys.indexOf(key)
  return Math.min(found < 0 ? at : found, count - 1)
}

/** The keys of a list: `j` and `k` move, `enter` opens, `x` selects. Further keys find the row with the cursor in what this returns. */
export function useListKeys({ title, count, rowKeys, onOpen, onToggle, more = [] }: ListKeyOptions): ListKeys {
  const [cursor, setCursor] = useState<Cursor>({ at: -1, key: undefined })
  const at = placeOf(cursor, count, rowKeys)
  const keysNow = useRef(rowKeys)
  keysNow.current = rowKeys
  // The same function each time: pages put the cursor away in effects.
  const setAt = useCallback((next: number): void => {
    const key = keysNow.current?.[next]
    setCursor((before) => (before.at === next && before.key === key ? before : { at: next, key }))
  }, [])
  if (at !== cursor.at || (at >= 0 && rowKeys !== undefined && rowKeys[at] !== cursor.key)) setAt(at)
  // Two keys may be pressed before the list is drawn again.
  const latest = useRef(at)
  latest.current = at
  const move = (by: number): void => {
    latest.current = Math.max(0, Math.min(count - 1, latest.current + by))
    setAt(latest.current)
  }
  const onRow = (act: (at: number) => void) => (): void => {
    if (latest.current >= 0 && latest.current < count) act(latest.current)
  }
  useKeys(title, [
    { keys: 'j', label: 'Next row', run: () => move(1), repeats: true },
    { keys: 'k', label: 'Previous row', run: () => move(-1), repeats: true },
    { keys: 'enter', label: 'Open the row', run: onRow(onOpen) },
    ...(onToggle === undefined ? [] : [{ keys: 'x', label: 'Select the row', run: onRow(onToggle) }]),
    ...more,
  ])
  return { at, setAt }
}
