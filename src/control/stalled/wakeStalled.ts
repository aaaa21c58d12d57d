import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { lockIssue } from '../../engine/holds/index.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { wakes } from '../../model/wakes.ts'
import { companyOf, systemCtx } from '../../platform/db/context.ts'
import { mutate, changed, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Store, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import { issueStalled } from './events.ts'
import { STALLED_REASON, mayStall, progressFrom, progressSince, progressSql, wasWokenAsStalled } from './progress.ts'

/** Issues of one tick. The next tick continues; a wave of issues must not start all their agents at once. */
const BATCH_SIZE = 100
/** An issue may stand still for so long before the server acts: an agent that releases one and takes it again needs a moment. */
const STALLED_AFTER_S = 60

interface StalledIssue {
  id: string
  companyId: string
  agentId: string
  identifier: string
  wasWoken: boolean
}

const columns = sql`i.id, i.company_id as "companyId", i.assignee_agent_id as "agentId", i.identifier, ${wasWokenAsStalled} as "wasWoken"`
const isCandidate = sql`i.hidden_at is null and i.assignee_agent_id is not null and i.status in ('todo', 'in_progress') and ${mayStall}`

const stalledIssues = statement<{ afterSeconds: number; limit: number }, StalledIssue>('stalled_due').read(sql`
  select ${columns} from ${progressFrom} where ${isCandidate} and i.updated_at < now() - make_interval(secs => ${param('afterSeconds', 'int')})
    and ${progressSql} = 'stalled' and ${progressSince} < now() - make_interval(secs => ${param('afterSeconds', 'int')})
  order by i.updated_at, i.id limit ${param('limit', 'int')}`)

const stalledIssue = statement<{ id: string; companyId: string }, StalledIssue>('stalled_one').read(sql`
  select ${columns} from ${progressFrom} where i.id = ${param('id')} and i.company_id = ${param('companyId')} and ${isCandidate}
    and ${progressSql} = 'stalled'`)

const insertNotice = statement<{ id: string; companyId: string; agentId: string; issueId: string }, never>('stalled_notice').write(sql`
  insert into ${wakes} (id, company_id, agent_id, issue_id, source, reason, status, close_reason, finished_at, requested_by_actor_type,
    requested_by_actor_id, created_at)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId')}, 'automation', '${sql.raw(STALLED_REASON)}', 'skipped',
    'stalled', now(), 'system', 'scheduler', clock_timestamp())`)

/**
 * (tx) Acts on an issue whose work stands still without a reason (I23): wakes its agent once, and when nothing came of that, notifies
 * the board by a closed wake and an event. Expects the issue's row lock.
 */
async function actOnStalled(tx: Tx, ctx: Ctx, issue: StalledIssue): Promise<[DomainEvent, ...DomainEvent[]]> {
  const { id, agentId, identifier, wasWoken } = issue
  const stalled = (act: 'woken' | 'board_notified'): DomainEvent => issueStalled(id, { agentId, identifier, act }, { agentId })
  if (wasWoken) {
    await tx.run(insertNotice, { id: randomUUID(), companyId: companyOf(ctx), agentId, issueId: id })
    return [stalled('board_notified')]
  }
  const wake = { agentId, issueId: id, source: 'automation', reason: STALLED_REASON, payload: { issueId: id } } as const
  return [stalled('woken'), ...(await enqueueWake(tx, ctx, wake))]
}

/**
 * Looks for work that stands still and acts on it, on any number of servers. @returns the number of issues it acted on
 * @param afterSeconds how long an issue must have stood still
 */
export async function tickStalled(store: Store, afterSeconds = STALLED_AFTER_S): Promise<number> {
  let acted = 0
  for (const { id, companyId } of await store.read.run(stalledIssues, { afterSeconds, limit: BATCH_SIZE })) {
    const ctx = systemCtx(store, companyId, 'scheduler')
    try {
      acted += await mutate(ctx, async (tx) => {
        await lockIssue(tx, companyId, id)
        const [issue] = await tx.run(stalledIssue, { id, companyId })
        if (issue === undefined) return unchanged(0)
        return changed(1, ...(await actOnStalled(tx, ctx, issue)))
      })
    } catch (error) {
      // The issue was deleted since it was read.
      if (!(error instanceof Refusal && error.code === 'not_found')) throw error
    }
  }
  return acted
}
