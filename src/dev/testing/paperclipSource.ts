import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { paperclipTables } from './paperclipTables.ts'

/** A database with the tables of a Paperclip server that a move reads, for tests. */
export interface PaperclipSource {
  /** As an operator gives it to the command. */
  readonly url: string
  /** For planting and looking. */
  readonly sql: Pool
  /** Adds rows; a column that is left out is null. */
  plant(table: string, ...rows: readonly Readonly<Record<string, unknown>>[]): Promise<void>
  drop(): Promise<void>
}

/** The time of the last migration of release 2026.403.0. */
const LAST_MIGRATION = 1_775_145_655_557

/** Makes an empty source. */
export async function createPaperclipSource(): Promise<PaperclipSource> {
  const cluster = inject('cluster')
  const database = `source_${randomBytes(6).toString('hex')}`
  const admin = openPool({ ...cluster, database: 'postgres', max: 1 })
  await admin.query(`create database ${database}`)
  const sql = openPool({ ...cluster, database, max: 2 })
  for (const statement of paperclipTables) await sql.query(statement)
  await sql.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', ['planted', LAST_MIGRATION])
  const login = `${encodeURIComponent(cluster.user)}:${encodeURIComponent(cluster.password)}`
  return {
    url: `postgresql://${login}@localhost/${database}?host=${encodeURIComponent(cluster.host)}&port=${cluster.port}`,
    sql,
    async plant(table, ...rows) {
      await sql.query(`insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1)`, [JSON.stringify(rows)])
    },
    async drop() {
      await sql.end()
      await admin.query(`drop database ${database} with (force)`)
      await admin.end()
    },
  }
}
