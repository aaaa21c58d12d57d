// Finds the embedded Postgres of a home without making or starting anything.

import { readlink, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { accountFor } from './account.ts'
import type { EmbeddedPostgres } from './contract.ts'
import { readDatabasePasswords } from '../home/secret.ts'
import { shortFolder } from './dataDir.ts'
import { APPLICATION, SOCKET_PORT, SUPERUSER } from './settings.ts'

/** @param systemFolder where the data is when the account of Postgres cannot enter the home */
export async function locateIn(
  home: string,
  systemFolder: string,
): Promise<Pick<EmbeddedPostgres, 'connection' | 'ownerConnection'> | null> {
  const own = await realpath(home).catch(() => null)
  if (own === null || (await stat(join(own, 'postgres')).catch(() => null)) === null) return null
  const passwords = readDatabasePasswords(own)
  if (passwords === null) return null
  const recorded = await readlink(join(own, 'postgres')).catch(() => null)
  const base = recorded === null ? own : dirname(recorded)
  const place = { host: shortFolder(base, await accountFor(own), systemFolder), port: SOCKET_PORT, database: 'postgres' }
  return {
    connection: { ...place, user: APPLICATION, password: passwords.application },
    ownerConnection: { ...place, user: SUPERUSER, password: passwords.owner },
  }
}
