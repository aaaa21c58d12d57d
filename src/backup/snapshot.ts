// One snapshot of the database: what a backup says about itself, and the tables that it copies.

import { sql } from 'drizzle-orm'
import { currentHeads, readCluster } from '../observe/audit/index.ts'
import { openMaintenance } from '../platform/db/driver/maintenance.ts'
import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { hasUnfinishedRestore } from '../platform/db/unfinishedRestore.ts'
import { activityLog } from '../platform/db/tables.ts'
import { isoJson, statement } from '../platform/db/statement.ts'
import { exactlyOne } from '../platform/kernel/exactlyOne.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { FORMAT, LEFT_OUT } from './format.ts'
import type { Contents, Description } from './format.ts'

interface Facts {
  readonly takenAt: string
  readonly instance: string | null
  readonly newest: Description['newest']
  readonly postgresVersion: number
  readonly migrations: Description['migrations'] | null
}

// The clock is read behind the snapshot, so every row of it is older. Functions of the owner: the login that the server works with may read neither the schema of the migrations nor every sequence.
const readFacts = statement<object, Facts>('backup_facts').read(sql`
  select ${isoJson(sql`clock_timestamp()`)} as "takenAt", (select id from ${activityLog} order by seq limit 1) as instance,
    (select json_build_object('txid', txid::text, 'seq', seq) from ${activityLog} order by txid desc, seq desc limit 1) as newest,
    current_setting('server_version_num')::int as "postgresVersion",
    (select json_agg(json_build_object('hash', hash, 'writtenAt', written_at) order by written_at) from applied_migrations()) as migrations`)

const readTables = statement<object, Description['tables'][number]>('backup_tables').read(sql`
  select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.relname order by c.relname`)

const readSequences = statement<object, Contents['sequences'][number]>('backup_sequences').read(
  sql`select name, value::text as value from sequence_positions() order by name`,
)

/** An open snapshot: everything that is read of it is of the same instant. */
export interface Snapshot {
  readonly session: Maintenance
  readonly description: Description
  /** The positions of sequences and the ends of the chains. Asked last, so that no number of the snapshot lies behind its sequence. */
  readEnd(): Promise<Omit<Contents, 'tables'>>
}

/** The description of a database, and the ends of its chains. */
export async function describeDatabase(
  session: Maintenance,
  version: string,
): Promise<{ description: Description; heads: Contents['heads'] }> {
  const cluster = await readCluster(session)
  return { description: await describe(session, version, cluster), heads: await readHeads(session) }
}

async function describe(session: Maintenance, version: string, cluster: string | null): Promise<Description> {
  const facts = exactlyOne(await session.run(readFacts, {}))
  return {
    format: FORMAT,
    program: 'paperclip-server',
    version,
    ...facts,
    cluster,
    migrations: facts.migrations ?? [],
    tables: await session.run(readTables, {}),
    leftOut: [...LEFT_OUT],
  }
}

const readHeads = async (session: Maintenance): Promise<Contents['heads']> =>
  (await currentHeads(session)).map(({ companyId, position, hash }) => ({ companyId, position, hash }))

/**
 * Opens a snapshot of a migrated database.
 * @throws an error with a sentence for the operator when there is nothing to back up; the driver's error when the database cannot be reached
 */
export async function openSnapshot(connection: ConnectionOptions, version: string): Promise<Snapshot> {
  const session = await openMaintenance(connection, 'backup')
  try {
    // Before the transaction: a login that may not read it would end the transaction.
    const cluster = await readCluster(session)
    await session.query('begin isolation level repeatable read, read only')
    const { known } = exactlyOne(
      await session.query<{ known: boolean }>("select to_regprocedure('public.applied_migrations()') is not null as known"),
    )
    if (!known) throw startProblem('This database has not the schema of this program, or of an older one: start the server on it once')
    if (await hasUnfinishedRestore(session))
      throw startProblem('A restore into this database has not finished: there is nothing whole to back up')
    const description = await describe(session, version, cluster)
    return {
      session,
      description,
      readEnd: async () => ({ heads: await readHeads(session), sequences: await session.run(readSequences, {}) }),
    }
  } catch (error) {
    await session.close()
    throw error
  }
}
