import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { isClosedSql } from '../../model/issueStatus.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import type { Tx } from '../../platform/db/types.ts'
import { interactions } from '../../model/documents.ts'
import { blockers, evictions, issueLabels, issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { issueColumns } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { liveHolderOf } from '../../engine/runs/index.ts'

// How a claim finds its issue: one statement per combination of filters, each planned for its own conditions.

/** The parameters of a search. */
export interface ClaimSearch {
  readonly companyId: string
  readonly agentId: string
  readonly runId: string
  readonly statuses: readonly string[]
  readonly projectId: string | null
  readonly labelIds: readonly string[] | null
  /** Candidates that the rules of checkout refused under the lock. */
  readonly rejectedIds: readonly string[]
}

/**
 * Candidates of the pool per status. They are read without locks, and the first that no other transaction has locked is
 * taken. With more concurrent claims than this some find nothing, and their clients ask again.
 */
const CANDIDATES_PER_STATUS = sql.raw('32')

/** The filters of a search. Each combination has its own statement, because an optional condition ruins the plan. */
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
 * True when the query finds no row. It is a value and not NOT EXISTS: the planner turns NOT EXISTS into a join, expects
 * one row of it, and sorts the whole pool instead of reading the first rows of its index. At 100,000 issues a claim took
 * 150 ms instead of 0.3.
 */
const hasNoRow = (query: SQL): SQL => sql`coalesce((select false ${query} limit 1), true)`

// Leaves out issues that the rules of checkout would refuse, which decide again under the lock, and those on which the agent waits for an answer.
const isClaimable = (alias: string, filterSet: FilterSet, row = sql.raw(alias)): SQL => sql`${row}.hidden_at is null
  and ${row}.id <> all(${param('rejectedIds', 'uuid[]')})
  ${filterSet.project ? sql`and ${row}.project_id = ${param('projectId', 'uuid')}` : sql``}
  ${
    filterSet.labels
      ? sql`and exists (select 1 from ${issueLabels} il where il.issue_id = ${row}.id and il.label_id = any(${param('labelIds', 'uuid[]')}))`
      : sql``
  }
  and ${hasNoRow(sql`from ${evictions} e where e.issue_id = ${row}.id and e.run_id = ${param('runId', 'uuid')}`)}
  and ${hasNoRow(sql`from ${blockers} b join ${issues} n on n.id = b.blocker_issue_id where b.blocked_issue_id = ${row}.id and not ${isClosedSql('n')}`)}
  and ${hasNoRow(sql`from ${interactions} q where q.issue_id = ${row}.id and q.status = 'pending' and q.created_by_agent_id = ${param('agentId', 'uuid')}`)}
  and ${hasNoRow(sql`from ${projects} p where p.id = ${row}.project_id and p.paused_at is not null`)}
  and ${hasNoRow(sql`from ${runs} r where ${liveHolderOf(alias)}`)}`

// The agent's own issues: those in a wanted status, and those that a dead run of the agent left in progress.
const ownIssues = (filterSet: FilterSet, name: string) =>
  lockingRead(
    'issue',
    statement<ClaimSearch, LockedIssue>(`claim_own_${name}`).read(sql`
      select ${issueColumns}, closed_by_run_id as "closedByRunId" from ${issues}
      where assignee_agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
        and (status = any(${param('statuses', 'text[]')}) or status = 'in_progress') and ${isClaimable('"issues"', filterSet)}
      order by priority_rank, created_at, id limit 1 for no key update skip locked`),
  )

// The pool: one short index scan per status, independent of the number of issues; then the best row that is not locked.
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
 * (tx) Locks the next issue that a search finds: the agent's own issues first, then the pool, each by priority and age.
 * Issues that another transaction has locked are skipped.
 */
export async function lockCandidate(tx: Tx, search: ClaimSearch, assignedOnly: boolean): Promise<LockedIssue | undefined> {
  const statements = searches.get(nameOf({ project: search.projectId !== null, labels: search.labelIds !== null }))
  const [ownIssue] = (await statements?.own(tx, search)) ?? []
  if (ownIssue !== undefined || assignedOnly) return ownIssue
  const [unassignedIssue] = (await statements?.pool(tx, search)) ?? []
  return unassignedIssue
}
