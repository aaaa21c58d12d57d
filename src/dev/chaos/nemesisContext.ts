import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Postgres } from './postgres.ts'
import type { Findings } from './properties.ts'
import type { Server } from './servers.ts'

/** Number of injected faults, by kind. */
export interface FaultCounts {
  /** SIGKILL of a server. */
  kills: number
  /** Terminated sessions of the database. */
  terminated: number
  /** Clean restarts of Postgres. */
  restarts: number
  /** SIGKILL of Postgres. */
  crashes: number
  /** SIGSTOP of a server. */
  pauses: number
}

export interface NemesisOptions {
  readonly servers: readonly Server[]
  readonly postgres: Postgres
  readonly findings: Findings
  readonly random: SeededRandom
  readonly seconds: number
  /** Processes of each server. */
  readonly workers: number
  readonly log: (line: string) => void
}

/** The options and state that all faults share. */
export interface NemesisContext extends NemesisOptions {
  readonly faults: FaultCounts
  /** Aborted when the nemesis stops. */
  readonly signal: AbortSignal
  readonly pendingRestarts: Set<Promise<void>>
  /** Waits. Rejects when the nemesis stops. */
  readonly wait: (ms: number) => Promise<unknown>
}
