import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { addressBytes } from './peerTable.ts'

/** Far more than a client with a wrong key sends, and nothing against keys of 192 random bits: it spares the database and the log. */
const PER_MINUTE = 60
const MINUTE_MS = 60_000
/** Bounds memory against a flood from many addresses. */
const MAX_ADDRESSES = 10_000
/** One customer of a provider has at least a /64 of IPv6 (RFC 6177). */
const IPV6_PREFIX_BYTES = 8

/** Slows clients that send credentials that do not exist. */
export interface GuessLimit {
  /**
   * Refuses a credential that was looked up and does not exist. Valid credentials never get here, so the guesses of one program
   * lock out no other at the same address.
   * @param message of the 401, where there is more to say than that
   * @throws Refusal `unauthorized`, and `too_many_guesses` for an address that has guessed too often within a minute
   */
  refuseGuess(address: string | undefined, message?: string): never
}

/** The party to which an address belongs: itself, or its network in IPv6. */
export function partyOf(address: string): string {
  const bytes = addressBytes(address)
  return bytes.length === 4 ? bytes.join('.') : bytes.slice(0, IPV6_PREFIX_BYTES).join(':')
}

/**
 * @param perMinute wrong credentials that an address may send in a minute before it is asked to wait
 * @param now milliseconds of a monotonic clock; for tests
 */
export function createGuessLimit(perMinute: number = PER_MINUTE, now: () => number = () => performance.now()): GuessLimit {
  const windows = createBoundedCache<string, { readonly startedAt: number; count: number }>(MAX_ADDRESSES)
  return {
    refuseGuess(address, message) {
      const party = partyOf(address ?? '0.0.0.0')
      const known = windows.get(party)
      const window = known === undefined || now() - known.startedAt >= MINUTE_MS ? { startedAt: now(), count: 0 } : known
      if (window !== known) windows.set(party, window)
      window.count += 1
      if (window.count <= perMinute) return refuse('unauthorized', message === undefined ? {} : { message })
      return refuse('too_many_guesses', { retryAfter: Math.ceil((window.startedAt + MINUTE_MS - now()) / 1000) })
    },
  }
}
