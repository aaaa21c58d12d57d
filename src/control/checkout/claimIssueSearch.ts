import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { lockingRead } from '../../platform/db/locks.ts'
import type { Tx } from '../../platform/db/types.ts'
import { blockers, evictions, issueLabels, issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { issueColumns } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { liveHolderOf } from '../../engine/runs/index.ts'

/** What a claim looks for. */
export interface ClaimSearch {
  readonly companyId: string
  readonly agentId: string
  readonly runId: string
  readonly statuses: readonly string[]
  readonly projectId: string | null
  readonly labelIds: readonly string[] | null
  /** Candidates that turned out not to be takeable. */
  readonly passed: readonly string[]
}

/**
 * Candidates of the pool looked at per status. They are read without locks, and the first that nobody else is taking
 * is locked; with more claimers than this at the same instant some find nothing and ask again.
 */
const CANDIDATES_PER_STATUS = sql.raw('32')

/** Which filters a search has. Each combination is a statement of its own: a condition that may be absent ruins the plan. */
interface FilterSet {
  readonly project: boolean
  readonly labels: boolean
}

const filterSets: readonly FilterSet[] = [
  { project: false, labels: false },
  { project: true, labels: false },
  { project: false, labels: true },
  { project: true, labels: true },
]

/**
 * True when the query finds no row. Written as a value, not as NOT EXISTS: the planner turns that into a join of which
 * it expects one row, and then sorts the whole pool instead of reading the first of its index. At 100,000 issues that
 * was 150 ms a claim instead of 0.3.
 */
const hasNoRow = (query: SQL): SQL => sql`coalesce((select false ${query} limit 1), true)`

// What the rules of checkout would refuse is left out here already; they are asked again under the lock.
const isClaimable = (alias: string, filterSet: FilterSet, row = sql.raw(alias)): SQL => sql`${row}.hidden_at is null
  and ${row}.id <> all(${param('passed', 'uuid[]')})
  ${filterSet.project ? sql`and ${row}.project_id = ${param('projectId', 'uuid')}` : sql``}
  ${
    filterSet.labels
      ? sql`and exists (select 1 from ${issueLabels} il where il.issue_id = ${row}.id and il.label_id = any(${param('labelIds', 'uuid[]')}))`
      : sql``
  }
  and ${hasNoRow(sql`from ${evictions} e where e.issue_id = ${row}.id and e.run_id = ${param('runId', 'uuid')}`)}
  and ${hasNoRow(sql`from ${blockers} b join ${issues} n on n.id = b.blocker_issue_id where b.blocked_issue_id = ${row}.id and n.status <> 'done'`)}
  and ${hasNoRow(sql`from ${projects} p where p.id = ${row}.project_id and p.paused_at is not null`)}
  and ${hasNoRow(sql`from ${runs} r where ${liveHolderOf(alias)}`)}`

// Own work first: what is assigned in a wanted status, and what a dead run of the agent has left in progress.
const ownIssues = (filterSet: FilterSet, name: string) =>
  lockingRead(
    'issue',
    statement<ClaimSearch, LockedIssue>(`claim_own_${name}`).read(sql`
      select ${issueColumns}, closed_by_run_id as "closedByRunId" from ${issues}
      where assignee_agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
        and (status = any(${param('statuses', 'text[]')}) or status = 'in_progress') and ${isClaimable('"issues"', filterSet)}
      order by priority_rank, created_at, id limit 1 for no key update skip locked`),
  )

// The pool: one short index scan per status, however many issues there are; then the best that is not being taken.
const unassignedIssues = (filterSet: FilterSet, name: string) =>
  lockingRead(
    'issue',
    statement<ClaimSearch, LockedIssue>(`claim_pool_${name}`).read(sql`
      select ${issueColumns}, closed_by_run_id as "closedByRunId" from ${issues}
      where "issues"."id" in (
        select c.id from unnest(${param('statuses', 'text[]')}) as wanted (status) cross join lateral (
          select i.id from ${issues} i
          where i.company_id = ${param('companyId', 'uuid')} and i.status = wanted.status and i.assignee_agent_id is null
            and i.assignee_user_id is null and ${isClaimable('i', filterSet)}
          order by i.priority_rank, i.created_at, i.id limit ${CANDIDATES_PER_STATUS}) c)
        and status = any(${param('statuses', 'text[]')}) and assignee_agent_id is null and assignee_user_id is null
      order by priority_rank, created_at, id limit 1 for no key update skip locked`),
  )

const nameOf = ({ project, labels }: FilterSet): string => `${project ? 'p' : ''}${labels ? 'l' : ''}` || 'any'
const searches = new Map(
  filterSets.map((filterSet) => [
    nameOf(filterSet),
    { own: ownIssues(filterSet, nameOf(filterSet)), pool: unassignedIssues(filterSet, nameOf(filterSet)) },
  ]),
)

/**
 * (tx) Locks the next issue a search may take: the agent's own first, then the pool, each by priority and age. What
 * somebody else is taking at this moment is passed over.
 */
export async function lockCandidate(tx: Tx, search: ClaimSearch, assignedOnly: boolean): Promise<LockedIssue | undefined> {
  const statements = searches.get(nameOf({ project: search.projectId !== null, labels: search.labelIds !== null }))
  const [ownIssue] = (await statements?.own(tx, search)) ?? []
  if (ownIssue !== undefined || assignedOnly) return ownIssue
  const [unassignedIssue] = (await statements?.pool(tx, search)) ?? []
  return unassignedIssue
}
