import { WebSocket } from 'ws'
import type { ReadDb } from '../../platform/db/types.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { Feed } from './feed.ts'
import { createFrameEncoder } from './frames.ts'
import type { Frame } from './frames.ts'
import type { Position } from './position.ts'
import { presentPayload } from './present.ts'
import type { FeedEntry } from './readAfter.ts'
import { disconnect, POLICY_VIOLATION, TRY_AGAIN_LATER } from './socketClient.ts'
import type { SocketClient } from './socketClient.ts'
import type { Subscriber } from './subscriptions.ts'

/** The WebSocket has no replay, so a client that is this far behind has to read its state again anyway. */
const MAX_BUFFERED_BYTES = 256 * 1024

export interface HubDeps {
  readonly feed: Feed
  readonly db: ReadDb
  readonly log: Log
}

/** The WebSocket clients of all companies. */
export interface Hubs {
  /** Adds a client, which receives every event of the company after the position. */
  add(companyId: string, client: SocketClient, from: Position): void
  remove(companyId: string, client: SocketClient): void
  /** Sends a frame to the clients of its company. */
  send(frame: Frame): void
  hasClients(companyId: string): boolean
  isEmpty(): boolean
  readonly clients: () => Iterable<SocketClient>
}

/** The clients of one company: each event is encoded once for all of them. */
interface Hub {
  readonly clients: Set<SocketClient>
  readonly subscriber: Subscriber
}

/** @param maxBufferedBytes unsent bytes of a client above which it is disconnected */
export function createHubs(deps: HubDeps, maxBufferedBytes = MAX_BUFFERED_BYTES): Hubs {
  const hubs = new Map<string, Hub>()
  const send = createSender(maxBufferedBytes)
  return {
    add(companyId, client, from) {
      const hub = hubs.get(companyId) ?? createHub(deps, companyId, send)
      hubs.set(companyId, hub)
      hub.clients.add(client)
      if (hub.clients.size === 1) deps.feed.subscribe(hub.subscriber, from)
    },
    remove(companyId, client) {
      const hub = hubs.get(companyId)
      if (hub === undefined || !hub.clients.delete(client) || hub.clients.size > 0) return
      hubs.delete(companyId)
      deps.feed.unsubscribe(hub.subscriber)
    },
    send(frame) {
      const hub = hubs.get(frame.companyId)
      if (hub !== undefined) send(hub, frame)
    },
    hasClients: (companyId) => hubs.has(companyId),
    isEmpty: () => hubs.size === 0,
    clients: () => [...hubs.values()].flatMap(({ clients }) => [...clients]),
  }
}

type Send = (hub: Pick<Hub, 'clients'>, frame: Frame) => void

/** Numbers frames and writes them to clients. */
function createSender(maxBufferedBytes: number): Send {
  // One sequence for the whole process, as in Paperclip: it orders the frames of one server for its clients.
  let lastId = 0
  return ({ clients }, frame) => {
    lastId += 1
    const head = `{"id":${lastId},"companyId":"${frame.companyId}","type":"${frame.type}","createdAt":"${frame.createdAt}","payload":`
    const message = `${head}${frame.payload}}`
    for (const client of clients) {
      if (client.socket.readyState !== WebSocket.OPEN) continue
      if (client.socket.bufferedAmount > maxBufferedBytes) disconnect(client, TRY_AGAIN_LATER, 'too slow')
      else client.socket.send(presentMessage(client, frame, head, message), () => {})
    }
  }
}

/** The message as the client may see it: almost always the same text for all clients. */
function presentMessage({ actor }: SocketClient, frame: Frame, head: string, message: string): string {
  const payload = presentPayload(actor, frame)
  return payload === frame.payload ? message : `${head}${payload}}`
}

function createHub({ db, log }: HubDeps, companyId: string, send: Send): Hub {
  const clients = new Set<SocketClient>()
  const encoder = createFrameEncoder(db, companyId)
  const disconnectAll = (code: number, reason: string): void => {
    for (const client of clients) disconnect(client, code, reason)
  }
  const broadcast = async (entries: readonly FeedEntry[]): Promise<void> => {
    try {
      for (const frame of await encoder.encode(entries)) send({ clients }, frame)
      if (entries.some(({ action }) => action === 'company.deleted')) disconnectAll(POLICY_VIOLATION, 'company deleted')
    } catch (error) {
      // These events are not sent again, so no client may believe that it has received every event.
      log.warn({ err: error }, 'failed to encode events; disconnecting clients')
      disconnectAll(TRY_AGAIN_LATER, 'try again')
    }
  }
  const subscriber: Subscriber = { companyId, onBatch: broadcast, onDisconnect: () => disconnectAll(TRY_AGAIN_LATER, 'try again') }
  return { clients, subscriber }
}
