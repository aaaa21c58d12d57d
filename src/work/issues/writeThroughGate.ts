import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { checkWriteGate, lockIssue } from '../../engine/holds/index.ts'
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
    const issue = await lockIssue(tx, companyOf(ctx), issueId)
    const gate = await checkWriteGate(tx, ctx, issue, expected)
    const { value, events } = await write(tx)
    if (events.length > 0) await touchIssue(tx, issueId)
    return changedIfAny(value, [...gate.events, ...events])
  })
}
