import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { issues } from '../../model/issues.ts'
import { isLive, isUnended, runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { holderOf, liveHolderOf } from '../../engine/runs/index.ts'
import { loadIssueWakeFacts } from '../../engine/wakes/index.ts'
import type { OpenRun, WakeFacts } from '../../engine/wakes/index.ts'
import type { Wakeup } from './views.ts'

/** The live run that holds an issue. */
export interface Holder {
  readonly id: string
  readonly agentId: string
  readonly agentName: string
}

const keyParams = { agentId: param('agentId', 'uuid'), issueId: param('issueId', 'uuid') }

// A queued run comes first: it has yet to read why it was asked for.
const selectOwnRun = statement<{ agentId: string; issueId: string }, OpenRun>('wakeup_own_run').read(sql`
  select r.id as "runId", r.wakeup_request_id as "wakeId", r.status = 'running' as "isAtWork" from ${runs} r
  where r.agent_id = ${keyParams.agentId} and ${isUnended('r')} and ${isLive('r')}
    and (r.issue_id = ${keyParams.issueId} or exists (select 1 from ${issues} i where i.id = ${keyParams.issueId} and ${holderOf('i')}))
  order by r.status, r.created_at, r.id limit 1`)

const selectHolder = statement<{ issueId: string }, Holder>('wakeup_holder').read(sql`
  select r.id, r.agent_id as "agentId", a.name as "agentName" from ${issues} i join ${runs} r on ${liveHolderOf('i')}
  join ${agents} a on a.id = r.agent_id where i.id = ${keyParams.issueId} limit 1`)

/**
 * (tx) The facts of a caller's request about an issue. Unlike the request of a change, it joins any live run that the agent
 * has for the issue, and its answer names the holder. Expects the row locks of agent and issue.
 */
export async function loadIssueWakeupFacts(
  tx: Tx,
  ctx: Ctx,
  request: { readonly agentId: string; readonly issueId: string; readonly source: Wakeup['source'] },
): Promise<{ readonly facts: WakeFacts; readonly holder: Holder | null }> {
  const { agentId, issueId } = request
  const [facts, [open = null], [holder = null]] = await Promise.all([
    loadIssueWakeFacts(tx, ctx, request),
    tx.run(selectOwnRun, { agentId, issueId }),
    tx.run(selectHolder, { issueId }),
  ])
  return { facts: { ...facts, open, isHeld: holder !== null }, holder }
}
