// Agents of before isolation: each goes on as it was, with a notice, until a run of it could be isolated.
import type { StartOrder } from '../control/dispatch/index.ts'
import { requireIsolation } from '../org/agents/index.ts'
import type { Ctx, Store } from '../platform/db/types.ts'
import type { Log } from '../platform/kernel/log.ts'
import { NOT_ISOLATED } from './runReport.ts'

/** Agents about which this process has warned. */
const warned = new Set<string>()

/** Records that an agent of before isolation is isolated from now on, or warns once that it is not, with the reasons. */
export function recordIsolation(
  { store, log }: { readonly store: Store; readonly log: Log },
  { agentId, companyId }: Pick<StartOrder, 'agentId' | 'companyId'>,
  problems: readonly string[],
): void {
  if (problems.length > 0) {
    if (!warned.has(agentId)) log.warn({ agentId, problems }, NOT_ISOLATED)
    warned.add(agentId)
    return
  }
  const ctx: Ctx = { actor: { kind: 'system', task: 'scheduler' }, companyId, requestId: null, store, idempotency: null }
  requireIsolation(ctx, companyId, agentId).catch((error: unknown) =>
    log.warn({ err: error, agentId }, 'that an agent is isolated from now on could not be recorded; its next run tries again'),
  )
}
