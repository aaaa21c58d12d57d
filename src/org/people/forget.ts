import { sql } from 'drizzle-orm'
import { cliChallenges } from '../../model/boardKeys.ts'
import { authAttempts, challenges, signIns } from '../../model/people.ts'
import { statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'

/** Rows that one call deletes of each table. */
const BATCH = sql.raw('1000')

const deleteSessions = statement<object, never>('sessions_forget').unaudited(sql`
  delete from ${signIns} where id in (
    select id from ${signIns} where expires_at < now() - interval '1 day' order by id limit ${BATCH} for update skip locked)`)

const deleteAttempts = statement<object, never>('auth_attempts_forget').unaudited(sql`
  delete from ${authAttempts} where key in (
    select key from ${authAttempts} where ends_at < now() - interval '1 minute' order by key limit ${BATCH} for update skip locked)`)

const deleteChallenges = statement<object, never>('challenges_forget').unaudited(sql`
  delete from ${challenges} where id in (
    select id from ${challenges} where expires_at < now() - interval '1 day' order by id limit ${BATCH} for update skip locked)`)

const deleteCliChallenges = statement<object, never>('cli_challenges_forget').unaudited(sql`
  delete from ${cliChallenges} where id in (
    select id from ${cliChallenges} where expires_at < now() - interval '1 day' order by id limit ${BATCH} for update skip locked)`)

/** Deletes sessions, links, logins of command lines and counts of attempts whose time is over. They decide nothing any more. */
export async function forgetSignIns(store: Store): Promise<void> {
  await writeUnaudited(store, deleteSessions, {})
  await writeUnaudited(store, deleteAttempts, {})
  await writeUnaudited(store, deleteChallenges, {})
  await writeUnaudited(store, deleteCliChallenges, {})
}
