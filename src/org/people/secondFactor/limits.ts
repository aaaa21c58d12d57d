// How often a code may be tried.

import type { Store } from '../../../platform/db/types.ts'
import { countAttempt, ofAddress } from '../limits.ts'
import type { AttemptLimit } from '../limits.ts'

const MINUTE = 60
const DAY = 24 * 60 * MINUTE

const codesOf = (key: string): readonly AttemptLimit[] => [
  { key: `code:${key}`, max: 5, seconds: 15 * MINUTE },
  // Three of a million codes are right at a time: twenty tries a day find one with a chance of two percent in a year.
  { key: `code-day:${key}`, max: 20, seconds: DAY },
]

/**
 * The limits of codes at a sign-in, where the password was right. Browsers that have signed in before have limits of their own, all of
 * them together: a thief of the password may have made itself many before there was a second factor.
 */
export const codeLimits = (userId: string, address: string, isKnown: boolean): readonly AttemptLimit[] =>
  isKnown ? codesOf(`known:${userId}`) : [ofAddress(address), ...codesOf(userId)]

/** Attempts to change the second factor in a session. */
export const factorChangeLimits = (userId: string): readonly AttemptLimit[] => codesOf(`change:${userId}`)

/**
 * Counts an attempt with a code, one limit after the other. An attempt that one of them refuses does not count for the next: a person who is
 * impatient for a quarter of an hour would wait until tomorrow.
 * @throws Refusal `too_many_attempts`
 */
export async function countCode(store: Store, limits: readonly AttemptLimit[]): Promise<void> {
  for (const limit of limits) await countAttempt(store, [limit])
}
