import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { connectionOf, createPeerLookup, ownUid, probePeerLookup, uidInLsof } from './peerLookup.ts'
import type { Connection } from './peerTable.ts'

/** A connection as the server sees it, from one loopback address to another. */
async function connected(listenOn: string, to: string): Promise<{ readonly connection: Connection; readonly client: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, listenOn)
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect({ port: (server.address() as AddressInfo).port, host: to })
  client.on('error', () => {})
  const [socket] = await accepted
  socket.on('error', () => {})
  onTestFinished(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  const connection = connectionOf(socket)
  if (connection === null) throw new Error('the socket is not connected')
  return { connection, client }
}

const lookUp = createPeerLookup()

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.1', '::ffff:127.0.0.1'],
  ['::', '127.0.0.1'],
  ['::', '::ffff:127.0.0.1'],
  ['::1', '::1'],
])('The account at the other end is found when a server on %s is reached at %s', async (listenOn, to) => {
  const { connection } = await connected(listenOn, to)
  expect(await lookUp(connection)).toMatchObject({ uid: ownUid() })
})

test('A client that has ended its sending side is found, and one that has closed its socket is not', async () => {
  const { connection, client } = await connected('127.0.0.1', '127.0.0.1')
  client.end('request')
  await once(client, 'finish')
  expect(await lookUp(connection)).toMatchObject({ uid: ownUid() })
  client.destroy()
  await once(client, 'close')
  expect(await lookUp(connection)).toBeNull()
})

test('Many look-ups at the same time are all answered', async () => {
  const connections = await Promise.all(Array.from({ length: 20 }, () => connected('127.0.0.1', '127.0.0.1')))
  const peers = await Promise.all(connections.map(({ connection }) => lookUp(connection)))
  expect(new Set(peers.map((peer) => peer?.inode)).size).toBe(20)
  expect(peers.every((peer) => peer?.uid === ownUid())).toBe(true)
})

test('The probe distinguishes a look-up that works from one that finds nothing or another account', async () => {
  expect(await probePeerLookup(lookUp)).toBe(true)
  expect(await probePeerLookup(async () => null)).toBe(false)
  expect(await probePeerLookup(async () => ({ uid: (ownUid() ?? 0) + 1, inode: 1 }))).toBe(false)
})

test('The account is read from the output of lsof, from the side of the client', () => {
  const output = 'p10\nu0\nf5\nn127.0.0.1:3100->127.0.0.1:5000\np11\nu501\nf7\nn127.0.0.1:5000->127.0.0.1:3100\n'
  const connection = { localAddress: '127.0.0.1', localPort: 3100, remoteAddress: '127.0.0.1', remotePort: 5000 }
  expect(uidInLsof(output, connection)).toBe(501)
  expect(uidInLsof(output, { ...connection, remotePort: 5001 })).toBeNull()
  const v6 = { localAddress: '::1', localPort: 3100, remoteAddress: '::1', remotePort: 5000 }
  expect(uidInLsof('p1\nu501\nf3\nn[::1]:5000->[::1]:3100\n', v6)).toBe(501)
})
