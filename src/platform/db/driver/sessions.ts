// Whether the connections of a pool are sessions of Postgres with the settings that were asked for. A pooler may give each
// transaction another session, and may ignore settings.

import { startProblem } from '../../kernel/startProblem.ts'
import { distrustBackendPids } from './backendPid.ts'
import { destroyConnection } from './socket.ts'
import type { Connection, Pool } from './types.ts'

/** Values of settings by their names, as `pg_settings` has them. `null` is any value but 0, which is no limit. */
export type ExpectedSettings = Readonly<Record<string, string | null>>

const expectations = new WeakMap<Pool, ExpectedSettings>()

/** Remembers the settings that the sessions of a pool are to have, for `requireSessions`. */
export const expectSettings = (pool: Pool, settings: ExpectedSettings): void => void expectations.set(pool, settings)

/** A pooler with one session makes the second user wait for the first. A session of one's own answers within milliseconds. */
const PROBE_TIMEOUT_MS = 10_000

const ADVICE =
  'give the address of Postgres itself (hosters call it the direct or session connection), or of a pooler in session mode that passes all start-up parameters on'

/**
 * Checks a pool before it is used: a prepared statement works in two transactions, and the settings are in force. Without
 * the first, statements fail or meet the state of another client. Without the second the guard against writes outside of a
 * mutation and all time limits would be off, and nothing would show it.
 *
 * @param variable that names the database, for the sentence
 * @throws an error with a sentence for the operator; the driver's error when the database cannot be reached
 */
export async function requireSessions(pool: Pool, variable: string): Promise<void> {
  const connections: Connection[] = []
  let broken: Error | undefined
  try {
    for (let count = 0; count < 2; count += 1) connections.push(await pool.connect())
    const [probed, other] = connections as [Connection, Connection]
    const knowsPid = await requireKeptSession(probed, other, variable)
    await requireSettings(probed, expectations.get(pool) ?? {}, variable)
    if (!knowsPid) {
      // A pooler in session mode invents the process ids that it gives to the driver.
      distrustBackendPids()
      broken = new Error('the process id of this connection is not known')
    }
  } catch (error) {
    broken = error as Error
    // The driver would wait for the answer that a pooler owes.
    for (const connection of connections) destroyConnection(connection)
    throw error
  } finally {
    for (const connection of connections) connection.release(broken)
  }
}

/** @returns whether the driver knows the process id of the session */
async function requireKeptSession(probed: Connection, other: Connection, variable: string): Promise<boolean> {
  const before = await preparedPid(probed)
  // A pooler that lends sessions for a transaction gives this one the session that has just become free.
  await other.query('begin')
  const lent = await plainPid(other)
  const after = await preparedPid(probed).catch((error: unknown) => error)
  if (after !== before || lent === before)
    throw startProblem(
      `${variable} leads to a pooler that gives each transaction another session, as PgBouncer does in transaction mode, and this server needs sessions of its own: ${ADVICE}`,
      after,
    )
  await other.query('rollback')
  return before === (probed as unknown as { readonly processID: number }).processID
}

async function preparedPid(connection: Connection): Promise<number | undefined> {
  const query = { name: 'session_probe', text: 'select pg_backend_pid() as pid', query_timeout: PROBE_TIMEOUT_MS }
  const { rows } = await connection.query<{ pid: number }>(query)
  return rows[0]?.pid
}

async function plainPid(connection: Connection): Promise<number | undefined> {
  const { rows } = await connection.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid
}

/** @throws an error with a sentence for the operator when a setting of a session has another value than it was given */
export async function requireSettings(connection: Connection, expected: ExpectedSettings, variable: string): Promise<void> {
  const { rows } = await connection.query<{ name: string; setting: string }>(
    'select lower(name) as name, setting from pg_settings where lower(name) = any($1)',
    [Object.keys(expected)],
  )
  const ignored = rows.filter(({ name, setting }) => {
    const value = expected[name]
    return value === null ? setting === '0' : setting.replaceAll(' ', '') !== value
  })
  if (ignored.length === 0) return
  const names = ignored.map(({ name }) => name).toSorted()
  throw startProblem(
    `${variable} leads to sessions in which these settings are not in force although the server sets them: ${names.join(', ')}. A pooler ignores them: ${ADVICE}`,
  )
}
