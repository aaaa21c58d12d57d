// Runs in words.

import type { Run } from '../../api/types.ts'
import type { Tone } from '../../parts/Status.tsx'
import { formatNumber } from '../../parts/time.ts'

export type RunStatus = Run['status']

export const LIVE_STATUSES: readonly RunStatus[] = ['queued', 'running']
export const ENDED_STATUSES: readonly RunStatus[] = ['succeeded', 'failed', 'timed_out', 'cancelled']

/** Whether a run has not ended yet. */
export const isLive = ({ status }: Pick<Run, 'status'>): boolean => LIVE_STATUSES.includes(status)

/** The state of a run at a time: its status, and whether a running one has been silent for longer than its lease. */
export function stateOf({ status, leaseExpiresAt }: Pick<Run, 'status' | 'leaseExpiresAt'>, now: number): { words: string; tone: Tone } {
  if (status === 'running' && Date.parse(leaseExpiresAt) <= now) return { words: 'silent: lease ran out', tone: 'bad' }
  const tones: Readonly<Record<RunStatus, Tone>> = {
    queued: 'quiet',
    running: 'busy',
    succeeded: 'good',
    failed: 'bad',
    timed_out: 'bad',
    cancelled: 'warn',
  }
  return { words: status === 'timed_out' ? 'timed out' : status, tone: tones[status] }
}

const sources: Readonly<Record<string, string>> = {
  timer: 'Timer',
  assignment: 'Assignment',
  on_demand: 'On demand',
  automation: 'Automation',
}
const details: Readonly<Record<string, string>> = { manual: 'by hand', ping: 'by a ping', callback: 'by a callback' }

/** How a run came to be. */
export function triggerOf({ invocationSource, triggerDetail }: Pick<Run, 'invocationSource' | 'triggerDetail'>): string {
  const source = sources[invocationSource] ?? invocationSource
  const detail = details[triggerDetail ?? '']
  return detail === undefined ? source : `${source}, ${detail}`
}

/** The first characters of an id, which tell the runs of one company apart. */
export const shortId = (id: string): string => id.slice(0, 8)

const dollars = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD', maximumFractionDigits: 4, minimumFractionDigits: 2 })

/** The cost of a run, as its agent reported it; null where it reported nothing. */
export function costOf({ usageJson }: Pick<Run, 'usageJson'>): string | null {
  const cost = usageJson?.['costUsd'] ?? usageJson?.['cost_usd'] ?? usageJson?.['total_cost_usd']
  return typeof cost === 'number' ? dollars.format(cost) : null
}

/** A number of bytes, as people read it. */
export function bytesOf(bytes: number): string {
  if (bytes < 1024) return `${formatNumber(bytes)} B`
  const kilobytes = bytes / 1024
  if (kilobytes < 1024) return `${formatNumber(Math.round(kilobytes))} KB`
  return `${formatNumber(Math.round(kilobytes / 102.4) / 10)} MB`
}
