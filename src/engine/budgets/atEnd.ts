import type { Tx } from '../../platform/db/types.ts'
import { giveBack } from './giveBack.ts'
import { requireReservation } from './reserve.ts'
import type { RunToReserve } from './reserve.ts'

const endingRuns = new WeakMap<Tx, Set<string>>()

/**
 * (tx) Gives back what runs have reserved when the body of the transaction is done, because budgets are its last locks (LOCK_PROTOCOL §8). Expects the row
 * locks of the runs.
 */
export function giveBackAtEnd(tx: Tx, runIds: readonly string[]): void {
  const ids = endingRuns.get(tx) ?? new Set()
  for (const id of runIds) ids.add(id)
  endingRuns.set(tx, ids)
  tx.finalChecks.set('give back', () => giveBack(tx, [...ids]))
}

/**
 * (tx) Reserves for a run when the body of the transaction is done, where the body goes on to lock other rows.
 * @throws Refusal `budget_exhausted`, which rolls the body back
 */
export function requireReservationAtEnd(tx: Tx, run: RunToReserve): void {
  tx.finalChecks.set(`reserve ${run.runId}`, () => requireReservation(tx, run))
}
