// Times as people read them. Numbers and dates by `Intl`, in the reader's language and zone.

import { serverNow, whenServerTimeSet } from '../api/serverClock.ts'

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' })
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' })
const number = new Intl.NumberFormat()
const percentage = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 })

export const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const steps: readonly (readonly [limit: number, size: number, unit: Intl.RelativeTimeFormatUnit])[] = [
  [MINUTE, SECOND, 'second'],
  [HOUR, MINUTE, 'minute'],
  [DAY, HOUR, 'hour'],
  [30 * DAY, DAY, 'day'],
  [365 * DAY, 30 * DAY, 'month'],
]

/** "4 min. ago", "in 2 hr." */
export function relativeTime(instant: number, now: number): string {
  const distance = instant - now
  const [, size, unit] = steps.find(([limit]) => Math.abs(distance) < limit) ?? [0, 365 * DAY, 'year' as const]
  return relative.format(Math.trunc(distance / size), unit)
}

export const exactTime = (instant: number): string => exact.format(instant)

/** "1 h 04 min", "41 s". @param ms at least 0 */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${Math.floor(hours / 24)} days`
}

export const formatNumber = (value: number): string => number.format(value)

/** "42%". @param percent of a hundred */
export const formatPercent = (percent: number): string => percentage.format(percent / 100)

const listeners = new Set<() => void>()
let now = serverNow()
let timer: ReturnType<typeof setInterval> | undefined

function tick(): void {
  now = serverNow()
  for (const listen of listeners) listen()
}

whenServerTimeSet(tick)

/** The time of the server in steps of a second, for `useSyncExternalStore`. It stands still while nothing shows it. */
export const clock = {
  read: (): number => now,
  subscribe: (listen: () => void): (() => void) => {
    listeners.add(listen)
    timer ??= setInterval(tick, SECOND)
    return () => {
      listeners.delete(listen)
      if (listeners.size > 0) return
      clearInterval(timer)
      timer = undefined
    }
  },
}
