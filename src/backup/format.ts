// The content of a backup: a tar of portions of tables between a description and the list of contents.

import { z } from 'zod'

/** The number of this layout. A build reads this one and those before it. */
export const FORMAT = 1

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** A name of Postgres's catalogue. It is quoted wherever it becomes a part of a statement. */
const name = z.string().min(1).max(63)

/** The facts that are known when a backup begins. */
export const descriptionSchema = z.object({
  format: z.int().positive(),
  program: z.literal('paperclip-server'),
  /** The version of the build that made it. */
  version: z.string(),
  /** The time of the snapshot, by the clock of the database. */
  takenAt: z.iso.datetime(),
  /** The id of the first audit row, which every later backup of the same instance has too; null for an instance without rows. */
  instance: z.uuid().nullable(),
  /** The newest audit row, in the order of commits; null for an instance without rows. */
  newest: z.object({ txid: z.string().regex(/^\d+$/), seq: z.int() }).nullable(),
  /** Postgres's identifier of the cluster; null where the login may not read it. */
  cluster: z.string().nullable(),
  postgresVersion: z.int(),
  migrations: z.array(z.object({ hash: z.string(), writtenAt: z.number() })),
  tables: z.array(z.object({ name, columns: z.array(name).min(1) })),
  /** The data that are not in it, for the reader of the file. */
  leftOut: z.array(z.string()),
})
export type Description = z.output<typeof descriptionSchema>

const tableContents = z.object({ name, rows: z.int().nonnegative(), bytes: z.int().nonnegative(), sha256 })
export type TableContents = z.output<typeof tableContents>

/** The facts that are known when a backup ends. */
export const contentsSchema = z.object({
  tables: z.array(tableContents),
  /** `value`: the last number that was given out; null where none was. */
  sequences: z.array(z.object({ name, value: z.string().regex(/^\d+$/).nullable() })),
  /** The end of the audit chain of every company and of the instance. */
  heads: z.array(z.object({ companyId: z.uuid(), position: z.int().positive(), hash: sha256 })),
})
export type Contents = z.output<typeof contentsSchema>

export const DESCRIPTION_ENTRY = 'backup.json'
export const CONTENTS_ENTRY = 'contents.json'

/** The name of a portion of a table. Portions of a table follow one another. */
export const portionEntry = (table: string, portion: number): string => `tables/${table}/${String(portion).padStart(6, '0')}.copy`
/** The table of a portion; null for the name of another entry. */
export const tableOfEntry = (entry: string): string | null => /^tables\/([^/]{1,63})\/\d{6,}\.copy$/.exec(entry)?.[1] ?? null

/** Bytes of a portion, at least: so much of a table is in memory at once. */
export const PORTION_BYTES = 1024 * 1024
/** Bytes of the description and of the contents, at most: a company has one chain, and 100,000 of them fit. */
export const MAX_JSON_BYTES = 32 * 1024 * 1024

/** The data that no backup contains, for the operator. */
export const LEFT_OUT = [
  'the keys in the home: of secrets (secrets-master-key), of sessions (auth-secret), of run tokens (agent-jwt-secret, agent-jwt-keys), of the audit (audit-key.pem), the passwords of the embedded database and the token of the board',
  'the heads of the audit chains in the home (audit-heads*.ndjson) and the journal of revocations (revocations.ndjson)',
  'the work folders of agents',
] as const

/** A name of Postgres, quoted. */
export const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`
