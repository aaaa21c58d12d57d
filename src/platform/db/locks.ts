import { invariant } from '../kernel/errors.ts'
import type { LockState, Tx } from './types.ts'
import type { Statement } from './statement.ts'

/**
 * The order in which row locks are taken (LOCK_PROTOCOL §8): this list from left to right, and rows of one kind by
 * ascending id. Two transactions that follow it cannot wait for each other (I13).
 */
export const lockOrder = ['company', 'approval', 'agent', 'routine', 'issue', 'run', 'wake', 'budget', 'workspace'] as const
export type LockKind = (typeof lockOrder)[number]

export const createLockState = (): LockState => ({ rank: -1, lastId: '', lockedRows: new Set(), sharedRows: new Set() })

/**
 * Records that rows are locked. It fails a transaction that locks rows out of order, so that a test finds the mistake
 * and not a deadlock in production.
 * @throws Error for a row lock out of order
 */
export function recordLocked(state: LockState, kind: LockKind, ids: readonly string[]): void {
  const rank = lockOrder.indexOf(kind)
  for (const id of ids) {
    const name = `${kind}:${id}`
    invariant(!state.sharedRows.has(name), `lock order: ${kind} alone after it was shared`)
    if (state.lockedRows.has(name)) continue
    invariant(
      rank > state.rank || (rank === state.rank && id > state.lastId),
      `lock order: ${kind} after ${lockOrder[state.rank] ?? 'nothing'}`,
    )
    state.rank = rank
    state.lastId = id
    state.lockedRows.add(name)
  }
}

/**
 * Records that a row is locked together with others that share it. `recordLocked` fails behind it: two that share a row and then both want it
 * alone wait for each other.
 * @throws Error for a row lock out of order
 */
export function recordShared(state: LockState, kind: LockKind, id: string): void {
  if (state.lockedRows.has(`${kind}:${id}`)) return
  recordLocked(state, kind, [id])
  state.sharedRows.add(`${kind}:${id}`)
}

/**
 * Makes a locking read of a statement. The statement has `for no key update`, so that the foreign-key check of another
 * transaction does not wait, and orders its rows by id.
 */
export const lockingRead =
  <P, R extends { id: string }>(kind: LockKind, statement: Statement<P, R, 'read'>) =>
  async (tx: Tx, params: P): Promise<R[]> => {
    const rows = await tx.run(statement, params)
    recordLocked(
      tx.locks,
      kind,
      rows.map((row) => row.id),
    )
    return rows
  }
