import type { ConnectionOptions } from './types.ts'

/** A session may take this many times as long as the slowest of the last minutes before the database counts as silent. */
const PATIENCE = 4
/** No limit grows beyond this: it is below the time that a caller waits for a connection. */
const MOST_MS = 4000
/** The slowest session counts half as much after this time. */
const HALF_LIFE_MS = 30_000

/**
 * How fast one Postgres answers this process. Limits of time that hold on a quiet machine would call a busy one silent: a server that
 * gives up its connections then loses work, and makes the machine busier still.
 */
export interface Responsiveness {
  /** Notes that a session has begun `ms` milliseconds after it was asked for. */
  noteSession(ms: number): void
  /** Notes that the database has answered now. */
  noteAnswer(): void
  /** When the database last answered, by the monotonic clock. */
  readonly lastAnswerAt: () => number
  /** How long to wait for a session that takes less than `ms` milliseconds on a quiet machine. */
  limit(ms: number): number
}

/** Creates what is known of a Postgres at which no session has begun. @param now the monotonic clock, in milliseconds */
export function createResponsiveness(now: () => number = () => performance.now()): Responsiveness {
  let slowestMs = 0
  let slowestAt = now()
  let answeredAt = now()
  const currentSlowestMs = (): number => slowestMs * 2 ** ((slowestAt - now()) / HALF_LIFE_MS)
  return {
    noteSession(ms) {
      answeredAt = now()
      if (ms <= currentSlowestMs()) return
      slowestMs = ms
      slowestAt = now()
    },
    noteAnswer: () => void (answeredAt = now()),
    lastAnswerAt: () => answeredAt,
    limit: (ms) => Math.max(ms, Math.min(MOST_MS, PATIENCE * currentSlowestMs())),
  }
}

const byAddress = new Map<string, Responsiveness>()

/** The knowledge of this process about the Postgres at an address, shared by all pools: an answer to one of them shows that it answers. */
export function responsivenessOf({ connectionString, host, port }: ConnectionOptions): Responsiveness {
  const key = JSON.stringify([connectionString, host, port])
  const known = byAddress.get(key)
  if (known !== undefined) return known
  const created = createResponsiveness()
  byAddress.set(key, created)
  return created
}
