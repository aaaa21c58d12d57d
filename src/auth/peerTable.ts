// Finds the other end of a connection in the kernel's table of TCP connections (proc_pid_net(5), /proc/net/tcp and tcp6).

import { createTurns } from '../platform/kernel/turns.ts'

/** A connection as the server's socket sees it: `remote` is the client. */
export interface Connection {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
}

/** The socket at the other end of a connection: the account that made it, and its number in the kernel. */
export interface Peer {
  readonly uid: number
  /** Null where the system does not tell it. */
  readonly inode: number | null
}

/** The two tables of Linux. A client may reach an IPv4 address through an IPv6 socket; its row is then in the second. */
export type TableName = 'tcp' | 'tcp6'

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** IPv4 without the prefix under which an IPv6 socket shows it. */
const unmapped = (address: string): string => MAPPED.exec(address)?.[1] ?? address

/** The 4 or 16 bytes of an address, without the bytes that an IPv6 socket puts before an IPv4 address. */
export const addressBytes = (address: string): number[] => bytesOf(unmapped(address))

function bytesOf(address: string): number[] {
  if (!address.includes(':')) return address.split('.').map(Number)
  const [head = '', tail] = address.split('::')
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff])
}

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')

/** An endpoint as the table writes it. The kernel prints each four bytes of an address as one number, in the machine's byte order. */
function endpoint(bytes: readonly number[], port: number, isLittleEndian: boolean): string {
  const words = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.slice(at * 4, at * 4 + 4))
  const text = words.map((word) => (isLittleEndian ? word.toReversed() : word).map(hex).join('')).join('')
  return `${text}:${hex(port >> 8)}${hex(port & 0xff)}`
}

/** The tables in which the other end of a connection may stand, the likely one first. */
export const tablesFor = ({ remoteAddress }: Connection): readonly TableName[] =>
  unmapped(remoteAddress).includes(':') ? ['tcp6'] : ['tcp', 'tcp6']

/** The two ends of a connection as they stand in the row of its client, who is the local side there. */
export function clientEnds(table: TableName, connection: Connection, isLittleEndian: boolean): string {
  const encode = (address: string, port: number): string => {
    const bytes = addressBytes(address)
    return endpoint(table === 'tcp6' && bytes.length === 4 ? [...MAPPED_PREFIX, ...bytes] : bytes, port, isLittleEndian)
  }
  return ` ${encode(connection.remoteAddress, connection.remotePort)} ${encode(connection.localAddress, connection.localPort)} `
}

/** The client of a connection; `closed` when its row is there, and no program has the socket open. */
export type Client = Peer | 'closed'

/** Longer than the fields of a row that follow its two ends. */
const FIELDS_LENGTH = 200

/**
 * Finds the row of a client in rows of a table.
 *
 * A socket that its program has closed still delivers what was sent before, and the table then shows it with the account 0 and
 * without an inode. It is `closed`, so that no program becomes root by closing early.
 *
 * @param ends from `clientEnds`
 * @returns null when the rows have no such socket
 */
export function findClient(rows: Buffer, ends: string): Client | null {
  const at = rows.indexOf(ends, 0, 'latin1')
  if (at < 0) return null
  // State, queues, timer, retransmissions, account, timeout, inode.
  const begin = at + ends.length
  const fields = rows
    .toString('latin1', begin, begin + FIELDS_LENGTH)
    .trimStart()
    .split(/\s+/)
  const [uid, inode] = [Number(fields[4]), Number(fields[6])]
  return Number.isInteger(uid) && Number.isInteger(inode) && inode > 0 ? { uid, inode } : 'closed'
}

const LINE_FEED = 0x0a
/** The kernel gives one page of memory for each read, which is 27 rows. */
const BUFFER_BYTES = 64 * 1024

/**
 * Reads a table until every client is found: the kernel writes each row when it is read, and thousands of rows of ended connections
 * cost more than the request. The rows are searched as bytes, in turns.
 *
 * @param read reads the next bytes into a buffer from an offset on, and returns their number, 0 at the end
 * @param clients from `clientEnds`
 */
export async function findClients(
  read: (buffer: Buffer, offset: number) => number,
  clients: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Client>> {
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  const found = new Map<string, Client>()
  const turns = createTurns()
  let keptBytes = 0
  while (found.size < clients.size && keptBytes < BUFFER_BYTES) {
    const byteCount = read(buffer, keptBytes)
    if (byteCount === 0) break
    const end = keptBytes + byteCount
    const endOfRows = buffer.subarray(0, end).lastIndexOf(LINE_FEED) + 1
    for (const ends of clients) {
      const client = found.has(ends) ? null : findClient(buffer.subarray(0, endOfRows), ends)
      if (client !== null) found.set(ends, client)
    }
    buffer.copyWithin(0, endOfRows, end)
    keptBytes = end - endOfRows
    if (turns.isDue()) await turns.yieldIfDue()
  }
  return found
}
