import type { SocketClient } from './socketClient.ts'

/** How often clients are pinged, as Paperclip does; a client that has not answered by the next ping is disconnected. */
const PING_INTERVAL_MS = 30_000

/** Pings all clients at a fixed interval while it runs. */
export interface PingLoop {
  /** Does nothing when the loop runs already. */
  start(): void
  stop(): void
}

/** @param clients returns the clients that are connected now */
export function createPingLoop(clients: () => Iterable<SocketClient>, intervalMs = PING_INTERVAL_MS): PingLoop {
  let timer: NodeJS.Timeout | undefined
  const pingAll = (): void => {
    for (const client of clients()) {
      if (client.isAlive) {
        client.isAlive = false
        client.socket.ping(() => {})
      } else client.socket.terminate()
    }
  }
  return {
    start: () => void (timer ??= setInterval(pingAll, intervalMs)),
    stop() {
      clearInterval(timer)
      timer = undefined
    },
  }
}
