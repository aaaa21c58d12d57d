import { renewSupervised } from '../engine/runs/index.ts'
import type { ServerIdentity } from '../engine/runs/index.ts'
import type { Store } from '../platform/db/types.ts'
import { mayRenewLease, stopEndedRun, stopIfLeaseExpired } from './supervisedRun.ts'
import type { SupervisedRun } from './supervisedRun.ts'

export interface RunLeasesDeps {
  readonly store: Store
  readonly server: ServerIdentity
  readonly runs: ReadonlyMap<string, SupervisedRun>
  readonly renewIntervalMs: number
  /** Called once, when this server's row exists for the first time. */
  readonly onServerRegistered: () => void
}

/** The leases of a server's runs, and the row by which other servers know this server. */
export interface RunLeases {
  /**
   * Whether the first renewal has succeeded. Other servers end the processes of a dead server only when they know of it, so a
   * server starts no run before.
   */
  isServerRegistered(): boolean
  /** Renews the leases that are due, and stops runs without a lease. To be called every second. @throws when the database is away */
  tick(): Promise<void>
}

export function createRunLeases({ store, server, runs, renewIntervalMs, onServerRegistered }: RunLeasesDeps): RunLeases {
  let lastRenewalAt = -Infinity

  const renew = async (): Promise<void> => {
    const requestedAt = performance.now()
    const renewing = [...runs.values()].filter(mayRenewLease)
    const leaseStates = await renewSupervised(
      store,
      server,
      renewing.map((run) => run.order.runId),
    )
    const isFirst = lastRenewalAt === -Infinity
    lastRenewalAt = requestedAt
    if (isFirst) onServerRegistered()
    const stateById = new Map(leaseStates.map((row) => [row.id, row]))
    for (const run of renewing) {
      const row = stateById.get(run.order.runId)
      // The time of the request, not of the answer: the database renewed the lease at some moment between the two.
      if (row?.renewed === true) run.leaseRenewedAt = requestedAt
      if (row?.live === true || run.isFinishing) continue
      stopEndedRun(run, row?.status, row?.status === 'succeeded' || row?.status === 'failed')
    }
  }

  return {
    isServerRegistered: () => lastRenewalAt !== -Infinity,
    async tick() {
      for (const run of runs.values()) stopIfLeaseExpired(run)
      const now = performance.now()
      const isDue = [...runs.values()].some((run) => mayRenewLease(run) && now - run.leaseRenewedAt >= renewIntervalMs)
      if (isDue || now - lastRenewalAt >= renewIntervalMs) await renew()
    },
  }
}
