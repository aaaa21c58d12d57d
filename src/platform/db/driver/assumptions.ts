import pg from 'pg'
import { reusesDescriptions } from './prepared.ts'
import type { Connection } from './types.ts'

// Every part of `pg` that this folder uses although its documentation does not promise it. The version of `pg` is pinned,
// so a failed assumption means that an update changed one of these parts.

interface Check {
  /** @param connection the first connection of the process; null before it exists */
  (connection: Connection | null): boolean
}

const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined

/** `Pool.query` takes its client from `this.connect`, with a callback. Checked without a connection. */
function poolQueriesConnect(): boolean {
  let wasCalled = false
  const connect = (callback: unknown): void => void (wasCalled = typeof callback === 'function')
  const { query } = pg.Pool.prototype as unknown as { query: (this: object, text: string, callback: () => void) => void }
  try {
    query.call({ connect, Promise }, 'select 1', () => {})
  } catch {
    return false
  }
  return wasCalled
}

const checks = {
  /** prepared.ts: a query can take over the description of an earlier result of the same statement. */
  result_description: (connection) =>
    (connection === null || hasMethods(fieldOf(connection, 'connection'), 'bind', 'execute', 'sync')) && reusesDescriptions(),
  /** socket.ts: `client.connection.stream` is the socket that the client writes to. */
  socket: (connection) =>
    connection === null || hasMethods(fieldOf(fieldOf(connection, 'connection'), 'stream'), 'cork', 'uncork', 'destroy'),
  /** watchdog.ts: replacing `pool.connect` covers `pool.query` as well. */
  pool_connect: poolQueriesConnect,
  /** backendPid.ts: `client.processID` is the process id of the backend. */
  backend_pid: (connection) => connection === null || typeof fieldOf(connection, 'processID') === 'number',
  /** client.ts: the option `pipeline` sends statements without waiting for the answers to earlier ones. */
  pipeline: (connection) => connection === null || fieldOf(connection, 'pipeline') === true,
} as const satisfies Record<string, Check>

export type Assumption = keyof typeof checks

const failed = new Set<Assumption>()
let hasCheckedConnection = false
let hasReported = false

/** Whether an assumption holds, as far as it has been checked. Where it does not, the caller uses only what `pg` documents. */
export const holds = (assumption: Assumption): boolean => !failed.has(assumption)

/**
 * Checks the assumptions. With `null` it checks what can be checked before there is a connection. The first connection of the process
 * is checked before its first statement, and later ones are not.
 */
export function checkAssumptions(connection: Connection | null): void {
  if (hasCheckedConnection) return
  hasCheckedConnection = connection !== null
  for (const name of Object.keys(checks) as Assumption[]) if (!checks[name](connection)) failed.add(name)
}

/** The failed assumptions, once per process; empty when none failed or they were taken before. */
export function takeFailedAssumptions(): readonly Assumption[] {
  if (hasReported || !hasCheckedConnection) return []
  hasReported = true
  return [...failed]
}
