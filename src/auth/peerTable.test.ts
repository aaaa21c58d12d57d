import { describe, expect, test } from 'vitest'
import { clientEnds, findClient, findClients, tablesFor } from './peerTable.ts'
import type { Client, Connection, TableName } from './peerTable.ts'

const row = (local: string, remote: string, uid: number, inode: number): string =>
  `   1: ${local} ${remote} ${inode === 0 ? '05' : '01'} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`

const v4: Connection = { localAddress: '127.0.0.1', localPort: 0xd5ad, remoteAddress: '127.0.0.1', remotePort: 0x8f68 }
const mapped: Connection = { ...v4, localAddress: '::ffff:127.0.0.1', remoteAddress: '::ffff:127.0.0.1' }
const v6: Connection = { ...v4, localAddress: '::1', remoteAddress: '::1' }

const client = row('0100007F:8F68', '0100007F:D5AD', 1000, 77)
const server = row('0100007F:D5AD', '0100007F:8F68', 0, 78)
const mappedClient = row('0000000000000000FFFF00000100007F:8F68', '0000000000000000FFFF00000100007F:D5AD', 1000, 77)
const v6Client = row('00000000000000000000000001000000:8F68', '00000000000000000000000001000000:D5AD', 1000, 77)

const findPeer = (table: TableName, text: string, connection: Connection, isLittleEndian: boolean): Client | null =>
  findClient(Buffer.from(text), clientEnds(table, connection, isLittleEndian))

describe('findClient: the socket at the other end of a connection', () => {
  test('The row of the client is found and not the row of the server', () => {
    expect(findPeer('tcp', server + client, v4, true)).toEqual({ uid: 1000, inode: 77 })
    expect(findPeer('tcp', server, v4, true)).toBeNull()
  })

  test('An IPv4 connection is also found where its client uses an IPv6 socket', () => {
    expect(tablesFor(v4)).toEqual(['tcp', 'tcp6'])
    expect(findPeer('tcp6', mappedClient, v4, true)).toEqual({ uid: 1000, inode: 77 })
  })

  test('A server on an IPv6 socket finds a client on either kind of socket', () => {
    expect(tablesFor(mapped)).toEqual(['tcp', 'tcp6'])
    expect(findPeer('tcp', client, mapped, true)).toEqual({ uid: 1000, inode: 77 })
    expect(findPeer('tcp6', mappedClient, mapped, true)).toEqual({ uid: 1000, inode: 77 })
  })

  test('An IPv6 connection is looked for in the second table only', () => {
    expect(tablesFor(v6)).toEqual(['tcp6'])
    expect(findPeer('tcp6', v6Client, v6, true)).toEqual({ uid: 1000, inode: 77 })
  })

  test('A machine with the other byte order prints the bytes of an address in order', () => {
    expect(findPeer('tcp', row('7F000001:8F68', '7F000001:D5AD', 5, 9), v4, false)).toEqual({ uid: 5, inode: 9 })
    expect(findPeer('tcp', client, v4, false)).toBeNull()
  })

  test('A socket that its program has closed is not found, although the table shows it under the account of root', () => {
    expect(findPeer('tcp', row('0100007F:8F68', '0100007F:D5AD', 0, 0), v4, true)).toBe('closed')
  })

  test('A connection of another port or a longer number is not taken for it', () => {
    expect(findPeer('tcp', row('0100007F:8F69', '0100007F:D5AD', 0, 7), v4, true)).toBeNull()
    expect(findPeer('tcp', '', v4, true)).toBeNull()
  })
})

describe('findClients: a table that is read until all clients are found', () => {
  const others = Array.from({ length: 5000 }, (_, index) =>
    row(`0100007F:${(0x9000 + index).toString(16).toUpperCase()}`, '0100007F:D5AD', 0, 0),
  )
  const ends = clientEnds('tcp', v4, true)

  /** A table that gives so many bytes for each read. */
  function tableOf(text: string, portion: number) {
    const bytes = Buffer.from(text)
    let at = 0
    return {
      reads: () => Math.ceil(at / portion),
      read: (buffer: Buffer, offset: number): number => {
        const count = bytes.copy(buffer, offset, at, Math.min(at + portion, at + buffer.length - offset))
        at += count
        return count
      },
    }
  }

  test('The rows of ended connections behind the last client are not read', async () => {
    const table = tableOf(client + others.join(''), 4096)
    expect(await findClients(table.read, new Set([ends]))).toEqual(new Map([[ends, { uid: 1000, inode: 77 }]]))
    expect(table.reads()).toBe(1)
  })

  test.each([1, 27, 100, 4095, 4096, 65_536])('A row is found where reads of %i bytes cut it', async (portion) => {
    const table = tableOf(others.slice(0, 100).join('') + client + others.slice(100, 200).join(''), portion)
    expect(await findClients(table.read, new Set([ends]))).toEqual(new Map([[ends, { uid: 1000, inode: 77 }]]))
  })

  test('Of several clients each that has a row is found, also behind all others', async () => {
    const missing = clientEnds('tcp', { ...v4, remotePort: 1 }, true)
    const closed = clientEnds('tcp', { ...v4, remotePort: 0x9000 }, true)
    const table = tableOf(others.join('') + client, 4096)
    expect(await findClients(table.read, new Set([missing, closed, ends]))).toEqual(
      new Map<string, Client>([
        [closed, 'closed'],
        [ends, { uid: 1000, inode: 77 }],
      ]),
    )
  })

  test('A table that has no end of a row ends the search', async () => {
    expect(await findClients(tableOf('x'.repeat(200_000), 4096).read, new Set([ends]))).toEqual(new Map())
  })
})
