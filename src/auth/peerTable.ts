// Finds the other end of a connection in the kernel's table of TCP connections (proc_pid_net(5), /proc/net/tcp and tcp6).

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

/**
 * Finds the other end of a connection in the text of a table.
 *
 * A socket that its program has closed still delivers what was sent before, and the table then shows it with the account 0 and
 * without an inode. It is not found, so that no program becomes root by closing early.
 *
 * @returns null when the table has no such socket, or none that a program has open
 */
export function findPeer(table: TableName, text: string, connection: Connection, isLittleEndian: boolean): Peer | null {
  const encode = (address: string, port: number): string => {
    const bytes = addressBytes(address)
    return endpoint(table === 'tcp6' && bytes.length === 4 ? [...MAPPED_PREFIX, ...bytes] : bytes, port, isLittleEndian)
  }
  // In the client's row the client is the local side.
  const needle = ` ${encode(connection.remoteAddress, connection.remotePort)} ${encode(connection.localAddress, connection.localPort)} `
  const at = text.indexOf(needle)
  if (at < 0) return null
  // State, queues, timer, retransmissions, account, timeout, inode.
  const fields = text
    .slice(at + needle.length, at + needle.length + 200)
    .trimStart()
    .split(/\s+/)
  const [uid, inode] = [Number(fields[4]), Number(fields[6])]
  return Number.isInteger(uid) && Number.isInteger(inode) && inode > 0 ? { uid, inode } : null
}
