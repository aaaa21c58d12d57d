import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { lineReader } from '../protocol.ts'
import type { Call, HostLine } from '../protocol.ts'
import type { Site } from './hostedServer.ts'
import { createServerRegister } from './serverRegister.ts'
import type { ServerRegister } from './serverRegister.ts'

/** The end of the host at which test processes call it. */
export interface Control {
  readonly clientCount: () => number
  /** Whether a test process has connected since the start. */
  readonly wasUsed: () => boolean
  /** Accepts no connection any more, and closes every server. */
  stop(): Promise<void>
}

type Handler = (params: unknown) => Promise<unknown>

/** The servers of a test process live as long as its connection, which the kernel closes however the process ends. */
function serve(socket: Socket, site: Site): { readonly ended: Promise<void> } {
  const send = (line: HostLine): void => void (socket.writable && socket.write(`${JSON.stringify(line)}\n`))
  const register: ServerRegister = createServerRegister(site, (crashed, error) =>
    send({ crashed, error: error === null ? null : error.message }),
  )
  const answer = async ({ id, method, params }: Call): Promise<void> => {
    try {
      const handle = (register.handlers as unknown as Readonly<Record<string, Handler | undefined>>)[method]
      if (handle === undefined) throw new Error(`The host of test servers does not know ${method}: it is of another version`)
      send({ id, value: await handle(params) })
    } catch (error) {
      send({ id, error: error instanceof Error ? error.message : String(error) })
    }
  }
  socket.on(
    'data',
    lineReader((line) => void answer(JSON.parse(line) as Call)),
  )
  socket.on('error', () => {})
  const ended = once(socket, 'close').then(() => register.closeAll())
  return { ended }
}

/** Listens for test processes. @param path of a socket in a folder that only this account may enter */
export async function openControl(path: string, site: Site): Promise<Control> {
  const sockets = new Set<Socket>()
  const leaving = new Set<Promise<void>>()
  let wasUsed = false
  const server: Server = createServer((socket) => {
    wasUsed = true
    sockets.add(socket)
    const { ended } = serve(socket, site)
    leaving.add(ended)
    const leave = (): void => {
      sockets.delete(socket)
      leaving.delete(ended)
    }
    ended.then(leave, leave)
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    clientCount: () => sockets.size,
    wasUsed: () => wasUsed,
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await Promise.allSettled(leaving)
    },
  }
}
