// The connection to the source. It reads one snapshot, and it cannot write: neither its session nor its transaction may.

import { codeOf, isConnectionFailure } from '../platform/db/databaseErrors.ts'
import { openPool } from '../platform/db/driver/client.ts'
import type { Connection, ConnectionOptions, Pool } from '../platform/db/driver/client.ts'
import { isStartProblem, startProblem } from '../platform/kernel/startProblem.ts'
import { untilAborted } from '../platform/kernel/untilAborted.ts'

/** Where rows come from, as it may stand in an audit row: without user, password and parameters. */
export interface SourcePlace {
  readonly release: string
  readonly host: string
  readonly database: string
}

/** An open source. */
export interface SourceConnection {
  /** Runs a read. The text is one of this room; what came from the source is a parameter. */
  query<R>(text: string, values?: readonly unknown[]): Promise<R[]>
  /** As `query`; a failure of it does not end the transaction. @param limitMs of the read, in milliseconds */
  queryAlone<R>(text: string, values: readonly unknown[], limitMs: number): Promise<R[]>
  readonly host: string
  readonly database: string
  /** Columns of newer releases that this source does not have, as `table.column`. The check of its schema finds them. */
  readonly absent: Set<string>
  close(): Promise<void>
}

/** The longest time that one read of the source may take. A page of rows takes milliseconds where the key has an index. */
const READ_LIMIT_MS = 120_000
/** The longest time that a move may take. The source keeps dead rows for so long, as for any long report. */
const MOVE_LIMIT_MS = 24 * 3600 * 1000

const SOCKET = 'local.socket'

/** The parts of a URL that say where it leads, or null when it is none of Postgres. */
function placeOf(connectionString: string): { readonly host: string; readonly database: string } | null {
  if (!/^postgres(?:ql)?:\/\//.test(connectionString)) return null
  try {
    // A URL of a socket has no host.
    const url = new URL(
      connectionString.replace(/^postgres(?:ql)?:\/\/([^/]*@)?\//, `http://$1${SOCKET}/`).replace(/^postgres(?:ql)?:/, 'http:'),
    )
    const host = url.searchParams.get('host') ?? (url.hostname === SOCKET ? 'local' : url.host)
    return { host, database: decodeURIComponent(url.pathname.slice(1)) || 'postgres' }
  } catch {
    return null
  }
}

const unreachable: unique symbol = Symbol('the source cannot be reached')

/** Whether a problem says that the source cannot be reached. */
export const isUnreachable = (error: unknown): boolean => error instanceof Error && unreachable in error

/** The problem of a source that does not answer. An error of the driver may quote the URL, so only its code is repeated. */
function unreachableProblem(error: unknown): Error {
  const code = error instanceof Error && 'code' in error && /^[A-Z0-9_]{3,40}$/.test(String(error.code)) ? ` (${String(error.code)})` : ''
  const advice =
    'check host, port, database, user and password of --from, and that its Postgres runs: the embedded one of a Paperclip server runs only while that server does'
  return Object.assign(startProblem(`The source cannot be reached${code}: ${advice}`), { [unreachable]: true })
}

/** The problem of a login that may not read a table. */
const refusedRead = (error: unknown): Error | null => {
  const code = codeOf(error)
  if (code === '42501')
    return startProblem(
      'The source refuses a read (42501): the login of --from needs SELECT on the tables of the schemas public and drizzle',
    )
  if (code === '57014') return startProblem(`The source does not answer a read within ${READ_LIMIT_MS / 1000} s (57014)`)
  // The message of the source may quote a row of it.
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? startProblem(`The source refuses a read (${code})`) : null
}

async function connectTo(
  options: ConnectionOptions,
  signal: AbortSignal | undefined,
): Promise<{ readonly pool: Pool; readonly connection: Connection }> {
  try {
    const pool = openPool(options, 'custom', { readOnlyByDefault: true, transactionLimitMs: MOVE_LIMIT_MS })
    const connecting = pool.connect()
    try {
      return { pool, connection: await (signal === undefined ? connecting : untilAborted(connecting, signal)) }
    } catch (error) {
      // An attempt that nothing waits for any more ends by its own limit.
      if (signal?.aborted === true) connecting.then((connection) => connection.release(true)).catch(() => {})
      else await pool.end()
      throw error
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw isStartProblem(error) ? error : unreachableProblem(error)
  }
}

/**
 * Opens the source and begins the one transaction in which everything is read: read-only, and of one snapshot, so that what is read fits
 * together while the source goes on.
 * @param signal ends the read that goes on, and every later one
 * @throws a problem with a sentence for the operator
 */
export async function openSource(connectionString: string, signal?: AbortSignal): Promise<SourceConnection> {
  const place = placeOf(connectionString)
  if (place === null) throw startProblem('--from expects the URL of a Postgres database: postgres://user:password@host:port/database')
  const limits = { statement_timeout: READ_LIMIT_MS, query_timeout: READ_LIMIT_MS + 5000 }
  const options = { connectionString, max: 1, application_name: 'paperclip-server import', ...limits }
  const { pool, connection } = await connectTo(options, signal)
  let isOpen = true
  const release = (): void => {
    // The transaction only read, so nothing is lost when its session ends with it.
    if (isOpen) connection.release(true)
    isOpen = false
  }
  signal?.addEventListener('abort', release, { once: true })
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', release)
    release()
    await pool.end()
  }
  const query = async <R>(text: string, values: readonly unknown[] = []): Promise<R[]> => {
    signal?.throwIfAborted()
    try {
      return (await connection.query({ text, values: [...values] })).rows as R[]
    } catch (error) {
      signal?.throwIfAborted()
      throw isConnectionFailure(error) ? unreachableProblem(error) : (refusedRead(error) ?? error)
    }
  }
  const queryAlone = async <R>(text: string, values: readonly unknown[], limitMs: number): Promise<R[]> => {
    await query('savepoint alone')
    await query(`set local statement_timeout = ${Math.floor(limitMs)}`)
    try {
      return await query<R>(text, values)
    } finally {
      await query('rollback to savepoint alone').catch(() => {})
    }
  }
  try {
    await query('begin isolation level repeatable read, read only')
    await query("select set_config('idle_in_transaction_session_timeout', '0', true), set_config('search_path', 'public', true)")
    const [mode] = await query<{ readOnly: string }>(`select current_setting('transaction_read_only') as "readOnly"`)
    if (mode?.readOnly !== 'on') throw startProblem('The source did not begin a read-only transaction, so it is not read')
    return { query, queryAlone, close, absent: new Set(), ...place }
  } catch (error) {
    await close()
    throw error
  }
}
