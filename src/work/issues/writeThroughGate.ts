import type { Ctx, Tx } from '../../platform/db/types.ts'
import { changedIfAny, mutate, unawaited } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { lockThroughWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { touchIssue } from './touch.ts'

/** The issue that a write below it goes to. */
interface GatedIssue {
  readonly issueId: string
  readonly expected: Expected
  /** Takes the locks that the write needs before the issue's. */
  readonly lockFirst?: (tx: Tx) => Promise<void>
}

/**
 * The steps of every write to a row below an issue, as one mutation: the issue's row lock, the write gate, the write, and
 * the mark that the issue was touched, if the write changed anything.
 * @throws Refusal `not_found` for the issue; of the gate (LOCK_PROTOCOL §4.2)
 */
export async function writeThroughGate<T>(
  ctx: Ctx,
  { issueId, expected, lockFirst }: GatedIssue,
  write: (tx: Tx) => Promise<Outcome<T>>,
): Promise<T> {
  return await mutate(ctx, async (tx) => {
    await lockFirst?.(tx)
    const gate = await lockThroughWriteGate(tx, ctx, issueId, expected)
    const { value, events } = await write(tx)
    if (events.length > 0) unawaited(touchIssue(tx, issueId))
    return changedIfAny(value, [...gate.events, ...events])
  })
}
