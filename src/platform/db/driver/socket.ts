import { holds } from './assumptions.ts'
import type { Connection, Pool } from './types.ts'

/** The socket that `pg` keeps under a client. */
interface DriverSocket {
  readonly writableCorked: number
  cork(): void
  uncork(): void
  destroy(): void
}

/** Undefined for a pool, which has no socket of its own. */
const socketOf = (client: Pool | Connection): DriverSocket | undefined =>
  (client as unknown as { readonly connection?: { readonly stream?: DriverSocket } }).connection?.stream

/**
 * Sends everything that is written to a connection before this tick ends in one system call. The driver makes one call
 * per statement. These calls took 40 % of the process's time: a transaction of seven statements needs three.
 */
export function coalesceWrites(client: Pool | Connection): void {
  const socket = socketOf(client)
  // The driver itself corks a socket only within one call, so one that is corked has been corked here.
  if (socket === undefined || socket.writableCorked > 0 || !holds('socket')) return
  socket.cork()
  process.nextTick(uncork, socket)
}

const uncork = (socket: DriverSocket): void => socket.uncork()

/**
 * Gives up on a connection that does not answer. The public `end()` waits for the answers to what was pipelined, so this
 * destroys the socket, as the driver's own read timeout does.
 */
export function destroyConnection(connection: Connection): void {
  const socket = socketOf(connection)
  if (socket !== undefined && holds('socket')) socket.destroy()
  else (connection as unknown as { end(callback: () => void): void }).end(() => {})
}
