// Amounts and times in payloads, as people read them.

import { duration, SECOND } from '../../parts/time.ts'
import { recordOf } from './words.ts'

const dollars = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD' })

/** Cents as money; 0 is no limit. */
export function money(cents: unknown): string {
  if (typeof cents !== 'number' || cents === 0) return 'no limit'
  return `${amount(cents)} a month`
}

/** Cents as money. */
export const amount = (cents: number): string => dollars.format(cents / 100)

/** The causes that wake an agent. */
export function wakeWords(runtimeConfig: Readonly<Record<string, unknown>>): string {
  const heartbeat = recordOf(runtimeConfig['heartbeat'])
  const { intervalSec, enabled, wakeOnDemand } = heartbeat
  const timer = typeof intervalSec === 'number' && intervalSec >= 1 && enabled !== false ? `every ${duration(intervalSec * SECOND)}` : null
  const demand = wakeOnDemand === false ? null : 'when it has work'
  return [timer, demand].filter((word) => word !== null).join(', and ') || 'never by itself'
}
