import type { Server } from 'node:http'

/** How often idle connections are closed while requests drain, in milliseconds. */
const SWEEP_MS = 50

/** Stops accepting connections and waits for the requests in progress. Connections that are still open after the timeout are closed. */
export async function drain(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  // A connection whose client sends one request after another is never idle for long, so the response closes it.
  server.prependListener('request', (_request, response) => void response.setHeader('Connection', 'close'))
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  const deadline = setTimeout(() => server.closeAllConnections(), timeoutMs)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}
