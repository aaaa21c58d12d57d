import { useCallback, useEffect, useRef, useState } from 'react'

/** A value that follows after it has not changed for a while. */
export function useDebounced<T>(value: T, ms = 250): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return settled
}

/** A function that acts once, when it has not been called for a while. The work that it waits for when the component goes is done then. */
export function useDebouncedAct<T>(act: (value: T) => void, ms = 250): (value: T) => void {
  const waiting = useRef<{ readonly value: T; readonly timer: ReturnType<typeof setTimeout> } | null>(null)
  const latest = useRef(act)
  useEffect(() => {
    latest.current = act
  })
  const flush = useCallback((): void => {
    if (waiting.current === null) return
    const { value, timer } = waiting.current
    clearTimeout(timer)
    waiting.current = null
    latest.current(value)
  }, [])
  useEffect(() => flush, [flush])
  return (value) => {
    if (waiting.current !== null) clearTimeout(waiting.current.timer)
    waiting.current = { value, timer: setTimeout(flush, ms) }
  }
}
