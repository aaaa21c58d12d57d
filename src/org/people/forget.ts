import { sql } from 'drizzle-orm'
import { boardClaims } from '../../model/boardClaims.ts'
import { cliChallenges } from '../../model/boardKeys.ts'
import { authAttempts, challenges, signIns } from '../../model/people.ts'
import { statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'

/** Rows that one statement deletes: its locks are short. */
const BATCH_SIZE = 1000
const BATCH = sql.raw(String(BATCH_SIZE))

const deleteSessions = statement<object, { gone: true }>('sessions_forget').unaudited(sql`
  delete from ${signIns} where id in (
    select id from ${signIns} where expires_at < now() - interval '1 day' order by id limit ${BATCH} for update skip locked) returning true as gone`)

const deleteAttempts = statement<object, { gone: true }>('auth_attempts_forget').unaudited(sql`
  delete from ${authAttempts} where key in (
    select key from ${authAttempts} where ends_at < now() - interval '1 minute' order by key limit ${BATCH} for update skip locked) returning true as gone`)

const deleteChallenges = statement<object, { gone: true }>('challenges_forget').unaudited(sql`
  delete from ${challenges} where id in (
    select id from ${challenges} where expires_at < now() - interval '1 day' order by id limit ${BATCH} for update skip locked) returning true as gone`)

const deleteCliChallenges = statement<object, { gone: true }>('cli_challenges_forget').unaudited(sql`
  delete from ${cliChallenges} where id in (
    select id from ${cliChallenges} where expires_at < now() - interval '1 day' order by id limit ${BATCH} for update skip locked) returning true as gone`)

// One that was used stays: its page says who used it.
const deleteClaims = statement<object, { gone: true }>('board_claims_forget').unaudited(sql`
  delete from ${boardClaims} where id in (
    select id from ${boardClaims} where expires_at < now() - interval '1 day' and claimed_at is null
    order by id limit ${BATCH} for update skip locked) returning true as gone`)

/**
 * Deletes sessions, links, claims, logins of command lines and counts of attempts whose time is over. They decide nothing any more. A flood from many
 * addresses leaves many rows, and all of them go.
 */
export async function forgetSignIns(store: Store): Promise<void> {
  for (const batch of [deleteSessions, deleteAttempts, deleteChallenges, deleteCliChallenges, deleteClaims]) {
    for (let count = BATCH_SIZE; count === BATCH_SIZE;) count = (await writeUnaudited(store, batch, {})).length
  }
}
