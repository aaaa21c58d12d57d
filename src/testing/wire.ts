import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { ConnectionOptions } from '../db/client.ts'

/** What to do with bytes on their way to Postgres: pass them on, changed or not, or cut the connection. */
type Tamper = (chunk: Buffer) => Buffer | 'cut before' | 'cut behind'

export interface Wire {
  /** Reaches the same database, through the wire. */
  readonly connection: ConnectionOptions
  tamper: Tamper
  /** While true nothing passes and nothing is refused, as with a frozen Postgres. */
  freeze(frozen: boolean): void
  /** Accepts nobody any more and cuts everybody off. */
  close(): Promise<void>
}

/**
 * A wire between the driver and Postgres that a test can cut or falsify at the very byte, for the failures that cannot be
 * met by chance.
 */
export async function wireTo(target: ConnectionOptions): Promise<Wire> {
  const open = new Set<Socket>()
  let frozen = false
  const server = createServer((near) => {
    const far = connect(`${target.host}/.s.PGSQL.${target.port}`)
    let outlives = false
    for (const socket of [near, far]) {
      open.add(socket)
      if (frozen) socket.pause()
      const end = (): void => {
        open.delete(socket)
        near.destroy()
        if (!outlives) far.destroy()
      }
      socket.on('error', end)
      socket.on('close', end)
    }
    far.on('data', (chunk) => void (near.writable && near.write(chunk)))
    near.on('data', (chunk: Buffer) => {
      const done = wire.tamper(chunk)
      if (done === 'cut before') return near.destroy()
      if (done !== 'cut behind') return far.write(done)
      // Postgres acts on what it was sent and answers, and nobody is left to hear of it.
      outlives = true
      far.end(chunk)
      near.destroy()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const wire: Wire = {
    connection: { ...target, host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    tamper: (chunk) => chunk,
    freeze(to) {
      frozen = to
      for (const socket of open)
        if (to) socket.pause()
        else socket.resume()
    },
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
  return wire
}
