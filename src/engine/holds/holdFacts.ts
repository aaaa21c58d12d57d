import { sql } from 'drizzle-orm'
import { isClosedSql } from '../../model/issueStatus.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { lockingRead, recordLocked } from '../../platform/db/locks.ts'
import { agents } from '../../model/agents.ts'
import { companies, grants } from '../../model/companies.ts'
import { blockers, evictions, issueLabels, issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { hasHardLimitSql } from '../../model/budgets.ts'
import { runs } from '../../model/runs.ts'
import { isDeferred, wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { assertRunLive, runFactJson } from '../../auth/runFacts.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import { exhaustedLimitJson } from '../budgets/index.ts'
import { issueColumns, issueWithLabels, withLabelIds } from './issueRow.ts'
import type { IssueRow, IssueWithLabels } from './issueRow.ts'

/** An issue under its row lock, with the column that never leaves the database. */
export interface LockedIssue extends IssueRow {
  readonly closedByRunId: string | null
}

/** The columns of an issue that a decision about its hold needs. */
export type HoldIssue = Pick<
  IssueRow,
  | 'id'
  | 'companyId'
  | 'status'
  | 'assigneeAgentId'
  | 'assigneeUserId'
  | 'checkoutRunId'
  | 'executionRunId'
  | 'executionLockedAt'
  | 'lockEpoch'
  | 'version'
>

/** The agent for which an issue is to be taken. */
export interface AgentFact {
  readonly companyId: string
  readonly name: string
  readonly status: AgentStatus
  /** Whether its company has a hard limit at all. */
  readonly hasLimits: boolean
  /** The limit above the agent or the project of the issue that is used up, as a refusal shows it; null where there is none. */
  readonly exhausted: Readonly<Record<string, unknown>> | null
}

/** All facts that the rules of a hold may use. Read under the locks of issue and runs, in the transaction that writes. */
export interface HoldFacts<I extends HoldIssue = HoldIssue> {
  readonly issue: I
  /** The acting run; null for the board and for an agent that names no run. */
  readonly acting: RunFact | null
  /** The runs that the columns name; null where the column is empty, or its run is missing or of another company. */
  readonly checkoutRun: RunFact | null
  readonly executionRun: RunFact | null
  /** The acting run was evicted from this issue. */
  readonly evicted: boolean
  readonly agent: AgentFact | null
  readonly unresolvedBlockerIssueIds: readonly string[]
  readonly projectPaused: boolean
  readonly companyActive: boolean
  /** Wakes wait for the issue to be free. Under its row lock none is added or removed. */
  readonly wakesWait: boolean
  /** The issue has labels. Under its row lock none is added. */
  readonly hasLabels: boolean
}

/** The select list of `LockedIssue`. */
export const lockedIssueColumns = sql`${issueColumns}, closed_by_run_id as "closedByRunId"`

const lockById = lockingRead(
  'issue',
  statement<{ ids: string[]; companyId: string }, LockedIssue>('lock_issues').read(sql`
    select ${lockedIssueColumns} from ${issues}
    where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId')}
    order by id for no key update`),
)

/** Locks issues of a company by ascending id. The result lacks missing issues and those of another company. */
export const lockIssues = (tx: Tx, companyId: string, ids: readonly string[]): Promise<LockedIssue[]> =>
  ids.length === 0 ? Promise.resolve([]) : lockById(tx, { ids: [...ids], companyId })

const lockOne = lockingRead(
  'issue',
  statement<{ id: string; companyId: string }, LockedIssue>('lock_issue').read(sql`
    select ${lockedIssueColumns} from ${issues}
    where id = ${param('id')} and company_id = ${param('companyId')} for no key update`),
)

// Ten columns instead of forty: reading the unused ones was a tenth of a checkout.
const holdIssueColumns = sql`id, company_id as "companyId", status, assignee_agent_id as "assigneeAgentId", assignee_user_id as "assigneeUserId",
  checkout_run_id as "checkoutRunId", execution_run_id as "executionRunId", execution_locked_at as "executionLockedAt",
  lock_epoch as "lockEpoch", version`

const lockIssueColumns = lockingRead(
  'issue',
  statement<{ id: string; companyId: string }, HoldIssue>('lock_hold').read(sql`
    select ${holdIssueColumns} from ${issues} where id = ${param('id')} and company_id = ${param('companyId')} for no key update`),
)

const selectIssueWithLabels = statement<{ id: string; companyId: string }, Omit<IssueWithLabels, 'labelIds'>>('hold_issue').read(
  sql`select ${issueWithLabels} from ${issues} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** The issue with its labels, as a change of its hold returns it. @throws Refusal `not_found` */
export async function labelledIssue(tx: Tx, companyId: string, id: string): Promise<IssueWithLabels> {
  const [row] = await tx.run(selectIssueWithLabels, { id, companyId })
  if (row === undefined) refuse('not_found', { message: 'Issue not found' })
  return withLabelIds(row)
}

/** Locks one issue. @throws Refusal `not_found` for a missing issue and for one of another company */
export async function lockIssue(tx: Tx, companyId: string, id: string): Promise<LockedIssue> {
  const [issue] = await lockOne(tx, { id, companyId })
  if (issue === undefined) refuse('not_found', { message: 'Issue not found' })
  return issue
}

interface FactRow {
  runs: RunFact[]
  evicted: boolean
  agent: AgentFact | null
  unresolvedBlockerIssueIds: string[]
  projectPaused: boolean
  companyActive: boolean
  wakesWait: boolean
  hasLabels: boolean
}

// One statement after the issue's lock: its snapshot sees every eviction and every end of a holder, because both are
// written under that lock. The runs are locked too, so that none of them ends or is renewed before this commits.
// `live` is computed outside the locking query, after any wait for the lock.
const lockedRuns = sql`r as materialized (
  select id, agent_id, status, lease_expires_at, last_seen_at from ${runs}
  where id = any(array(select unnest(array[${param('actingRunId', 'uuid')}, i.checkout_run_id, i.execution_run_id]) from ${issues} i
      where i.id = ${param('issueId', 'uuid')})) and company_id = ${param('companyId', 'uuid')}
  order by id for no key update)`

const holdFactColumns = sql`
  coalesce((select json_agg(${runFactJson}) from r join ${agents} ra on ra.id = r.agent_id), '[]'::json) as runs,
  exists (select 1 from ${evictions} e
    where e.issue_id = ${param('issueId', 'uuid')} and e.run_id = ${param('actingRunId', 'uuid')}) as evicted,
  exists (select 1 from ${wakes} w where w.issue_id = ${param('issueId', 'uuid')} and ${isDeferred('w')}) as "wakesWait",
  exists (select from ${issueLabels} il where il.issue_id = ${param('issueId', 'uuid')}) as "hasLabels"`

interface FactParams {
  readonly companyId: string
  readonly issueId: string
  readonly actingRunId: string | null
}

// No agent is to take the issue, so the obstacles to that are not read.
const selectHoldFacts = statement<FactParams, FactRow>('hold_facts').read(sql`
  with ${lockedRuns}
  select ${holdFactColumns}, null::json as agent, '[]'::json as "unresolvedBlockerIssueIds", false as "projectPaused", true as "companyActive"`)

const selectCheckoutFacts = statement<FactParams & { readonly agentId: string }, FactRow>('hold_facts_taking').read(sql`
  with ${lockedRuns}
  select ${holdFactColumns},
    (select json_build_object('companyId', a.company_id, 'name', a.name, 'status', a.status,
       'hasLimits', ${hasHardLimitSql(sql`a.company_id`)}, 'exhausted', ${exhaustedLimitJson('a', sql`(select pi.project_id from ${issues} pi where pi.id = ${param('issueId', 'uuid')})`)})
     from ${agents} a where a.id = ${param('agentId', 'uuid')}) as agent,
    coalesce((select json_agg(b.blocker_issue_id order by b.blocker_issue_id) from ${blockers} b
      join ${issues} blocker on blocker.id = b.blocker_issue_id
      where b.blocked_issue_id = ${param('issueId', 'uuid')} and not ${isClosedSql('blocker')}), '[]'::json)
      as "unresolvedBlockerIssueIds",
    exists (select 1 from ${projects} p join ${issues} i on i.project_id = p.id
      where i.id = ${param('issueId', 'uuid')} and p.paused_at is not null) as "projectPaused",
    (select c.status = 'active' from ${companies} c where c.id = ${param('companyId', 'uuid')}) as "companyActive"`)

/** The agent and the run for which the server itself takes an issue, without a request of that agent. */
export interface ActingRun {
  readonly agentId: string
  readonly runId: string
}

function queryFacts(tx: Tx, params: FactParams, agentId: string | null): Promise<FactRow[]> {
  return agentId === null ? tx.run(selectHoldFacts, params) : tx.run(selectCheckoutFacts, { ...params, agentId })
}

/**
 * Reads the facts about a locked issue, locks the runs involved, and verifies the acting run.
 * @param agentId the agent for which the issue would be taken; null when no agent is to take it
 * @throws Refusal of `assertRunLive` for an acting run that is unknown or dead
 */
export async function loadHoldFacts<I extends HoldIssue>(tx: Tx, ctx: Ctx, issue: I, agentId: string | null): Promise<HoldFacts<I>> {
  const actingRunId = actingRunIdOf(ctx.actor)
  const rows = await queryFacts(tx, { companyId: companyOf(ctx), issueId: issue.id, actingRunId }, agentId)
  return verifyActingRun(tx, ctx, toHoldFacts(tx, issue, rows, actingRunId))
}

/**
 * As `loadHoldFacts` for an issue whose lock is under way: the facts are sent behind it, in the same round trip.
 * @param lock has been sent; rejects for a missing issue
 */
export async function loadHoldFactsBehind<I extends HoldIssue>(tx: Tx, ctx: Ctx, issueId: string, lock: Promise<I>): Promise<HoldFacts<I>> {
  const actingRunId = actingRunIdOf(ctx.actor)
  const [issue, rows] = await Promise.all([lock, queryFacts(tx, { companyId: companyOf(ctx), issueId, actingRunId }, null)])
  return verifyActingRun(tx, ctx, toHoldFacts(tx, issue, rows, actingRunId))
}

/**
 * Locks one issue and reads its facts in one round trip, and verifies the acting run.
 * @param agentId the agent for which the issue would be taken; null when no agent is to take it
 * @throws Refusal `not_found` for a missing issue and for one of another company; those of `assertRunLive`
 */
export async function lockAndLoadHoldFacts(tx: Tx, ctx: Ctx, issueId: string, agentId: string | null): Promise<HoldFacts> {
  const actingRunId = actingRunIdOf(ctx.actor)
  return verifyActingRun(tx, ctx, await lockAndLoad(tx, { companyId: companyOf(ctx), issueId, actingRunId }, agentId))
}

/**
 * As `lockAndLoadHoldFacts`, for a run that the server starts. The run is not verified: the caller decides on
 * `facts.acting`, which is null when the run does not exist in the company.
 * @throws Refusal `not_found` for a missing issue and for one of another company
 */
export const lockAndLoadHoldFactsFor = (tx: Tx, ctx: Ctx, issueId: string, acting: ActingRun): Promise<HoldFacts> =>
  lockAndLoad(tx, { companyId: companyOf(ctx), issueId, actingRunId: acting.runId }, acting.agentId)

// One round trip: the second statement is sent behind the first and takes its snapshot when the lock is held.
async function lockAndLoad(tx: Tx, params: FactParams, agentId: string | null): Promise<HoldFacts> {
  const { issueId, companyId, actingRunId } = params
  const [[issue], rows] = await Promise.all([lockIssueColumns(tx, { id: issueId, companyId }), queryFacts(tx, params, agentId)])
  if (issue === undefined) refuse('not_found', { message: 'Issue not found' })
  return toHoldFacts(tx, issue, rows, actingRunId)
}

function verifyActingRun<I extends HoldIssue>(tx: Tx, ctx: Ctx, facts: HoldFacts<I>): HoldFacts<I> {
  assertRunLive(tx, ctx, facts.acting ?? undefined)
  return facts
}

function toHoldFacts<I extends HoldIssue>(tx: Tx, issue: I, rows: readonly FactRow[], actingRunId: string | null): HoldFacts<I> {
  const [row] = rows
  invariant(row !== undefined, 'the facts of a hold are one row')
  recordLocked(tx.locks, 'run', row.runs.map((run) => run.id).toSorted())
  return factsFrom(issue, row, actingRunId)
}

function factsFrom<I extends HoldIssue>(issue: I, row: FactRow, actingRunId: string | null): HoldFacts<I> {
  const runById = (id: string | null): RunFact | null => row.runs.find((run) => run.id === id) ?? null
  return {
    issue,
    acting: runById(actingRunId),
    checkoutRun: runById(issue.checkoutRunId),
    executionRun: runById(issue.executionRunId),
    evicted: row.evicted,
    agent: row.agent,
    unresolvedBlockerIssueIds: row.unresolvedBlockerIssueIds,
    projectPaused: row.projectPaused,
    companyActive: row.companyActive,
    wakesWait: row.wakesWait,
    hasLabels: row.hasLabels,
  }
}

const lookUnlocked = statement<FactParams, HoldIssue & Pick<FactRow, 'runs' | 'evicted'>>('hold_look').read(sql`
  select ${holdIssueColumns},
    coalesce((select json_agg(${runFactJson} order by r.id) from ${runs} r join ${agents} ra on ra.id = r.agent_id
      where r.id in (${param('actingRunId', 'uuid')}, "issues".checkout_run_id, "issues".execution_run_id)
        and r.company_id = "issues".company_id), '[]'::json) as runs,
    exists (select 1 from ${evictions} e where e.issue_id = "issues".id and e.run_id = ${param('actingRunId', 'uuid')}) as evicted
  from ${issues} where id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')}`)

/**
 * Reads who holds an issue, without a lock. It is enough to refuse a request, because a live holder that was seen is a true answer, and
 * never enough to grant one (LOCK_PROTOCOL §4). Facts about an agent that is to take the issue are not read.
 * @returns null for a missing issue and for one of another company
 */
export async function lookAtHold(db: ReadDb, params: FactParams): Promise<HoldFacts | null> {
  const [found] = await db.run(lookUnlocked, params)
  if (found === undefined) return null
  const { runs: runFacts, evicted, ...issue } = found
  const unread = {
    agent: null,
    unresolvedBlockerIssueIds: [],
    projectPaused: false,
    companyActive: true,
    wakesWait: false,
    hasLabels: true,
  }
  return factsFrom(issue, { runs: runFacts, evicted, ...unread }, params.actingRunId)
}

// `above` walks up from the assignee. Depth 50 bounds a cycle that imported data may contain.
const selectOverride = statement<{ agentId: string; assigneeAgentId: string; companyId: string }, { mayOverride: boolean }>('hold_override')
  .read(sql`
  with recursive above as (
    select reports_to as id, 1 as depth from ${agents} where id = ${param('assigneeAgentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
    union all
    select a.reports_to, above.depth + 1 from above join ${agents} a on a.id = above.id where above.depth < 50)
  select exists (select 1 from above where id = ${param('agentId', 'uuid')})
    or exists (select 1 from ${agents} where id = ${param('agentId', 'uuid')} and role = 'ceo')
    or exists (select 1 from ${grants} where company_id = ${param('companyId', 'uuid')} and principal_type = 'agent'
      and principal_id = ${param('agentId', 'text')} and permission_key = 'tasks:manage_active_checkouts') as "mayOverride"`)

/** Whether an agent may write to an issue of another assignee: a manager above it, a CEO, or an agent with the grant. */
export async function mayOverride(tx: Tx, companyId: string, agentId: string, assigneeAgentId: string): Promise<boolean> {
  const [row] = await tx.run(selectOverride, { agentId, assigneeAgentId, companyId })
  return row?.mayOverride === true
}
