import { holds } from './assumptions.ts'
import type { Connection } from './types.ts'

let isInvented = false

/** Says that the driver received process ids which are none of Postgres's. They are asked for on every later connection. */
export const distrustBackendPids = (): void => void (isInvented = true)

/** Whether the driver knows the process ids of the backends. */
export const knowsBackendPids = (): boolean => holds('backend_pid') && !isInvented

const askedPids = new WeakMap<object, number>()

/** Asks Postgres for the process id of a new connection's backend, where the driver does not know it. */
export function askBackendPid(connection: Connection): void {
  connection.query<{ pid: number }>('select pg_backend_pid() as pid').then(
    ({ rows: [row] }) => void (row !== undefined && askedPids.set(connection, row.pid)),
    // A connection that fails here fails in the statement that follows, too.
    () => {},
  )
}

/** The process id of a connection's backend; null while it is not known. */
export const backendPidOf = (connection: Connection): number | null =>
  knowsBackendPids() ? (connection as unknown as { readonly processID: number }).processID : (askedPids.get(connection) ?? null)
