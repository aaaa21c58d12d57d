import { lockRunFacts } from '../../auth/runFacts.ts'
import { recordLateUsage } from '../../engine/costs/index.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import type { RunResult } from '../../engine/runs/index.ts'
import type { StartOrder } from '../dispatch/index.ts'

/**
 * Counts what a supervised run used whose end another party has written: a cancel, a stop, the reaper, or its own agent. A second
 * call counts nothing.
 */
export async function countLateUsage(
  store: Store,
  { runId, companyId }: Pick<StartOrder, 'runId' | 'companyId'>,
  usageJson: RunResult['usageJson'],
): Promise<void> {
  if (usageJson === null || usageJson === undefined) return
  const ctx = systemCtx(store, companyId, 'scheduler')
  await mutate(ctx, async (tx) => {
    const [run] = await lockRunFacts(tx, companyId, [runId])
    return changedIfAny(undefined, run === undefined ? [] : await recordLateUsage(tx, runId, usageJson))
  })
}
