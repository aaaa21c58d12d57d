// The embedded Postgres of a server that runs, for a command that works beside it.

import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { readDatabasePasswords } from '../home/secret.ts'
import type { Connection } from './contract.ts'
import { classifyInstance, inspectProcess, parseLockFile } from './staleInstance.ts'
import { APPLICATION, SOCKET_PORT, SUPERUSER } from './settings.ts'

/** The logins of an embedded Postgres that runs. */
export interface RunningEmbedded {
  readonly connection: Connection
  readonly ownerConnection: Connection
}

/** The line of postmaster.pid with the folder of the socket. */
const SOCKET_LINE = 4

/**
 * Finds the embedded Postgres that a server has started in a home; null when none runs there. It starts and changes nothing.
 * @throws Error when the passwords of the home cannot be read
 */
export async function findRunning(home: string): Promise<RunningEmbedded | null> {
  const data = await realpath(join(home, 'postgres')).catch(() => null)
  if (data === null) return null
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const file = parseLockFile(text)
  const socket = text.split('\n')[SOCKET_LINE]?.trim() ?? ''
  if (file === null || file.status !== 'ready' || socket === '') return null
  const state = classifyInstance(file, await inspectProcess(file.pid, data))
  if (state !== 'live') return null
  const passwords = readDatabasePasswords(home)
  if (passwords === null) return null
  const place = { host: socket, port: SOCKET_PORT, database: 'postgres' }
  return {
    connection: { ...place, user: APPLICATION, password: passwords.application },
    ownerConnection: { ...place, user: SUPERUSER, password: passwords.owner },
  }
}
