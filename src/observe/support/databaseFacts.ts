// The questions to the database for a bundle: its version, settings, sizes and state. No row of a table of this program is read.

import type { Pool } from '../../platform/db/driver/client.ts'
import { readMigrationState } from '../../platform/db/migrations.ts'

/** Settings that explain how a database behaves. Others may have a path, an address or a password of the operator. */
const SETTINGS = [
  'archive_mode',
  'autovacuum',
  'autovacuum_max_workers',
  'checkpoint_timeout',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'effective_cache_size',
  'fsync',
  'full_page_writes',
  'idle_in_transaction_session_timeout',
  'jit',
  'lock_timeout',
  'log_timezone',
  'maintenance_work_mem',
  'max_connections',
  'max_locks_per_transaction',
  'max_wal_size',
  'max_worker_processes',
  'password_encryption',
  'random_page_cost',
  'reserved_connections',
  'server_encoding',
  'server_version',
  'session_replication_role',
  'shared_buffers',
  'ssl',
  'statement_timeout',
  'superuser_reserved_connections',
  'synchronous_commit',
  'TimeZone',
  'transaction_timeout',
  'wal_level',
  'work_mem',
]

/** More than this program has. */
const MAX_TABLES = 500

// An application's name may be a person's; ours are constants.
const QUESTIONS = {
  settings: [
    `select name, setting, unit, source, pending_restart as "pendingRestart" from pg_settings where name = any($1) order by name`,
    [SETTINGS],
  ],
  database: [
    `select pg_database_size(current_database())::float8 as bytes, pg_encoding_to_char(encoding) as encoding, datlocprovider::text as "localeProvider",
      age(datfrozenxid) as "frozenAge", pg_is_in_recovery() as "isStandby", now()::text as now,
      extract(epoch from now() - pg_postmaster_start_time())::int as "upSeconds" from pg_database where datname = current_database()`,
    [],
  ],
  activity: [
    `select xact_commit::float8 as commits, xact_rollback::float8 as rollbacks, blks_read::float8 as "blocksRead", blks_hit::float8 as "blocksHit",
      deadlocks::float8 as deadlocks, conflicts::float8 as conflicts, temp_bytes::float8 as "temporaryBytes"
      from pg_stat_database where datname = current_database()`,
    [],
  ],
  tables: [
    `select s.schemaname as schema, s.relname as name, pg_total_relation_size(s.relid)::float8 as bytes, pg_indexes_size(s.relid)::float8 as "indexBytes",
      s.n_live_tup::float8 as rows, s.n_dead_tup::float8 as "deadRows", s.seq_scan::float8 as scans, s.idx_scan::float8 as "indexScans",
      s.last_autovacuum::text as "vacuumedAt", s.last_autoanalyze::text as "analyzedAt"
      from pg_stat_user_tables s where s.schemaname in ('public', 'drizzle') order by bytes desc limit ${MAX_TABLES}`,
    [],
  ],
  invalidIndexes: [
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
      where not i.indisvalid and n.nspname = 'public' order by 1 limit ${MAX_TABLES}`,
    [],
  ],
  sessions: [
    `select case when application_name like 'paperclip-server%' then application_name else 'other' end as application, state, wait_event_type as "waitsFor",
      count(*)::int as sessions, max(extract(epoch from now() - xact_start))::int as "oldestTransactionSeconds"
      from pg_stat_activity where datname = current_database() group by 1, 2, 3 order by 1, 2, 3`,
    [],
  ],
  waits: [
    `select (select count(*)::int from pg_locks where not granted) as "waitingLocks",
      (select count(*)::int from pg_prepared_xacts) as "preparedTransactions",
      (select count(*)::int from pg_replication_slots) as "replicationSlots"`,
    [],
  ],
  archiver: [
    `select archived_count::float8 as archived, failed_count::float8 as failed, last_archived_time::text as "lastArchivedAt",
      last_failed_time::text as "lastFailedAt" from pg_stat_archiver`,
    [],
  ],
  login: [
    `select rolsuper as "isSuperuser", rolconnlimit as "connectionLimit",
      exists (select from pg_class c where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace) as "ownsTables"
      from pg_roles r where rolname = current_user`,
    [],
  ],
  extensions: ['select extname as name, extversion as version from pg_extension order by 1', []],
} as const satisfies Readonly<Record<string, readonly [string, readonly unknown[]]>>

/** A part that could not be had, with the code of the failure. */
interface Missing {
  readonly missing: string
}

const codeOf = (error: unknown): string => {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  return typeof code === 'string' ? code : String(name)
}

/**
 * The facts, each by itself: a login may not see all of them.
 * @throws the error of the driver when the database cannot be reached
 */
export async function readDatabaseFacts(pool: Pool): Promise<Readonly<Record<string, unknown>>> {
  await pool.query('select 1')
  const facts: Record<string, unknown> = {}
  for (const [name, [text, values]] of Object.entries(QUESTIONS)) {
    facts[name] = await pool.query({ text, values: [...values] }).then(
      ({ rows }) => rows as unknown,
      (error: unknown): Missing => ({ missing: codeOf(error) }),
    )
  }
  facts['migrations'] = await readMigrationState(pool).catch((error: unknown): Missing => ({ missing: codeOf(error) }))
  return facts
}
