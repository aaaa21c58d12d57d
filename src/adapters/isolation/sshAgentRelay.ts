// The operator's ssh agent for a run under another account. An ssh agent serves its own user only, so this server passes the
// connections on, through a socket that belongs to the run's account.
import { chmodSync, chownSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Account } from './isolation.ts'

/** Requests of ssh are short and few; more at once is no ssh. */
const MAX_CONNECTIONS = 32

/**
 * Listens at `file` for the account, and connects each connection with the socket of an ssh agent.
 * @returns a function that ends it
 */
export async function relaySshAgent(file: string, agentSocket: string, account: Account): Promise<() => void> {
  const server = createServer((client) => {
    const agent = connect(agentSocket)
    const end = (): void => {
      client.destroy()
      agent.destroy()
    }
    client.on('error', end).on('close', end)
    agent.on('error', end).on('close', end)
    client.pipe(agent).pipe(client)
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // Its own, also in a worker, whose sockets the process that started it would make otherwise.
    server.listen({ path: file, exclusive: true }, resolve)
  })
  chmodSync(file, 0o600)
  chownSync(file, account.uid, account.gid)
  server.unref()
  return () => void server.close()
}
