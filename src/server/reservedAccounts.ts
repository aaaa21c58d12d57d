import { lookUp } from '../adapters/isolation/index.ts'
import type { ReservedAccount } from '../adapters/isolation/index.ts'
import { accountFor } from '../platform/embedded/index.ts'
import type { Config } from './config.ts'

/** Linux shows it for ids that a user namespace does not know, and daemons of every kind run under it. */
const OVERFLOW_UID = 65_534

/**
 * The accounts that no agent may have (SECURITY.md, "The database"): the one of the embedded Postgres, whose programs read its data
 * and its memory, and the one that unrelated daemons share.
 */
export async function reservedAccounts({ home, databaseUrl }: Pick<Config, 'home' | 'databaseUrl'>): Promise<ReservedAccount[]> {
  const database = databaseUrl === null ? await accountFor(home).catch(() => null) : null
  const shared = [OVERFLOW_UID, lookUp('nobody')?.uid ?? OVERFLOW_UID]
  return [
    ...(database === null ? [] : [{ uid: database.uid, why: 'it runs the embedded Postgres of this server' }]),
    ...shared.map((uid) => ({ uid, why: 'daemons of this host share it' })),
  ]
}
