// How often a password may be tried. The counts are in the database, so all servers share them.

import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { partyOf } from '../../auth/guessLimit.ts'
import { authAttempts } from '../../model/people.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'

/** Attempts under one key within a time. */
export interface AttemptLimit {
  readonly key: string
  readonly max: number
  readonly seconds: number
}

const MINUTE = 60

/** An office behind one address has people who mistype; a program that guesses has more. */
export const ofAddress = (address: string): AttemptLimit => ({ key: `address:${partyOf(address)}`, max: 30, seconds: 5 * MINUTE })

/** Counted for accounts that do not exist, too. The e-mail address is not stored. */
const ofAccount = (email: string): AttemptLimit => ({
  key: `account:${createHash('sha256').update(email).digest('base64url')}`,
  max: 10,
  seconds: 15 * MINUTE,
})

/**
 * The limits of an attempt to sign in. A device that has signed in to the account before has a limit of its own, so that guesses of
 * strangers do not lock its person out. The address comes first: beyond its limit it uses up no account.
 * @param deviceId null for a device that is not known to the account
 */
export const signInLimits = (email: string, address: string, deviceId: string | null): readonly AttemptLimit[] =>
  deviceId === null ? [ofAddress(address), ofAccount(email)] : [{ key: `device:${deviceId}`, max: 10, seconds: 15 * MINUTE }]

/** Sign-ins of one account that succeed: each costs a hash and makes a session. Strangers cannot use them up. */
export const sessionLimits = (userId: string): readonly AttemptLimit[] => [{ key: `signed-in:${userId}`, max: 100, seconds: 60 * MINUTE }]

/** New accounts from one address. */
export const signUpLimits = (address: string): readonly AttemptLimit[] => [
  { key: `sign-up:${partyOf(address)}`, max: 10, seconds: 60 * MINUTE },
]

/** Links for a new password that are tried from one address. Each costs a hash. */
export const resetLimits = (address: string): readonly AttemptLimit[] => [
  { key: `reset:${partyOf(address)}`, max: 10, seconds: 60 * MINUTE },
]

/** Answers of a provider that did not let a person in. */
export const providerLimits = (address: string): readonly AttemptLimit[] => [
  { key: `provider:${partyOf(address)}`, max: 30, seconds: 5 * MINUTE },
]

/** Changes of a password, which begin with the present one. Those that succeed count, too: each costs two hashes. */
export const passwordLimits = (userId: string): readonly AttemptLimit[] => [{ key: `password:${userId}`, max: 10, seconds: 15 * MINUTE }]

interface Counted {
  readonly count: number
  readonly secondsLeft: number
}

const secondsLeft = sql`greatest(1, ceil(extract(epoch from a.ends_at - now())))::int as "secondsLeft"`

/** The longest time to wait of the keys that are used up; no row when none is. */
const findUsedUp = statement<{ keys: readonly string[]; maxima: readonly number[] }, Pick<Counted, 'secondsLeft'>>('auth_attempts_used_up')
  .read(sql`
  select ${secondsLeft} from ${authAttempts} a
  join unnest(${param('keys', 'text[]')}, ${param('maxima', 'int[]')}) as t (key, max) on t.key = a.key
  where a.count >= t.max and a.ends_at > now() order by a.ends_at desc limit 1`)

const countOne = statement<{ key: string; seconds: number }, Counted>('auth_attempts_count').unaudited(sql`
  insert into ${authAttempts} as a (key, count, ends_at) values (${param('key')}, 1, now() + ${param('seconds', 'int')} * interval '1 second')
  on conflict (key) do update set
    count = case when a.ends_at <= now() then 1 else a.count + 1 end,
    ends_at = case when a.ends_at <= now() then excluded.ends_at else a.ends_at end
  returning a.count, ${secondsLeft}`)

const takeBackAttempts = statement<{ keys: readonly string[] }, never>('auth_attempts_take_back').unaudited(sql`
  update ${authAttempts} set count = greatest(0, count - 1) where key in (
    select key from ${authAttempts} where key = any(${param('keys', 'text[]')}) order by key for update)`)

/** Refuses when a limit is used up. It writes nothing, so a flood beyond the limit makes no row. @throws Refusal `too_many_attempts` */
async function requireAttemptsLeft(store: Store, limits: readonly AttemptLimit[]): Promise<void> {
  const [usedUp] = await store.read.run(findUsedUp, { keys: limits.map(({ key }) => key), maxima: limits.map(({ max }) => max) })
  if (usedUp !== undefined) refuse('too_many_attempts', { retryAfter: usedUp.secondsLeft })
}

/**
 * Counts an attempt before it is made, so that attempts at the same time do not get past the limit together. The limits are counted one after
 * the other, each in a transaction of its own: no attempt waits for another's, and the one that a limit refuses is not counted by those
 * behind it. Nothing of a refused attempt may be taken back: it may not have been counted.
 * @param ofSuccess limits that must not be used up, either, and are counted only when the attempt succeeds
 * @throws Refusal `too_many_attempts`
 */
export async function countAttempt(store: Store, limits: readonly AttemptLimit[], ofSuccess: readonly AttemptLimit[] = []): Promise<void> {
  await requireAttemptsLeft(store, [...limits, ...ofSuccess])
  for (const { key, max, seconds } of limits) {
    const { count, secondsLeft: retryAfter } = exactlyOne(await writeUnaudited(store, countOne, { key, seconds }))
    if (count > max) refuse('too_many_attempts', { retryAfter })
  }
}

/** Takes an attempt back that succeeded: only failures are limited. */
export const takeBackAttempt = async (store: Store, limits: readonly AttemptLimit[]): Promise<void> =>
  void (await writeUnaudited(store, takeBackAttempts, { keys: limits.map(({ key }) => key) }))
