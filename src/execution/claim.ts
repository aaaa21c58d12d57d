import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { locking } from '../db/locks.ts'
import { changed, later, mutate, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { blockers, evictions, issueLabels, issues } from '../db/schema/issues.ts'
import { projects } from '../db/schema/projects.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import { callerOf, conflict, decideCheckout, gather, issueColumns, startOver } from '../holds/index.ts'
import type { IssueWithLabels, LockedIssue } from '../holds/index.ts'
import { heartbeatContext } from '../issues/index.ts'
import type { IssueStatus } from '../issues/index.ts'
import { invariant, refuse } from '../kernel/errors.ts'
import { isLive, judgeActingRun } from '../runs/index.ts'
import { takeHold } from './checkout.ts'

export interface ClaimFilter {
  readonly statuses: readonly IssueStatus[]
  readonly projectId?: string | undefined
  /** Any of these. */
  readonly labelIds?: readonly string[] | undefined
  /** Only what is assigned to the agent already. */
  readonly assignedOnly: boolean
}

export interface Claimed {
  readonly issue: IssueWithLabels
  readonly heartbeatContext: Awaited<ReturnType<typeof heartbeatContext>>
}

interface Search {
  companyId: string
  agentId: string
  runId: string
  statuses: readonly string[]
  projectId: string | null
  labelIds: readonly string[] | null
  passed: readonly string[]
}

/**
 * Candidates of the pool looked at per status. They are read without locks, and the first that nobody else is taking
 * is locked; with more claimers than this at the same instant some find nothing and ask again.
 */
const CANDIDATES = sql.raw('32')

// What the rules of checkout would refuse is left out here already; they are asked again under the lock.
const mayBeTaken = (row: SQL): SQL => sql`${row}.hidden_at is null
  and ${row}.id <> all(${param('passed', 'uuid[]')})
  and (${param('projectId', 'uuid')} is null or ${row}.project_id = ${param('projectId', 'uuid')})
  and (${param('labelIds', 'uuid[]')} is null or exists (
    select 1 from ${issueLabels} il where il.issue_id = ${row}.id and il.label_id = any(${param('labelIds', 'uuid[]')})))
  and not exists (select 1 from ${evictions} e where e.issue_id = ${row}.id and e.run_id = ${param('runId', 'uuid')})
  and not exists (select 1 from ${blockers} b join ${issues} n on n.id = b.blocker_issue_id where b.blocked_issue_id = ${row}.id and n.status <> 'done')
  and not exists (select 1 from ${projects} p where p.id = ${row}.project_id and p.paused_at is not null)
  and not exists (select 1 from ${runs} r where r.id in (${row}.checkout_run_id, ${row}.execution_run_id)
    and r.company_id = ${row}.company_id and ${isLive})`

const ofRow = sql.raw('"issues"')

// Own work first: what is assigned in a wanted status, and what a dead run of the agent has left in progress.
const takeOwn = locking(
  'issue',
  statement<Search, LockedIssue>('claim_own').read(sql`
    select ${issueColumns}, closed_by_run_id as "closedByRunId" from ${issues}
    where assignee_agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
      and (status = any(${param('statuses', 'text[]')}) or status = 'in_progress') and ${mayBeTaken(ofRow)}
    order by priority_rank, created_at, id limit 1 for no key update skip locked`),
)

// The pool: one short index scan per status, however many issues there are; then the best that is not being taken.
const takeFromPool = locking(
  'issue',
  statement<Search, LockedIssue>('claim_pool').read(sql`
    select ${issueColumns}, closed_by_run_id as "closedByRunId" from ${issues}
    where "issues"."id" in (
      select c.id from unnest(${param('statuses', 'text[]')}) as wanted (status) cross join lateral (
        select i.id from ${issues} i
        where i.company_id = ${param('companyId', 'uuid')} and i.status = wanted.status and i.assignee_agent_id is null
          and i.assignee_user_id is null and ${mayBeTaken(sql.raw('i'))}
        order by i.priority_rank, i.created_at, i.id limit ${CANDIDATES}) c)
      and status = any(${param('statuses', 'text[]')}) and assignee_agent_id is null and assignee_user_id is null
    order by priority_rank, created_at, id limit 1 for no key update skip locked`),
)

/** Refusals that are about the asker: another issue would meet the same. */
const aboutAsker: ReadonlySet<string> = new Set(['agent_not_invokable', 'agent_over_budget', 'company_not_active'])

async function nextCandidate(tx: Tx, search: Search, assignedOnly: boolean): Promise<LockedIssue | undefined> {
  const [own] = await takeOwn(tx, search)
  if (own !== undefined || assignedOnly) return own
  const [open] = await takeFromPool(tx, search)
  return open
}

/**
 * Takes the next issue the asking run may work on: its agent's own assignments first, then by priority, then by age.
 * Any number of claimers pass each other without waiting. The issue comes with what the agent needs to start.
 *
 * @returns null when there is nothing to take
 * @throws Refusal when the agent itself may not take anything now
 */
export async function claim(ctx: Ctx, filter: ClaimFilter): Promise<Claimed | null> {
  const { actor } = ctx
  invariant(actor.kind === 'agent', 'only agents claim')
  const { agentId, runId } = actor
  if (runId === null) return refuse('run_required')
  const companyId = companyOf(ctx)
  const passed: string[] = []
  return await mutate(ctx, async (tx) => {
    const { statuses, projectId = null, labelIds = null } = filter
    const candidate = await nextCandidate(tx, { companyId, agentId, runId, statuses, projectId, labelIds, passed }, filter.assignedOnly)
    if (candidate === undefined) {
      await judgeActingRun(tx, ctx)
      return unchanged(null)
    }
    const facts = await gather(tx, ctx, candidate, agentId)
    const decision = decideCheckout(facts, callerOf(ctx), agentId, statuses)
    if (decision.kind === 'refuse') {
      if (aboutAsker.has(decision.code)) throw conflict(decision, facts, actor)
      // It changed between the look and the lock. The next one is looked for in a new transaction: locks are taken in order.
      passed.push(candidate.id)
      throw startOver()
    }
    const { issue, event } = takeHold(tx, ctx, facts, agentId)
    const context = later(heartbeatContext(tx, companyId, candidate.id, null))
    return changed(later(Promise.all([issue, context]).then(([taken, read]) => ({ issue: taken, heartbeatContext: read }))), event)
  })
}
