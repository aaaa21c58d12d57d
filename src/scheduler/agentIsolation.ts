// Agents of before isolation: each goes on as it was, with a notice, until a run of it could be isolated.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Adapters } from '../adapters/index.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { agentsToStart, requireIsolation } from '../org/agents/index.ts'
import { systemCtx } from '../platform/db/context.ts'
import type { Store } from '../platform/db/types.ts'
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
  const ctx = systemCtx(store, companyId, 'scheduler')
  requireIsolation(ctx, companyId, agentId).catch((error: unknown) =>
    log.warn({ err: error, agentId }, 'that an agent is isolated from now on could not be recorded; its next run tries again'),
  )
}

const LACKS = 'an agent cannot start its runs: something that it needs is missing, or isolation keeps it from the agent'

/**
 * The preflight of every agent of this server, once after each start: an upgrade, or a tool that was removed, shows before a run is
 * needed. An agent of before isolation that lacks nothing is isolated from now on. It is called until one pass has succeeded.
 */
export function createIsolationSweep(deps: {
  readonly store: Store
  readonly log: Log
  readonly adapters: Pick<Adapters, 'isolationProblems'>
}): () => Promise<void> {
  let isDone = false
  return async () => {
    if (isDone) return
    for await (const { id: agentId, companyId, adapterType, adapterConfig, isolation } of agentsToStart(deps.store.read)) {
      const problems = deps.adapters.isolationProblems(adapterType, adapterConfig, agentId)
      if (problems === null) continue
      if (isolation === 'pending') recordIsolation(deps, { agentId, companyId }, problems)
      else if (problems.length > 0) deps.log.warn({ agentId, problems }, LACKS)
      // A check reads the file system, and a server with many agents has requests to answer.
      await nextTurn()
    }
    isDone = true
  }
}
