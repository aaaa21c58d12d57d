import { WebSocket } from 'ws'
import type { Actor } from '../../platform/kernel/actor.ts'

/** A client that was disconnected has this long for its part of the closing handshake. */
const CLOSE_TIMEOUT_MS = 1000

/** Close codes (RFC 6455 §7.4). */
export const GOING_AWAY = 1001
export const POLICY_VIOLATION = 1008
export const TRY_AGAIN_LATER = 1013

/** A connected WebSocket. */
export interface SocketClient {
  readonly socket: WebSocket
  /** The party that connected; it decides what of an event is sent. */
  readonly actor: Actor
  /** Whether the client has answered the last ping. */
  isAlive: boolean
}

/** Closes the WebSocket of a client. Does nothing when it is closing already. */
export function disconnect({ socket }: SocketClient, code: number, reason: string): void {
  if (socket.readyState !== WebSocket.OPEN) return
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
}
