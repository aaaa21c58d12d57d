import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { credentialRefOf } from '../../auth/credentialStatus.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { toRefusal } from '../../http/problem.ts'
import type { OnUpgrade } from '../../http/httpServer.ts'
import { logFrame } from './frames.ts'
import { authorizeHandshake, forbid, parseHandshake } from './handshake.ts'
import type { Handshake, HandshakeDeps } from './handshake.ts'
import { createHubs } from './hubs.ts'
import type { HubDeps, Hubs } from './hubs.ts'
import { createPingLoop } from './pingLoop.ts'
import type { PingLoop } from './pingLoop.ts'
import type { Position } from './position.ts'
import { disconnect, GOING_AWAY, POLICY_VIOLATION } from './socketClient.ts'
import type { SocketClient } from './socketClient.ts'

/** Clients send nothing that the server reads. */
const MAX_INBOUND_BYTES = 1024
const ROUTE = 'getCompaniesByCompanyIdEventsWs'

export interface SocketOptions {
  readonly pingIntervalMs?: number
  readonly maxBufferedBytes?: number
}

export interface SocketDeps extends HandshakeDeps, HubDeps {
  readonly options: SocketOptions
}

/** The state that all connections of one process share. */
interface Connections {
  readonly deps: SocketDeps
  readonly server: WebSocketServer
  readonly hubs: Hubs
  readonly pingLoop: PingLoop
  readonly isStopping: () => boolean
}

/**
 * The WebSocket of Paperclip's API, `/api/companies/:companyId/events/ws`. It sends frames from the moment of connecting
 * on and has no replay. A client that may not connect gets 403 and the word `forbidden`, for every reason; other paths get
 * no answer.
 */
export function createSockets(deps: SocketDeps): OnUpgrade {
  const { feed, log, options } = deps
  const hubs = createHubs(deps, options.maxBufferedBytes)
  const pingLoop = createPingLoop(hubs.clients, options.pingIntervalMs)
  let isStopping = false
  const connections: Connections = {
    deps,
    server: new WebSocketServer({ noServer: true, maxPayload: MAX_INBOUND_BYTES, clientTracking: false, perMessageDeflate: false }),
    hubs,
    pingLoop,
    isStopping: () => isStopping,
  }

  feed.onLogLine((line) => {
    // Most lines have no reader, and encoding one is not free.
    if (hubs.hasClients(line.companyId)) hubs.send(logFrame(line))
  })
  feed.onStop(() => {
    isStopping = true
    pingLoop.stop()
    for (const client of hubs.clients()) disconnect(client, GOING_AWAY, 'the server stops')
  })

  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const handshake = parseHandshake(request)
    if (handshake === undefined) return void socket.destroy()
    connect(connections, handshake, socket, head).catch((error: unknown) => {
      const refusal = toRefusal(error)
      if (refusal === undefined) log.error({ err: error, route: ROUTE }, 'unhandled error in an upgrade')
      else log.warn({ route: ROUTE, status: 403, code: refusal.code }, 'request denied')
      forbid(socket)
    })
  }
}

/** @throws Refusal when the client may not connect, or `too_many_streams` */
async function connect(connections: Connections, handshake: Handshake, socket: Duplex, head: Buffer): Promise<void> {
  const { feed, log } = connections.deps
  const { companyId, request } = handshake
  const actor = await authorizeHandshake(connections.deps, handshake)
  // Events that commit after this are delivered, however long the rest takes.
  const { lowWatermark } = await feed.readWatermarks()
  // The client may have left meanwhile. Its 'close' event has passed, and nothing would release its connection slot.
  if (connections.isStopping() || socket.destroyed) return void socket.destroy()
  const agentId = actor.kind === 'agent' ? actor.agentId : null
  const releaseConnection = feed.connectionLimits.acquire(companyId, agentId)
  // The WebSocket server answers a malformed handshake itself and then does not call back.
  socket.once('close', releaseConnection)
  connections.server.handleUpgrade(request, socket, head, (webSocket) => {
    serve(connections, webSocket, { companyId, from: lowWatermark, actor })
    log.info({ route: ROUTE, status: 101, actor: actor.kind, agentId }, 'websocket connected')
  })
}

interface Connection {
  readonly companyId: string
  readonly from: Position
  /** The connection ends with its credential. */
  readonly actor: Actor
}

/** Sends events to an open WebSocket until it closes. */
function serve({ deps, hubs, pingLoop }: Connections, socket: WebSocket, { companyId, from, actor }: Connection): void {
  const client: SocketClient = { socket, actor, isAlive: true }
  const credential = credentialRefOf(actor, companyId)
  const onRevoked = (): void => disconnect(client, POLICY_VIOLATION, 'credential ended')
  const stopWatching = credential === null ? undefined : deps.feed.watchCredential(credential, onRevoked)
  socket.on('pong', () => void (client.isAlive = true))
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    stopWatching?.()
    hubs.remove(companyId, client)
    if (hubs.isEmpty()) pingLoop.stop()
  })
  pingLoop.start()
  hubs.add(companyId, client, from)
}
