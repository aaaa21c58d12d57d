import type { EmbeddedOptions, EmbeddedPostgres } from './contract.ts'
import { platformPackage } from './binaries.ts'
import { detectDeathSignal } from './parentDeathSignal.ts'
import { startWith } from './start.ts'

export type { EmbeddedOptions, EmbeddedPostgres } from './contract.ts'

/** Root's folder for what `nobody` must reach when neither the checkout nor `home` can be reached by it. */
const SYSTEM_FOLDER = '/var/lib/paperclip-server'

/**
 * Starts the Postgres that comes with the server and keeps it running until `stop()` or the death of this process,
 * however this process dies. Reuses the data of earlier starts; makes the cluster on the first one (about half a second).
 *
 * `options.home` is the folder for the data, the log and the socket. As root the data lies below /var/lib/paperclip-server
 * when `home` is closed to the account Postgres runs under; `<home>/postgres` is then a link to it.
 *
 * Rejects when another live server uses the same data (the message names DATABASE_URL), when no account but root is
 * at hand, when this platform has no binaries, and when Postgres ends before it is ready (with the tail of its log).
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  return startWith(options, {
    systemFolder: SYSTEM_FOLDER,
    packageFolder: platformPackage(),
    deathSignal: await detectDeathSignal(),
  })
}
