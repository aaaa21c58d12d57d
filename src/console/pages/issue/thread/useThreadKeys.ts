import { useRef } from 'react'
import type { RefObject } from 'react'
import { useKeys } from '../../../keys/keys.ts'

/**
 * `j` and `k` move the focus through the entries of the thread, so that `Tab` goes on inside of the one that is read. From elsewhere `j` begins at
 * the oldest that is shown, and `k` at the newest.
 * @returns the list of the entries
 */
export function useThreadKeys(): RefObject<HTMLOListElement | null> {
  const list = useRef<HTMLOListElement>(null)
  const move = (by: 1 | -1): void => {
    const entries = [...(list.current?.children ?? [])].filter((entry) => entry instanceof HTMLElement)
    const at = entries.findIndex((entry) => entry.contains(document.activeElement))
    const next = at < 0 ? entries.at(by === 1 ? 0 : -1) : entries[at + by]
    next?.focus({ preventScroll: true })
    next?.scrollIntoView({ block: 'nearest' })
  }
  useKeys('Thread', [
    { keys: 'j', label: 'Next entry of the thread', run: () => move(1), repeats: true },
    { keys: 'k', label: 'Previous entry of the thread', run: () => move(-1), repeats: true },
  ])
  return list
}
