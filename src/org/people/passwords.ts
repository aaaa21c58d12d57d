import pLimit from 'p-limit'
import { refuse } from '../../platform/kernel/errors.ts'

// Not a static import: the bundle would load it at every start (src/launch/bundle.js), and most servers have no people.
const { hashPassword, verifyPassword } = await import('better-auth/crypto')

/** Passwords that are hashed at once in a process. Each takes 32 MB, and a thread of Node's pool for about 60 ms. */
const HASHES_AT_ONCE = 2
/** Passwords that wait for their hash. One more would wait for longer than a client does. */
const MAX_WAITING = 100

const lane = pLimit(HASHES_AT_ONCE)

async function inLane<T>(work: () => Promise<T>): Promise<T> {
  if (lane.pendingCount >= MAX_WAITING) refuse('busy', { retryAfter: 5 })
  return await lane(work)
}

/** Hashes a new password (scrypt). @throws Refusal `busy` */
export const hashed = (password: string): Promise<string> => inLane(() => hashPassword(password))

/** A hash that no password has: an account that does not exist takes as long as a wrong password. */
const OF_NO_PASSWORD = `${'0'.repeat(32)}:${'0'.repeat(128)}`

/** Compares a password with a stored hash, at the cost of one hash also where there is none. @throws Refusal `busy` */
export async function isPassword(hash: string | null, password: string): Promise<boolean> {
  const isEqual = await inLane(() => verifyPassword({ hash: hash ?? OF_NO_PASSWORD, password }))
  return hash !== null && isEqual
}
