import type { EmbeddedOptions, EmbeddedPostgres } from './contract.ts'
import { platformPackage } from './binaries.ts'
import { detectDeathSignal } from './parentDeathSignal.ts'
import { locateIn } from './locate.ts'
import { installRecoveredWith } from './recover.ts'
import type { RecoveryOptions } from './recover.ts'
import { startWith } from './start.ts'

export { accountFor } from './account.ts'
export type { EmbeddedOptions, EmbeddedPostgres } from './contract.ts'
export { findRunning } from './running.ts'

/** When root runs the server and `nobody` cannot reach the checkout or `home`, binaries and data are put here. */
export const SYSTEM_FOLDER = '/var/lib/paperclip-server'

/**
 * Starts the embedded Postgres and keeps it running until `stop()` or until this process ends, in whatever way it ends.
 * The data of earlier starts is used again. The first start creates the cluster, which takes about half a second.
 *
 * `options.home` is the folder for the data, the log and the socket. When root runs the server and the account of
 * Postgres cannot enter `home`, the data is below /var/lib/paperclip-server and `<home>/postgres` is a link to it.
 *
 * Rejects when another live server uses the same data (the message names DATABASE_URL), when there is no account other
 * than root, when this platform has no binaries, and when Postgres exits before it is ready (with the end of its log).
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  return startWith(options, await surroundings())
}

/**
 * The connections to the embedded Postgres of a home, for a tool beside a server or without one. It makes nothing and starts nothing, so
 * the Postgres may not run. Null where no server has made a database in the home yet.
 * @throws Error when the passwords in the home cannot be used
 */
export const locateEmbedded = async (home: string): Promise<Pick<EmbeddedPostgres, 'connection' | 'ownerConnection'> | null> =>
  await locateIn(home, SYSTEM_FOLDER)

/** Makes the cluster of a home from a physical backup, recovered to a point in time. Rejects when the home has one, or recovery fails. */
export async function installRecovered(options: RecoveryOptions): Promise<void> {
  await installRecoveredWith(options, await surroundings())
}

const surroundings = async () => ({
  systemFolder: SYSTEM_FOLDER,
  packageFolder: platformPackage(),
  deathSignal: await detectDeathSignal(),
})
