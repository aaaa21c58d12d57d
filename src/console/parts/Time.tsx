import { useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import { clock, duration, exactTime, relativeTime } from './time.ts'

/** The time of the server, in steps of a second. */
export const useNow = (): number => useSyncExternalStore(clock.subscribe, clock.read)

/** A relative time. The exact one, with its zone, is shown on hover and read by readers of screens. */
export function Time({ at }: { readonly at: string | null }): ReactNode {
  const now = useNow()
  if (at === null) return <span className="soft">never</span>
  const instant = Date.parse(at)
  return (
    <time dateTime={at} title={exactTime(instant)}>
      {relativeTime(instant, now)}
    </time>
  )
}

/** How long something has gone on, or went on. */
export function Elapsed({ from, to = null }: { readonly from: string | null; readonly to?: string | null }): ReactNode {
  const now = useNow()
  if (from === null) return <span className="soft">not started</span>
  const end = to === null ? now : Date.parse(to)
  return <span title={exactTime(Date.parse(from))}>{duration(end - Date.parse(from))}</span>
}
