import { useEffect, useMemo, useRef, useState } from 'react'
import { holdOrder, unheld } from './steadyRows.ts'
import type { SteadyRows } from './steadyRows.ts'

interface SteadyOptions<T> {
  readonly rows: readonly T[]
  /** Names the list. The rows of another list are never held back. */
  readonly list: string
  readonly keyOf: (row: T) => string
  readonly hasMore: boolean
  /** Whether the reader is at the rows, so that none may move. */
  readonly isHeld: boolean
}

/** Keeps rows where they are while the reader is at them. `show` lets the newest come in. */
export function useSteadyRows<T>({ rows, list, keyOf, hasMore, isHeld }: SteadyOptions<T>): SteadyRows<T> & { readonly show: () => void } {
  const [shows, setShows] = useState(0)
  const kept = useRef({ list, rows, shows })
  const steady = useMemo(() => {
    const { current } = kept
    const isSame = current.list === list && current.shows === shows
    return isHeld && isSame ? holdOrder(current.rows, rows, keyOf, hasMore) : unheld(rows)
  }, [rows, list, keyOf, hasMore, isHeld, shows])
  useEffect(() => {
    kept.current = { list, rows: steady.rows, shows }
  })
  return { ...steady, show: () => setShows((count) => count + 1) }
}
