import pLimit from 'p-limit'
import { refuse } from '../../platform/kernel/errors.ts'

// Not a static import: the bundle would load it at every start (src/launch/bundle.js), and most servers have no people.
const { hashPassword, verifyPassword } = await import('better-auth/crypto')

/**
 * Passwords are hashed one at a time in each of these lanes of a process. A hash takes 32 MB, and a thread of Node's pool for about 60 ms.
 * `known`: people who are signed in, or use a browser that was signed in before. `strangers`: everybody else, so that strangers from many
 * addresses take one processor at most, and those who are known do not wait for them.
 */
export type HashLane = 'known' | 'strangers'

/** Passwords that wait in a lane. One more would wait for longer than a client does. */
const MAX_WAITING = 50

const lanes = { known: pLimit(1), strangers: pLimit(1) } satisfies Record<HashLane, unknown>

async function inLane<T>(lane: HashLane, work: () => Promise<T>): Promise<T> {
  if (lanes[lane].pendingCount >= MAX_WAITING) refuse('busy', { retryAfter: 5 })
  return await lanes[lane](work)
}

/** Hashes a new password (scrypt). @throws Refusal `busy` */
export const hashed = (password: string, lane: HashLane): Promise<string> => inLane(lane, () => hashPassword(password))

/** A hash that no password has: an account that does not exist takes as long as a wrong password. */
const OF_NO_PASSWORD = `${'0'.repeat(32)}:${'0'.repeat(128)}`

/** Compares a password with a stored hash, at the cost of one hash also where there is none. @throws Refusal `busy` */
export async function isPassword(hash: string | null, password: string, lane: HashLane): Promise<boolean> {
  const isEqual = await inLane(lane, () => verifyPassword({ hash: hash ?? OF_NO_PASSWORD, password }))
  return hash !== null && isEqual
}
