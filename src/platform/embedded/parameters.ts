import type { Account } from './account.ts'
import type { Log } from './contract.ts'
import type { DataDir } from './dataDir.ts'
import type { DeathSignal } from './parentDeathSignal.ts'

/** The parameters of one database cluster; they are the same for every start. */
export interface Cluster {
  readonly dataDir: DataDir
  /** Folder of the Postgres installation: `bin`, `lib`, `share`. */
  readonly native: string
  readonly account: Account | null
  readonly deathSignal: DeathSignal
  readonly durable: boolean
  /** The folder into which Postgres archives its log; null for none. */
  readonly walArchive: string | null
  readonly maxConnections: number
  readonly log: Log
}
