import { useEffect, useRef } from 'react'
import type { RefObject } from 'react'

/**
 * A row of links that is wider than the window of a telephone begins with the one that is open in its middle. Only the row scrolls.
 * @param change the row is looked at again when it changes
 */
export function useCurrentInSight(change: string): RefObject<HTMLElement | null> {
  const row = useRef<HTMLElement>(null)
  useEffect(() => {
    const link = row.current?.querySelector('[aria-current=page]')?.getBoundingClientRect()
    if (row.current === null || link === undefined) return
    const frame = row.current.getBoundingClientRect()
    row.current.scrollLeft += link.left + link.width / 2 - (frame.left + frame.width / 2)
  }, [change])
  return row
}
