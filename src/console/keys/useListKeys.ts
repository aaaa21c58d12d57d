import { useEffect, useState } from 'react'
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
  /** `enter` on the row with the cursor. */
  readonly onOpen: (at: number) => void
  /** `x` on the row with the cursor. */
  readonly onToggle?: (at: number) => void
  readonly more?: readonly KeyBinding[]
}

/** The keys of a list: `j` and `k` move, `enter` opens, `x` selects. Further keys find the row with the cursor in what this returns. */
export function useListKeys({ title, count, onOpen, onToggle, more = [] }: ListKeyOptions): ListKeys {
  const [at, setAt] = useState(-1)
  useEffect(() => {
    if (at >= count) setAt(count - 1)
  }, [at, count])
  const move = (by: number): void => setAt((now) => Math.max(0, Math.min(count - 1, now + by)))
  const onRow = (act: (at: number) => void) => (): void => {
    if (at >= 0 && at < count) act(at)
  }
  useKeys(title, [
    { keys: 'j', label: 'Next row', run: () => move(1) },
    { keys: 'k', label: 'Previous row', run: () => move(-1) },
    { keys: 'enter', label: 'Open the row', run: onRow(onOpen) },
    ...(onToggle === undefined ? [] : [{ keys: 'x', label: 'Select the row', run: onRow(onToggle) }]),
    ...more,
  ])
  return { at, setAt }
}
