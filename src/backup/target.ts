// The database that a restore goes into: empty, or marked by an earlier restore of the same backup that did not finish.

import { z } from 'zod'
import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { MIGRATION_LOCK } from '../platform/db/migrate.ts'
import { hasUnfinishedRestore } from '../platform/db/unfinishedRestore.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { postgresProblem } from '../platform/kernel/versions.ts'
import { planSchema } from './plan.ts'
import type { RestorePlan } from './plan.ts'

/**
 * How far a restore has come: nothing of the backup is there, all rows are, its credentials have ended and what is left to do is noted, or the new keys
 * are in their file, too.
 */
const stages = ['begun', 'loaded', 'ended', 'issued'] as const
export type Stage = (typeof stages)[number]

/** The mark of a restore that has not finished. */
export interface Mark {
  readonly digest: string
  readonly stage: Stage
  /** Facts of a physical restore that only its beginning knows, as it wrote them. */
  readonly origin: unknown
  /** From the stage `ended` on. */
  readonly plan: RestorePlan | null
  /** From the stage `issued` on. */
  readonly issued: Issued | null
}

const issuedSchema = z.object({ file: z.string().nullable(), count: z.int() })
/** The keys that a restore has issued, and their file; null where none were needed. */
export type Issued = z.output<typeof issuedSchema>

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

// A build of before has marked without these columns.
const NEW_COLUMNS =
  'alter table drizzle.unfinished_restore add column if not exists origin jsonb, add column if not exists plan jsonb, add column if not exists issued jsonb'

const markSchema = z.object({
  digest: z.string(),
  stage: z.enum(stages),
  origin: z.unknown(),
  plan: planSchema.nullable(),
  issued: issuedSchema.nullable(),
})

/** The mark of an earlier restore; null where there is none. */
export async function readMark(session: Maintenance): Promise<Mark | null> {
  if (!(await hasUnfinishedRestore(session))) return null
  await session.query(NEW_COLUMNS)
  const [row] = await session.query('select digest, stage, origin, plan, issued from drizzle.unfinished_restore')
  const parsed = markSchema.safeParse(row)
  if (!parsed.success)
    throw startProblem('The mark of an unfinished restore cannot be read: drop this database and restore into a new one', parsed.error)
  return parsed.data
}

/** @throws an error with a sentence for the operator when there is anything in the database */
export async function requireEmpty(session: Maintenance): Promise<void> {
  const [state] = await session.query<{ occupied: boolean }>(OCCUPIED)
  if (state?.occupied !== false)
    throw startProblem('The database is not empty: a restore goes into an empty database, and never changes what is there')
}

/**
 * Looks how far an earlier restore has come; marks an empty database before anything is written into it.
 * @throws an error with a sentence for the operator when the database is not empty, or holds another backup
 */
export async function beginRestore(session: Maintenance, digest: string): Promise<Mark> {
  const earlier = await readMark(session)
  if (earlier === null) await requireEmpty(session)
  else if (earlier.digest !== digest)
    throw startProblem('The database holds the beginning of the restore of another backup: give a new database, or finish that one')
  else return earlier
  await session.query('begin')
  for (const statement of markStatements(digest, null)) await session.query(statement)
  await session.query('commit')
  return { digest, stage: 'begun', origin: null, plan: null, issued: null }
}

/** A text of SQL. The settings of a cluster decide nothing about it: it has no backslash that means another character. */
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Marks a database.
 * @param digest hexadecimal
 * @param origin facts that the end of a physical restore needs; each statement is one line
 */
export const markStatements = (digest: string, origin: unknown): string[] => [
  'create schema if not exists drizzle',
  'create table drizzle.unfinished_restore (digest text not null, stage text not null, began_at timestamptz not null default now(), origin jsonb, plan jsonb, issued jsonb)',
  `insert into drizzle.unfinished_restore (digest, stage, origin) values (${literal(digest.replaceAll(/\W/g, ''))}, 'begun', ${
    origin === null ? 'null' : literal(JSON.stringify(origin))
  })`,
]

/** (transaction of the caller) All rows of the backup are there. */
export const noteLoaded = async (session: Maintenance): Promise<void> =>
  void (await session.query("update drizzle.unfinished_restore set stage = 'loaded'"))

/** The new keys are in their file. */
export const noteIssued = async (session: Maintenance, issued: Issued): Promise<void> =>
  void (await session.query("update drizzle.unfinished_restore set stage = 'issued', issued = $1", [JSON.stringify(issued)]))

/** The restore is complete: servers may start. */
export const finishRestore = async (session: Maintenance): Promise<void> =>
  void (await session.query('drop table drizzle.unfinished_restore'))
