// When a failed delivery is tried again. Pure, but for the chance of the jitter.

/** The waits behind the first failures in a row, in seconds. The later ones are as long as the last. Later events wait as well. */
export const RETRY_WAITS_S = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600] as const
/** After a day of failures an endpoint is parked. The last attempt comes at the end of the day. */
export const GIVE_UP_AFTER_S = 24 * 3600
/** A receiver may ask for a longer wait by `Retry-After`, up to the longest wait of the schedule. */
const MAX_RETRY_AFTER_S = 10 * 3600
/** Endpoints that failed together must not come back together: a wait is up to this share longer. It is never shorter. */
const JITTER = 0.1

/**
 * The seconds until the next attempt.
 * @param failures failed attempts in a row, this one included
 * @param retryAfterS what the receiver asked for; null when it did not
 * @param chance from 0 to 1
 */
export function waitSeconds(failures: number, retryAfterS: number | null, chance: number): number {
  const scheduled = RETRY_WAITS_S[Math.min(failures, RETRY_WAITS_S.length) - 1] ?? RETRY_WAITS_S[0]
  return Math.max(scheduled, Math.min(retryAfterS ?? 0, MAX_RETRY_AFTER_S)) * (1 + JITTER * chance)
}

/**
 * The seconds that `Retry-After` asks for: a number of seconds or an instant of HTTP; null for anything else.
 * @param nowS the time of the attempt, in seconds since 1970
 */
export function retryAfterSeconds(header: string | null, nowS: number): number | null {
  if (header === null) return null
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil(at / 1000 - nowS))
}
