// Finds out under which account the program at the other end of a local connection runs.

import { execFile } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { endianness } from 'node:os'
import { promisify } from 'node:util'
import { createSharedRead } from '../platform/kernel/sharedRead.ts'
import { withTimeout } from '../platform/kernel/timeout.ts'
import { clientEnds, findClients, tablesFor } from './peerTable.ts'
import type { Client, Connection, Peer, TableName } from './peerTable.ts'

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

/** Looks for clients in a table of Linux. Look-ups at the same time share one read of it. */
function createTable(table: TableName): (ends: string) => Promise<Client | null> {
  let wanted = new Set<string>()
  const find = createSharedRead(async () => {
    // The look-ups that share this read: it begins before any other can be added.
    const clients = wanted
    wanted = new Set()
    const file = openSync(`/proc/net/${table}`, 'r')
    try {
      return await findClients((buffer, offset) => readSync(file, buffer, offset, buffer.length - offset, null), clients)
    } finally {
      closeSync(file)
    }
  })
  return async (ends) => {
    wanted.add(ends)
    return (await find().catch(() => null))?.get(ends) ?? null
  }
}

/** Looks in the tables of Linux. */
function procLookup(): PeerLookup {
  const isLittleEndian = endianness() === 'LE'
  const tables = { tcp: createTable('tcp'), tcp6: createTable('tcp6') }
  return async (connection) => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      for (const table of tablesFor(connection)) {
        const client = await tables[table](clientEnds(table, connection, isLittleEndian))
        // A row of an earlier connection between the same ends may still be there; the next attempt finds the later one.
        if (client === 'closed') break
        if (client !== null) return client
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
    // Its own: workers share what they listen on, and the connection would arrive at another one.
    const place = { port: 0, host: '127.0.0.1', exclusive: true }
    await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(place, resolve))
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
