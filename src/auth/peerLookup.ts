// Finds out under which account the program at the other end of a local connection runs.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { endianness } from 'node:os'
import { promisify } from 'node:util'
import { createSharedRead } from '../platform/kernel/sharedRead.ts'
import { withTimeout } from '../platform/kernel/timeout.ts'
import { findPeer, tablesFor } from './peerTable.ts'
import type { Connection, Peer } from './peerTable.ts'

/** Finds the other end of a connection; null when it cannot be found. Never rejects. */
export type PeerLookup = (connection: Connection) => Promise<Peer | null>

/** The kernel does not show a table at one instant: a row may be missed while others come and go. */
const ATTEMPTS = 2
/** Longer than any answer of `lsof` on a machine that works. */
const LSOF_TIMEOUT_MS = 5000
const PROBE_TIMEOUT_MS = 5000

/** The connection of a socket; null for a socket that is not connected any more. */
export function connectionOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): Connection | null {
  if (localAddress === undefined || localPort === undefined || remoteAddress === undefined || remotePort === undefined) return null
  return { localAddress, localPort, remoteAddress, remotePort }
}

/** Looks in the tables of Linux. Look-ups at the same time share one read of a table. */
function procLookup(): PeerLookup {
  const isLittleEndian = endianness() === 'LE'
  const read = {
    tcp: createSharedRead(() => readFile('/proc/net/tcp', 'latin1')),
    tcp6: createSharedRead(() => readFile('/proc/net/tcp6', 'latin1')),
  }
  return async (connection) => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      for (const table of tablesFor(connection)) {
        const text = await read[table]().catch(() => '')
        const peer = findPeer(table, text, connection, isLittleEndian)
        if (peer !== null) return peer
      }
    }
    return null
  }
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

/** The account of the client in the output of `lsof -F un`: `u` is the account of a process, `n` the ends of its connection. */
export function uidInLsof(output: string, { localAddress, localPort, remoteAddress, remotePort }: Connection): number | null {
  const name = `n${bracketed(remoteAddress)}:${remotePort}->${bracketed(localAddress)}:${localPort}`
  let uid: number | null = null
  for (const line of output.split('\n')) {
    if (line.startsWith('u')) uid = Number(line.slice(1))
    else if (line === name) return uid
  }
  return null
}

/** Asks `lsof`, which systems without /proc have. Run by an ordinary user it shows the connections of that user only. */
function lsofLookup(): PeerLookup {
  const run = promisify(execFile)
  return async (connection) => {
    const args = ['-nP', '-a', `-iTCP:${connection.remotePort}`, '-sTCP:ESTABLISHED', '-Fun']
    const uid = await run('lsof', args, { timeout: LSOF_TIMEOUT_MS }).then(
      ({ stdout }) => uidInLsof(stdout, connection),
      () => null,
    )
    return uid === null ? null : { uid, inode: null }
  }
}

/** The look-up of this system. Whether it works is known after `probePeerLookup`. */
export const createPeerLookup = (): PeerLookup => (process.platform === 'linux' ? procLookup() : lsofLookup())

/** The account of this process; null on a system without accounts as numbers. */
export const ownUid = (): number | null => process.geteuid?.() ?? null

/** Tries a look-up on a connection of this process to itself. @returns whether it finds the account of this process */
export async function probePeerLookup(lookUp: PeerLookup): Promise<boolean> {
  const server = createServer()
  try {
    const accepted = new Promise<Socket>((resolve) => void server.once('connection', resolve))
    await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(0, '127.0.0.1', resolve))
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const socket = await withTimeout(accepted, PROBE_TIMEOUT_MS, () => null)
    const connection = socket === null ? null : connectionOf(socket)
    const peer = connection === null ? null : await lookUp(connection)
    client.destroy()
    socket?.destroy()
    return peer !== null && peer.uid === ownUid()
  } catch {
    return false
  } finally {
    server.close()
  }
}
