// The database that a restore goes into: empty, or marked by an earlier restore of the same backup that did not finish.

import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { MIGRATION_LOCK } from '../platform/db/migrate.ts'
import { hasUnfinishedRestore } from '../platform/db/unfinishedRestore.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { postgresProblem } from '../platform/kernel/versions.ts'

/** How far a restore has come: nothing of the backup is there, or all rows are. */
export type Stage = 'begun' | 'loaded'

// A table of an extension is none of the operator's, and hosters install some into every database.
const OCCUPIED = `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'drizzle') and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relname <> 'unfinished_restore'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')) as occupied`

interface Server {
  readonly version: number
  readonly encoding: string
  readonly locked: boolean
}

/**
 * Takes the database for a restore until its session ends.
 * @throws an error with a sentence for the operator when it is in use or cannot hold the backup
 */
export async function takeTarget(session: Maintenance): Promise<void> {
  const [server] = await session.query<Server>(
    `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
      pg_try_advisory_lock($1) as locked`,
    [MIGRATION_LOCK],
  )
  const problem = postgresProblem(server?.version ?? 0)
  if (problem !== null) throw startProblem(problem)
  if (server?.encoding !== 'UTF8') throw startProblem(`The database has the encoding ${server?.encoding}: create it with encoding UTF8`)
  if (server.locked !== true) throw startProblem('Another restore, or a server that starts, is at work on this database')
}

/**
 * Looks how far an earlier restore has come; marks an empty database before anything is written into it.
 * @throws an error with a sentence for the operator when the database is not empty, or holds another backup
 */
export async function beginRestore(session: Maintenance, digest: string): Promise<Stage> {
  if (await hasUnfinishedRestore(session)) {
    const [mark] = await session.query<{ digest: string; stage: Stage }>('select digest, stage from drizzle.unfinished_restore')
    if (mark?.digest !== digest)
      throw startProblem('The database holds the beginning of the restore of another backup: give a new database, or finish that one')
    return mark.stage
  }
  const [state] = await session.query<{ occupied: boolean }>(OCCUPIED)
  if (state?.occupied !== false)
    throw startProblem('The database is not empty: a restore goes into an empty database, and never changes what is there')
  await session.query('begin')
  for (const statement of markStatements(digest)) await session.query(statement)
  await session.query('commit')
  return 'begun'
}

/** Marks a database. @param digest hexadecimal, or a word */
export const markStatements = (digest: string): string[] => [
  'create schema if not exists drizzle',
  'create table drizzle.unfinished_restore (digest text not null, stage text not null, began_at timestamptz not null default now())',
  `insert into drizzle.unfinished_restore (digest, stage) values ('${digest.replaceAll(/\W/g, '')}', 'begun')`,
]

/** (transaction of the caller) All rows of the backup are there. */
export const noteLoaded = async (session: Maintenance): Promise<void> =>
  void (await session.query("update drizzle.unfinished_restore set stage = 'loaded'"))

/** The restore is complete: servers may start. */
export const finishRestore = async (session: Maintenance): Promise<void> =>
  void (await session.query('drop table drizzle.unfinished_restore'))
