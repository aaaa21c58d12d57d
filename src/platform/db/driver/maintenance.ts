// One session for work that takes as long as it takes: copies of whole tables, without the limits of the server's pools.

import type { Readable, Writable } from 'node:stream'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { Statement } from '../statement.ts'
import type { ReadDb } from '../types.ts'
import { requireSettings } from './sessions.ts'
import { destroyConnection } from './socket.ts'
import { CONNECT_TIMEOUT_MS, types, withOptions } from './client.ts'
import type { Connection, ConnectionOptions } from './types.ts'

/**
 * Everything that the text of a value depends on, so that two copies of the same row are the same bytes, and rows come in the order in
 * which they were written. A whole table is read by one process: helpers would change the order.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  datestyle: 'ISO,MDY',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  synchronize_seqscans: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // An operator may have set these for the role or the database. Tables are meant by their names in one schema; a login that may only read is no login
  // for a restore; what is reported as restored is on the disk.
  search_path: 'public',
  default_transaction_read_only: 'off',
  synchronous_commit: 'on',
  // A policy that hides rows from this login makes a copy fail that would else be short of them.
  row_security: 'off',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // A session whose command was ended leaves a wait for a lock by itself.
  client_connection_check_interval: '1000',
}

/** As long as a session of maintenance waits for a lock: a migration has it for seconds. */
const LOCK_TIMEOUT_MS = 60_000

/** The text of the rows of a table on its way out of Postgres. `rowCount` is right when a statement behind it was answered. */
export type CopyOut = Readable & { readonly rowCount: number }
/** The text of the rows of a table on its way into Postgres. */
export type CopyIn = Writable & { readonly rowCount: number }

/** A session without time limits. Its statements run one after the other. */
export interface Maintenance extends ReadDb {
  /** Runs a text that no other statement is; `$1, $2, …` are the values. */
  query<R extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
  copyOut(text: string): CopyOut
  copyIn(text: string): CopyIn
  /** For parts of this folder that take a connection. */
  readonly connection: Connection
  /** Ends the session in the middle of a statement, which fails. */
  abort(): void
  /** Ends the session; Postgres rolls back what is open. It never rejects. */
  close(): Promise<void>
}

/**
 * Opens a session of maintenance. Copies need a session that sends one statement at a time, so it is none of a pool. Its settings are read back: a
 * pooler may ignore those that a session begins with.
 * @throws the driver's error when the database cannot be reached; an error with a sentence for the operator when the settings are not in force
 */
export async function openMaintenance(options: ConnectionOptions, purpose: string): Promise<Maintenance> {
  const settings = { ...SETTINGS, lock_timeout: String(LOCK_TIMEOUT_MS) }
  const startUp = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  const client = new pg.Client({
    ...withOptions(options, startUp.join(' ')),
    application_name: `paperclip-server ${purpose}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types,
  } as pg.ClientConfig)
  // The statement in progress fails with the connection; without a listener its loss would end the process.
  client.on('error', () => {})
  await client.connect()
  // An operator may have limited the transactions of the role. Postgres has this setting since version 17.
  await client.query("select set_config('transaction_timeout', '0', false) where current_setting('server_version_num')::int >= 170000")
  await requireSettings(client as unknown as Connection, settings, 'The URL of the database').catch(async (error: unknown) => {
    await client.end().catch(() => {})
    throw error
  })
  let copying: Readable | Writable | undefined
  const begin = <T extends Readable | Writable>(copy: T): T => {
    copying = copy
    return copy
  }
  return {
    query: async (text, values = []) => (await client.query({ text, values: [...values] })).rows as never,
    run: async <P, R>({ text, values }: Statement<P, R, 'read'>, params: P) =>
      (await client.query({ text, values: values(params) })).rows as R[],
    copyOut: (text) => begin(client.query(copyTo(text))),
    copyIn: (text) => begin(client.query(copyFrom(text))),
    connection: client as unknown as Connection,
    abort: () => destroyConnection(client as unknown as Connection),
    async close() {
      // Postgres does not read while it waits for the reader of a copy, so it would not learn of an end that is said politely.
      if (copying !== undefined && !copying.closed) destroyConnection(client as unknown as Connection)
      else await client.end().catch(() => {})
    },
  }
}
