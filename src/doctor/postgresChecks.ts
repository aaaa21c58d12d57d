import { sql } from 'drizzle-orm'
import { statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { LEAST_POSTGRES } from '../platform/kernel/versions.ts'
import { findingOf, sqlCheck } from './check.ts'
import type { Check, Finding, SqlCheck } from './check.ts'

const noRow = sql.raw('null::uuid as company_id, null::uuid as id, null::uuid as agent_id')

/** Settings without which an acknowledged change does not survive a crash (I15). */
const durable = sql.raw("('fsync', 'on'), ('full_page_writes', 'on')")

/** The version, the settings and the state of Postgres. */
export const postgresChecks: readonly SqlCheck[] = [
  sqlCheck(
    {
      id: 'postgres.version',
      meaning: `Postgres is older than version ${LEAST_POSTGRES}, the oldest that this server is tested with; it does not start on it.`,
      remedy: `Upgrade the database to Postgres ${LEAST_POSTGRES} or newer.`,
    },
    sql`select ${noRow}, format('it is Postgres %s', current_setting('server_version')) as what
      where current_setting('server_version_num')::int < ${sql.raw(String(LEAST_POSTGRES * 10_000))}`,
  ),
  sqlCheck(
    {
      id: 'postgres.durability',
      meaning: 'A setting of Postgres lets a crash lose changes that were acknowledged, or damage the data (I15).',
      remedy: 'Set it back in postgresql.conf, and restart Postgres.',
    },
    sql`select ${noRow}, format('%s is %s', d.name, current_setting(d.name)) as what from (values ${durable}) d (name, wanted)
      where current_setting(d.name) <> d.wanted
      union all select ${noRow}, format('synchronous_commit is %s', current_setting('synchronous_commit'))
      where current_setting('synchronous_commit') = 'off'`,
  ),
  sqlCheck(
    {
      id: 'postgres.encoding',
      meaning: 'The database does not keep texts as UTF-8, so some texts of agents are refused.',
      remedy: 'Create a database with encoding UTF8, and move the data there: backup and restore.',
    },
    sql`select ${noRow}, format('the encoding is %s', pg_encoding_to_char(encoding)) as what from pg_database
      where datname = current_database() and encoding <> 6`,
  ),
  sqlCheck(
    {
      id: 'postgres.index',
      meaning: 'An index is not valid, because its creation was interrupted: a unique one then keeps nothing unique.',
      remedy: 'Build it again as the owner: reindex index concurrently INDEX.',
    },
    sql`select ${noRow}, format('the index %s of %s is not valid', i.indexrelid::regclass, i.indrelid::regclass) as what
      from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace and not (i.indisvalid and i.indisready)
        and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)`,
  ),
  sqlCheck(
    {
      id: 'postgres.foreign-key',
      meaning: 'A constraint was not validated, so rows of before it can name others that do not exist.',
      remedy: 'Validate it as the owner: alter table TABLE validate constraint NAME. What stands in the way is named by the error.',
    },
    sql`select ${noRow}, format('the constraint %s of %s is not validated', c.conname, c.conrelid::regclass) as what
      from pg_constraint c where c.connamespace = 'public'::regnamespace and not c.convalidated`,
  ),
  sqlCheck(
    {
      id: 'postgres.wraparound',
      meaning: 'Old transaction ids were not cleaned up for so long that Postgres will soon refuse every write.',
      remedy: 'Find what keeps autovacuum from working (a long transaction, an abandoned replication slot), and run vacuum freeze.',
    },
    sql`select ${noRow}, format('the oldest transaction id is %s old', age(datfrozenxid)) as what from pg_database
      where datname = current_database() and age(datfrozenxid) > 1500000000`,
  ),
  sqlCheck(
    {
      id: 'postgres.open-transaction',
      level: 'warning',
      meaning: 'A transaction has been open for more than ten minutes, so deleted rows are not cleaned up and the database grows.',
      remedy: 'Find the program by its name, and end the session: select pg_terminate_backend(PID).',
    },
    sql`select ${noRow}, format('the session %s of %s has a transaction since %s', pid, coalesce(nullif(application_name, ''), usename), xact_start) as what
      from pg_stat_activity where datname = current_database() and xact_start < clock_timestamp() - interval '10 minutes'
        and backend_type = 'client backend'`,
  ),
  sqlCheck(
    {
      id: 'postgres.prepared-transaction',
      meaning: 'A prepared transaction was never ended: its locks stay until the end of time, and nothing cleans up behind it.',
      remedy: 'End it as the owner: rollback prepared ID. This server makes none.',
    },
    sql`select ${noRow}, format('the transaction %s of %s was prepared at %s', gid, owner, prepared) as what from pg_prepared_xacts
      where database = current_database() and prepared < clock_timestamp() - interval '10 minutes'`,
  ),
  sqlCheck(
    {
      id: 'postgres.slot',
      level: 'warning',
      meaning: 'A replication slot is not used by a reader and keeps the write-ahead log, which fills the disk.',
      remedy: 'Start its reader, or drop it: select pg_drop_replication_slot(NAME).',
    },
    sql`select ${noRow}, format('the slot %s has no reader', slot_name) as what from pg_replication_slots where not active`,
  ),
  sqlCheck(
    {
      id: 'postgres.archive',
      meaning: 'Postgres fails to archive its write-ahead log, so there is no restore to a point in time, and the log fills the disk.',
      remedy: 'Look into the log of Postgres for the cause: a full or unreachable archive folder, or a wrong archive_command.',
    },
    sql`select ${noRow}, format('%s segments failed, the last at %s', failed_count, last_failed_time) as what from pg_stat_archiver
      where current_setting('archive_mode') <> 'off' and last_failed_time > coalesce(last_archived_time, '-infinity')`,
  ),
]

export const clockSkew: Check = {
  id: 'host.clock',
  level: 'fault',
  meaning: 'The clocks of this host and of the database differ, so tokens expire too early or too late, and times in the log mislead.',
  remedy: 'Let both hosts synchronise their clocks (chrony, systemd-timesyncd).',
  mends: null,
}

/** Leases are decided by the clock of the database alone. Tokens have the clock of the host, and minutes of validity. */
const MAX_SKEW_MS = 2000

const databaseTime = statement<object, { at: number }>('doctor_clock').read(
  sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as at`,
)

/** Compares the clocks of host and database. The middle of the round trip counts, so a slow answer is no skew. */
export async function checkClock(db: Pick<ReadDb, 'run'>, now: () => number = Date.now): Promise<Finding[]> {
  const before = now()
  const [row] = await db.run(databaseTime, {})
  const after = now()
  const skew = Math.round((row?.at ?? before) - (before + after) / 2)
  // Half of the round trip is what the comparison cannot see.
  const isApart = Math.abs(skew) > MAX_SKEW_MS + (after - before) / 2
  return isApart ? [findingOf(clockSkew, `the database is ${Math.abs(skew)} ms ${skew > 0 ? 'ahead of' : 'behind'} this host`)] : []
}
