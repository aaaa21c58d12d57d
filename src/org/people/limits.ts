// How often a password may be tried. The counts are in the database, so all servers share them.

import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { partyOf } from '../../auth/guessLimit.ts'
import { authAttempts } from '../../model/people.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** Attempts under one key within a time. */
export interface AttemptLimit {
  readonly key: string
  readonly max: number
  readonly seconds: number
}

const MINUTE = 60

/** An office behind one address has people who mistype; a program that guesses has more. */
const ofAddress = (address: string): AttemptLimit => ({ key: `address:${partyOf(address)}`, max: 30, seconds: 5 * MINUTE })

/** Counted for accounts that do not exist, too. The e-mail address is not stored. */
const ofAccount = (email: string): AttemptLimit => ({
  key: `account:${createHash('sha256').update(email).digest('base64url')}`,
  max: 10,
  seconds: 15 * MINUTE,
})

/**
 * The limits of an attempt to sign in. A device that has signed in to the account before has a limit of its own, so that guesses of
 * strangers do not lock its person out.
 * @param deviceId null for a device that is not known to the account
 */
export const signInLimits = (email: string, address: string, deviceId: string | null): readonly AttemptLimit[] =>
  deviceId === null ? [ofAddress(address), ofAccount(email)] : [{ key: `device:${deviceId}`, max: 10, seconds: 15 * MINUTE }]

/** New accounts from one address. */
export const signUpLimits = (address: string): readonly AttemptLimit[] => [
  { key: `sign-up:${partyOf(address)}`, max: 10, seconds: 60 * MINUTE },
]

/** Attempts to change a password, which begins with the present one. */
export const passwordLimits = (userId: string): readonly AttemptLimit[] => [{ key: `password:${userId}`, max: 10, seconds: 15 * MINUTE }]

interface Counted {
  readonly key: string
  readonly count: number
  readonly secondsLeft: number
}

// In the order of the keys, so that two attempts at once cannot wait for each other.
const countAttempts = statement<{ keys: readonly string[]; seconds: readonly number[] }, Counted>('auth_attempts_count').unaudited(sql`
  insert into ${authAttempts} as a (key, count, ends_at)
  select key, 1, now() + seconds * interval '1 second'
  from unnest(${param('keys', 'text[]')}, ${param('seconds', 'int[]')}) as t (key, seconds) order by key
  on conflict (key) do update set
    count = case when a.ends_at <= now() then 1 else a.count + 1 end,
    ends_at = case when a.ends_at <= now() then excluded.ends_at else a.ends_at end
  returning a.key, a.count, greatest(1, ceil(extract(epoch from a.ends_at - now())))::int as "secondsLeft"`)

const takeBackAttempts = statement<{ keys: readonly string[] }, never>('auth_attempts_take_back').unaudited(sql`
  update ${authAttempts} set count = greatest(0, count - 1) where key in (
    select key from ${authAttempts} where key = any(${param('keys', 'text[]')}) order by key for update)`)

/**
 * Counts an attempt before it is made, so that attempts at the same time do not get past the limit together.
 * @throws Refusal `too_many_attempts`
 */
export async function countAttempt(store: Store, limits: readonly AttemptLimit[]): Promise<void> {
  const counted = await writeUnaudited(store, countAttempts, {
    keys: limits.map(({ key }) => key),
    seconds: limits.map(({ seconds }) => seconds),
  })
  const exceeded = counted.filter(({ key, count }) => count > (limits.find((limit) => limit.key === key)?.max ?? 0))
  if (exceeded.length > 0) refuse('too_many_attempts', { retryAfter: Math.max(...exceeded.map(({ secondsLeft }) => secondsLeft)) })
}

/** Takes an attempt back that succeeded: only failures are limited. */
export const takeBackAttempt = async (store: Store, limits: readonly AttemptLimit[]): Promise<void> =>
  void (await writeUnaudited(store, takeBackAttempts, { keys: limits.map(({ key }) => key) }))
