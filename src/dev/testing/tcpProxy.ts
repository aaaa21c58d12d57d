import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'

/** Decides about bytes on their way to Postgres: pass them on, changed or not, or cut the connection. */
type Tamper = (chunk: Buffer) => Buffer | 'cut before' | 'cut behind'

export interface TcpProxy {
  /** Reaches the same database, through the wire. */
  readonly connection: ConnectionOptions
  tamper: Tamper
  /** While true nothing passes and nothing is refused, as with a frozen Postgres. */
  freeze(frozen: boolean): void
  /** While true nothing passes on connections that begin from now on. */
  freezeNew(frozen: boolean): void
  /** The delay of every byte in each direction, in milliseconds. */
  delayMs: number
  /** Accepts no more connections and cuts the open ones. */
  close(): Promise<void>
}

/**
 * A wire between the driver and Postgres that a test can cut or falsify at the very byte, for the failures that cannot be
 * met by chance.
 */
export async function startTcpProxy(target: ConnectionOptions): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let frozen = false
  let isFrozenForNew = false
  const later = (work: () => void): void => void (proxy.delayMs > 0 ? setTimeout(work, proxy.delayMs) : work())
  const server = createServer((client) => {
    const upstream = connect(`${target.host}/.s.PGSQL.${target.port}`)
    let keepsUpstream = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      if (frozen || isFrozenForNew) socket.pause()
      const end = (): void => {
        sockets.delete(socket)
        client.destroy()
        if (!keepsUpstream) upstream.destroy()
      }
      socket.on('error', end)
      socket.on('close', end)
    }
    upstream.on('data', (chunk) => later(() => void (client.writable && client.write(chunk))))
    client.on('data', (chunk: Buffer) => {
      const tampered = proxy.tamper(chunk)
      if (tampered === 'cut before') return client.destroy()
      if (tampered !== 'cut behind') return later(() => void upstream.write(tampered))
      // Postgres acts on what it was sent and answers, and no client receives the answer.
      keepsUpstream = true
      upstream.end(chunk)
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const proxy: TcpProxy = {
    connection: { ...target, host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    tamper: (chunk) => chunk,
    delayMs: 0,
    freezeNew: (shouldFreeze) => void (isFrozenForNew = shouldFreeze),
    freeze(shouldFreeze) {
      frozen = shouldFreeze
      for (const socket of sockets)
        if (shouldFreeze) socket.pause()
        else socket.resume()
    },
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  return proxy
}
