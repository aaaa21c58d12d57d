// The connections of this process: how many, whose, and whether their clients take what they are sent.

import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Reader } from './answersInFlight.ts'

/** Limits of the connections of a process. */
export interface ConnectionRules {
  readonly max: number
  /** Of one address on another machine. On loopback the limit is per caller: all share the address. */
  readonly perAddress: number
  /** Of one agent. */
  readonly perAgent: number
  /** Connections that agents cannot take all together, so that people can always connect. */
  readonly reserved: number
  /** A connection whose client takes nothing of what it was sent for this long is closed. */
  readonly stallMs: number
  readonly sweepMs: number
}

/** The rules for so many connections. A client with 64 connections at once is broken or hostile. */
export const connectionRulesOf = (max: number): ConnectionRules => ({
  max,
  perAddress: Math.ceil(max / 4),
  perAgent: Math.min(64, Math.ceil(max / 8)),
  reserved: Math.ceil(max / 8),
  stallMs: 30_000,
  sweepMs: 2500,
})

const RETRY_AFTER_S = 5

/** The facts about a connection. */
interface Connection {
  readonly socket: Socket
  readonly address: string
  /** Requests in progress; an upgraded connection always has one. Without one it is idle and may be closed for another. */
  requests: number
  /** The answer to the latest request; answers of one connection end in order. */
  latest: ServerResponse | null
  reader: Reader | null
  /** Bytes that the other end has taken, as far as the system says, at the last look, and when they last changed. */
  takenBytes: number
  takenAt: number
}

/** Counts since the start, for metrics. */
export interface ConnectionCounts {
  readonly open: number
  readonly refused: number
  readonly evicted: number
  readonly stalled: number
}

export interface Connections {
  /** Watches every connection of a server. */
  watch(server: Server): void
  /** Notes that a request has begun, before it is handled. */
  begin(request: IncomingMessage, response: ServerResponse): void
  /** Calls back when every request so far of a connection is answered. */
  whenAnswered(socket: Socket, act: () => void): void
  /** Notes that a connection is in use until it closes: a WebSocket. */
  keep(socket: Socket): void
  /** Says who makes the requests of a connection. @throws Refusal `too_many_connections` */
  attribute(socket: Socket, reader: Reader): void
  readonly counts: () => ConnectionCounts
}

const hexPort = (port: number | undefined): string => (port ?? 0).toString(16).toUpperCase().padStart(4, '0')

/**
 * Bytes that the kernel holds for each connection, by the ports of both ends; empty where the system does not say. A kernel asks for
 * more only when a third of its buffer is free, so a slow reader shows no other sign for megabytes.
 */
function kernelQueues(): ReadonlyMap<string, number> {
  const queues = new Map<string, number>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    try {
      for (const [, local, remote, queue] of readFileSync(file, 'latin1').matchAll(
        /:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) 01 ([0-9A-F]{8}):/g,
      ))
        queues.set(`${local} ${remote}`, Number.parseInt(queue ?? '0', 16))
    } catch {
      // No such file: another system than Linux.
    }
  }
  return queues
}

/** Bytes of a socket that the kernel has taken. The handle's counters show progress within one large write. */
function takenBytesOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { bytesWritten?: unknown; writeQueueSize?: unknown } | null }
  if (typeof handle?.bytesWritten === 'number' && typeof handle.writeQueueSize === 'number')
    return handle.bytesWritten - handle.writeQueueSize
  return socket.bytesWritten - socket.writableLength
}

const isLoopback = (address: string): boolean => /^(?:::ffff:)?127\.|^::1$/.test(address)

/** The connections of one process. */
interface State {
  readonly rules: ConnectionRules
  readonly connections: Map<Socket, Connection>
  readonly byAgent: Map<string, number>
  readonly byAddress: Map<string, number>
  readonly totals: { agents: number; refused: number; evicted: number; stalled: number }
}

export function createConnections(rules: ConnectionRules): Connections {
  const state: State = {
    rules,
    connections: new Map(),
    byAgent: new Map(),
    byAddress: new Map(),
    totals: { agents: 0, refused: 0, evicted: 0, stalled: 0 },
  }
  const { connections, totals } = state
  return {
    watch(server) {
      server.on('connection', (socket: Socket) => accept(state, socket))
      const timer = setInterval(() => sweep(state), rules.sweepMs).unref()
      server.once('close', () => clearInterval(timer))
    },
    begin(request, response) {
      const connection = connections.get(request.socket)
      if (connection === undefined) return
      connection.requests += 1
      connection.latest = response
      response.once('close', () => (connection.requests -= 1))
    },
    whenAnswered(socket, act) {
      const connection = connections.get(socket)
      if (connection === undefined || connection.requests === 0 || connection.latest === null) act()
      else connection.latest.once('close', act)
    },
    keep(socket) {
      const connection = connections.get(socket)
      if (connection !== undefined) connection.requests += 1
    },
    attribute(socket, reader) {
      const connection = connections.get(socket)
      if (connection === undefined || connection.reader?.key === reader.key) return
      if (reader.isAgent) requireRoomFor(state, reader.key)
      setReader(state, connection, reader)
    },
    counts: () => ({ open: connections.size, refused: totals.refused, evicted: totals.evicted, stalled: totals.stalled }),
  }
}

/** Takes a new connection, or closes it when there is no room. */
function accept(state: State, socket: Socket): void {
  const { connections, totals, byAddress } = state
  // A request whose offer to upgrade is ignored comes back as a new connection of the same socket.
  if (connections.has(socket)) return
  const address = socket.remoteAddress ?? ''
  if (!hasRoom(state, address)) {
    totals.refused += 1
    socket.destroy()
    return
  }
  const connection: Connection = { socket, address, requests: 0, latest: null, reader: null, takenBytes: 0, takenAt: 0 }
  connections.set(socket, connection)
  add(byAddress, address, 1)
  socket.once('close', () => forget(state, connection))
}

function hasRoom(state: State, address: string): boolean {
  const { rules, connections, byAddress } = state
  const isFull = !isLoopback(address) && (byAddress.get(address) ?? 0) >= rules.perAddress
  if (isFull && !evict(state, (other) => other.address === address)) return false
  // Connections without a request have no known caller, so they go first; then the idle ones of agents, then of people.
  return (
    connections.size < rules.max ||
    evict(state, (other) => other.reader === null) ||
    evict(state, (other) => other.reader?.isAgent === true) ||
    evict(state, () => true)
  )
}

/** @throws Refusal `too_many_connections` for an agent with too many, and when all agents have too many */
function requireRoomFor(state: State, agentKey: string): void {
  const { rules, totals, byAgent } = state
  const fits =
    ((byAgent.get(agentKey) ?? 0) < rules.perAgent || evict(state, (other) => other.reader?.key === agentKey)) &&
    (totals.agents < rules.max - rules.reserved || evict(state, (other) => other.reader?.isAgent === true))
  if (fits) return
  totals.refused += 1
  throw new Refusal('too_many_connections', { retryAfter: RETRY_AFTER_S })
}

/** Closes the oldest idle connection that matches. @returns whether there was one */
function evict(state: State, matches: (connection: Connection) => boolean): boolean {
  for (const connection of state.connections.values()) {
    if (connection.requests > 0 || !matches(connection)) continue
    state.totals.evicted += 1
    forget(state, connection)
    connection.socket.destroy()
    return true
  }
  return false
}

function forget(state: State, connection: Connection): void {
  if (!state.connections.delete(connection.socket)) return
  add(state.byAddress, connection.address, -1)
  setReader(state, connection, null)
}

function setReader({ totals, byAgent }: State, connection: Connection, reader: Reader | null): void {
  for (const [of, change] of [
    [connection.reader, -1],
    [reader, 1],
  ] as const) {
    if (of === null || !of.isAgent) continue
    totals.agents += change
    add(byAgent, of.key, change)
  }
  connection.reader = reader
}

/** Closes the connections whose clients have taken nothing for too long. */
function sweep({ rules, connections, totals }: State): void {
  const now = performance.now()
  let queues: ReadonlyMap<string, number> | undefined
  for (const connection of connections.values()) {
    const { socket } = connection
    let taken = -1
    if (socket.writableLength > 0) {
      queues ??= kernelQueues()
      taken = takenBytesOf(socket) - (queues.get(`${hexPort(socket.localPort)} ${hexPort(socket.remotePort)}`) ?? 0)
    }
    if (taken === -1 || taken !== connection.takenBytes) {
      connection.takenBytes = taken
      connection.takenAt = now
    } else if (now - connection.takenAt >= rules.stallMs) {
      totals.stalled += 1
      socket.destroy()
    }
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
