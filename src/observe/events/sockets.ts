import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { WebSocket, WebSocketServer } from 'ws'
import { authorize } from '../../auth/permissions.ts'
import { inCompany } from '../../auth/scopes.ts'
import { credentialRefOf } from '../../auth/credentialStatus.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { toRefusal } from '../../http/problem.ts'
import type { OnUpgrade } from '../../http/httpServer.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { Feed, Subscriber } from './feed.ts'
import { createFrameEncoder, logFrame } from './frames.ts'
import type { Frame, FrameEncoder } from './frames.ts'
import type { FeedEntry } from './readAfter.ts'

/** How often clients are pinged, as the public wire has it; one that has not answered by the next ping is dropped. */
const PING_INTERVAL_MS = 30_000
/** Bytes a client may leave lying before it is dropped. There is no replay here, so it has to read afresh anyway. */
const MAX_BUFFERED_BYTES = 1024 * 1024
/** Clients have nothing to say. */
const MAX_INBOUND_BYTES = 1024
/** A dropped client may take this long to say goodbye. */
const CLOSE_TIMEOUT_MS = 1000

/** Close codes (RFC 6455 §7.4). */
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008
const TRY_AGAIN_LATER = 1013

export interface SocketOptions {
  readonly pingIntervalMs?: number
  readonly maxBufferedBytes?: number
}

export interface SocketDeps {
  readonly feed: Feed
  readonly db: ReadDb
  readonly log: Log
  /** Keeps web pages out: throws for a foreign Host or Origin. */
  readonly guard: (request: IncomingMessage) => void
  /** Who asks; throws for a credential that is worth nothing. */
  readonly identify: (request: IncomingMessage) => Promise<Actor>
  readonly options: SocketOptions
}

const pathPattern = /^\/api\/companies\/([^/?]+)\/events\/ws$/
const FORBIDDEN = 'forbidden'

function forbid(socket: Duplex): void {
  if (!socket.writable) return void socket.destroy()
  socket.end(
    `HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${FORBIDDEN.length}\r\nConnection: close\r\n\r\n${FORBIDDEN}`,
  )
}

/** The credential of `?token=` where a header would stand: browsers cannot send one with a WebSocket. */
function moveTokenToHeader(request: IncomingMessage, url: URL): void {
  const tokens = url.searchParams.getAll('token')
  if (tokens.length === 0) return
  const [token = ''] = tokens
  // Two credentials are none, even two good ones.
  if (tokens.length > 1 || request.headers.authorization !== undefined) refuse('unauthorized')
  request.headers.authorization = `Bearer ${token}`
}

const uuid = z.uuid()

interface Client {
  readonly socket: WebSocket
  isAlive: boolean
}

/** The clients of one company: what happens is put into words once for all of them. */
interface Hub {
  readonly clients: Set<Client>
  readonly subscriber: Subscriber
  readonly encoder: FrameEncoder
}

/**
 * The WebSocket of the public wire, `/api/companies/:companyId/events/ws`: frames from the moment of connecting on, no
 * replay. Whoever may not connect gets 403 and the word `forbidden`, whatever the reason; other paths get nothing.
 */
export function createSockets(deps: SocketDeps): OnUpgrade {
  const { feed, log } = deps
  const maxBuffered = deps.options.maxBufferedBytes ?? MAX_BUFFERED_BYTES
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_INBOUND_BYTES, clientTracking: false, perMessageDeflate: false })
  const hubs = new Map<string, Hub>()
  // Process-wide, as on the public wire: it tells clients of one server what came before what.
  let lastId = 0
  let pingTimer: NodeJS.Timeout | undefined
  let isStopping = false

  const drop = ({ socket }: Client, code: number, reason: string): void => {
    if (socket.readyState !== WebSocket.OPEN) return
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
  }

  const send = (hub: Hub, frame: Frame): void => {
    lastId += 1
    const message = `{"id":${lastId},"companyId":"${frame.companyId}","type":"${frame.type}","createdAt":"${frame.createdAt}","payload":${frame.payload}}`
    for (const client of hub.clients) {
      if (client.socket.readyState !== WebSocket.OPEN) continue
      if (client.socket.bufferedAmount > maxBuffered) drop(client, TRY_AGAIN_LATER, 'too slow')
      else client.socket.send(message, () => {})
    }
  }

  const broadcast = async (hub: Hub, entries: readonly FeedEntry[]): Promise<void> => {
    try {
      for (const frame of await hub.encoder.encode(entries)) send(hub, frame)
      if (entries.some(({ action }) => action === 'company.deleted')) dropAll(hub, POLICY_VIOLATION, 'company deleted')
    } catch (error) {
      // What could not be told now never will be, so nobody may believe to have been told everything.
      log.warn({ err: error }, 'clients are dropped: what happened could not be put into words')
      dropAll(hub, TRY_AGAIN_LATER, 'try again')
    }
  }
  const dropAll = (hub: Hub, code: number, reason: string): void => {
    for (const client of hub.clients) drop(client, code, reason)
  }

  const hubOf = (companyId: string): Hub => {
    const existing = hubs.get(companyId)
    if (existing !== undefined) return existing
    const hub: Hub = {
      clients: new Set(),
      encoder: createFrameEncoder(deps.db, companyId),
      subscriber: {
        companyId,
        onBatch: (entries) => broadcast(hub, entries),
        onDisconnect: () => dropAll(hub, TRY_AGAIN_LATER, 'try again'),
      },
    }
    hubs.set(companyId, hub)
    return hub
  }

  const removeClient = (companyId: string, hub: Hub, client: Client): void => {
    hub.clients.delete(client)
    if (hub.clients.size > 0 || hubs.get(companyId) !== hub) return
    hubs.delete(companyId)
    feed.unsubscribe(hub.subscriber)
    if (hubs.size > 0) return
    clearInterval(pingTimer)
    pingTimer = undefined
  }

  const ping = (): void => {
    for (const { clients } of hubs.values())
      for (const client of clients) {
        if (!client.isAlive) {
          client.socket.terminate()
          continue
        }
        client.isAlive = false
        client.socket.ping(() => {})
      }
  }

  const connect = async (request: IncomingMessage, socket: Duplex, head: Buffer, url: URL, companyId: string): Promise<void> => {
    deps.guard(request)
    moveTokenToHeader(request, url)
    const actor = await deps.identify(request)
    authorize('event.follow', actor)
    if (!uuid.safeParse(companyId).success) refuse('malformed_id')
    await inCompany()({ actor, params: { companyId }, query: {}, db: deps.db })
    // Nothing that commits behind this is missed, however long the rest takes.
    const { lowWatermark } = await feed.readWatermarks()
    if (isStopping || socket.destroyed) return void socket.destroy()
    const agentId = actor.kind === 'agent' ? actor.agentId : null
    const releaseConnection = feed.connectionLimits.acquire(companyId, agentId)
    // It answers a malformed handshake by itself, and then never calls back.
    socket.once('close', releaseConnection)
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const hub = hubOf(companyId)
      const client: Client = { socket: webSocket, isAlive: true }
      const credential = credentialRefOf(actor)
      const stopWatching =
        credential === null ? undefined : feed.watchCredential(credential, () => drop(client, POLICY_VIOLATION, 'credential ended'))
      webSocket.on('pong', () => void (client.isAlive = true))
      webSocket.on('error', () => webSocket.terminate())
      webSocket.on('close', () => {
        stopWatching?.()
        removeClient(companyId, hub, client)
      })
      hub.clients.add(client)
      pingTimer ??= setInterval(ping, deps.options.pingIntervalMs ?? PING_INTERVAL_MS)
      if (hub.clients.size === 1) feed.subscribe(hub.subscriber, lowWatermark)
      log.info({ route: 'getCompaniesByCompanyIdEventsWs', status: 101, actor: actor.kind, agentId }, 'following')
    })
  }

  feed.onLogLine((line) => {
    const hub = hubs.get(line.companyId)
    if (hub !== undefined) send(hub, logFrame(line))
  })
  feed.onStop(() => {
    isStopping = true
    clearInterval(pingTimer)
    for (const hub of hubs.values()) dropAll(hub, GOING_AWAY, 'the server stops')
  })

  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const url = URL.canParse(request.url ?? '', 'http://localhost') ? new URL(request.url ?? '', 'http://localhost') : undefined
    const companyId = url === undefined ? undefined : pathPattern.exec(url.pathname)?.[1]
    if (url === undefined || companyId === undefined) return void socket.destroy()
    connect(request, socket, head, url, companyId.toLowerCase()).catch((error: unknown) => {
      const refusal = toRefusal(error)
      const route = 'getCompaniesByCompanyIdEventsWs'
      if (refusal === undefined) log.error({ err: error, route }, 'unhandled error in an upgrade')
      else log.warn({ route, status: 403, code: refusal.code }, 'request denied')
      forbid(socket)
    })
  }
}
