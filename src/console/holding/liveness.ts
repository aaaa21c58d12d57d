// Whether the holder of an issue lives, in a word that a person can act on.

import type { Hold } from '../api/types.ts'
import type { Tone } from '../parts/Status.tsx'

/** From the best to the worst; `free` is an issue that no run holds. */
export type LivenessState = 'free' | 'live' | 'silent' | 'dead'

export interface Liveness {
  readonly state: LivenessState
  readonly tone: Tone
  /** "live", "silent 4 min", "dead: lease ran out 41 s ago", "dead: run failed". */
  readonly words: string
  /** Since when it is so, in milliseconds; null where that is not known. */
  readonly since: number | null
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** The length of a lease whose start is not known: the one that the server gives unless another is asked for. */
const USUAL_LEASE = 300 * SECOND

const twoDigits = (value: number): string => String(value).padStart(2, '0')

/** "00:41", "12:05", "1:02:03", "3 days". @param ms at least 0 */
export function clockDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND))
  if (ms >= 2 * DAY) return `${Math.floor(ms / DAY)} days`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${twoDigits(minutes)}:${twoDigits(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${twoDigits(minutes % 60)}:${twoDigits(seconds % 60)}`
}

/** "41 s", "4 min", "2 h", "3 days". */
export function roughDuration(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  return ms < 2 * DAY ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / DAY)} days`
}

type HolderRun = NonNullable<Hold['holder']>

const instantOf = (text: string | null): number | null => (text === null ? null : Date.parse(text))

/** How long the lease of a run is: a heartbeat sets the end of the lease and the last heartbeat in one write. */
function leaseLength({ leaseExpiresAt, lastSeenAt }: Pick<HolderRun, 'leaseExpiresAt' | 'lastSeenAt'>): number {
  const length = Date.parse(leaseExpiresAt) - (instantOf(lastSeenAt) ?? Number.NaN)
  return length > 0 ? length : USUAL_LEASE
}

const dead = (words: string, since: number | null): Liveness => ({ state: 'dead', tone: 'bad', words: `dead: ${words}`, since })

const isEnded = (status: HolderRun['status']): boolean => status !== 'queued' && status !== 'running'

/** The liveness of a run that holds an issue, or held it. */
export function livenessOfRun(run: Omit<HolderRun, 'runId' | 'agentId' | 'agentName'>, now: number): Liveness {
  const seenAt = instantOf(run.lastSeenAt)
  if (isEnded(run.status)) return dead(`run ${run.status.replace('_', ' ')}`, seenAt)
  const expiresAt = Date.parse(run.leaseExpiresAt)
  if (expiresAt <= now) return dead(`lease ran out ${roughDuration(now - expiresAt)} ago`, expiresAt)
  if (!run.live) return dead('lease ran out', null)
  const silence = seenAt === null ? 0 : now - seenAt
  // The server writes a renewal at most once per third of the lease, so that less than half of one is no silence.
  if (seenAt !== null && silence >= leaseLength(run) / 2)
    return { state: 'silent', tone: 'warn', words: `silent ${roughDuration(silence)}`, since: seenAt }
  return { state: 'live', tone: 'good', words: run.status === 'queued' ? 'live: run queued' : 'live', since: null }
}

/** The liveness of a hold at an instant of the page: a lease that runs out while the page is open changes the word. */
export function livenessOf({ holder, checkoutRunId, executionRunId }: Hold, now: number): Liveness {
  if (checkoutRunId === null && executionRunId === null) return { state: 'free', tone: 'quiet', words: 'free', since: null }
  return holder === null ? dead('its run does not exist', null) : livenessOfRun(holder, now)
}

/** The part of a lease that is left, from 0 to 1. */
export function leaseLeft(holder: Pick<HolderRun, 'leaseExpiresAt' | 'lastSeenAt'>, now: number): number {
  const left = (Date.parse(holder.leaseExpiresAt) - now) / leaseLength(holder)
  return Math.max(0, Math.min(1, left))
}

/** The id of a run as people read it. */
export const shortId = (id: string): string => id.slice(0, 8)

/** The run that a hold names, as a force-release expects it; null for a free issue. */
export const heldBy = ({ holder, executionRunId, checkoutRunId }: Hold): string | null => holder?.runId ?? executionRunId ?? checkoutRunId
