// Hashes of passwords that cost nothing, for the servers inside of tests: a real one takes 60 ms of a processor, and tests of limits make hundreds.
// The program knows nothing of this file. Servers in processes of their own make real ones (`src/server/guesses.process.test.ts`).

import crypto from 'node:crypto'
import type { ScryptOptions } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { TEST_PASSWORD, TEST_PASSWORD_HASH } from './sessions.ts'

/** The arguments of Node's scrypt: the password, the salt, the length of the key, the cost, and the function that gets the key. */
type Asked = [password: string, salt: string, length: number, cost: ScryptOptions, done: (error: Error | null, key: Buffer) => void]

/** The cost that the program asks for. */
export const REAL_COST = { N: 16_384, r: 16, p: 1 } as const
const CHEAP_N = 2

/** Node's own function, on the one that took its place: a test that loads modules anew loads this file anew, too. */
const REAL = Symbol.for('scrypt of Node')
const scrypt = (crypto.scrypt as { [REAL]?: typeof crypto.scrypt })[REAL] ?? crypto.scrypt
const [testSalt, testKey = ''] = TEST_PASSWORD_HASH.split(':')

/**
 * Node's scrypt at the least cost. The stored hash of the tests keeps its password.
 * @throws Error when less than the real cost is asked for, so that every test which makes a hash shows that the program does ask for it
 */
export function cheapScrypt(...[password, salt, length, cost, done]: Asked): void {
  const { N = 0, r = 0, p = 0 } = cost
  if (N < REAL_COST.N || r < REAL_COST.r || p < REAL_COST.p) throw new Error(`A hash of a password costs too little: ${N}, ${r}, ${p}`)
  if (salt === testSalt && password === TEST_PASSWORD) setImmediate(done, null, Buffer.from(testKey, 'hex'))
  else scrypt(password, salt, length, { ...cost, N: CHEAP_N }, done)
}

/** Makes hashes of passwords cheap in this thread, also for files of tests that come later. */
export function useCheapHashes(): void {
  crypto.scrypt = Object.assign(cheapScrypt as typeof crypto.scrypt, { [REAL]: scrypt })
  syncBuiltinESMExports()
}
