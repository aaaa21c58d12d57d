// The rows that go with a company or an agent, deleted in transactions of bounded size.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { agentKeys, agents } from '../../model/agents.ts'
import { approvalComments, approvals, configRevisions, issueApprovals } from '../../model/approvals.ts'
import { assets, attachments } from '../../model/assets.ts'
import { budgetIncidents, budgetPolicies, budgetReservations, budgetStates } from '../../model/budgets.ts'
import { companies } from '../../model/companies.ts'
import { costEvents, costRollups, financeEvents, runCosts } from '../../model/costs.ts'
import { deletions } from '../../model/deletions.ts'
import { documentRevisions, documents, interactions } from '../../model/documents.ts'
import { traces, votes } from '../../model/feedback.ts'
import { blockers, comments, evictions, inboxArchives, issueLabels, issues, labels, readStates } from '../../model/issues.ts'
import { goals, projectGoals, projects, projectWorkspaces } from '../../model/projects.ts'
import { routineRuns, routines, routineTriggers } from '../../model/routines.ts'
import { runEvents, runLogChunks, taskSessions } from '../../model/runRecords.ts'
import { runs } from '../../model/runs.ts'
import { dataKeys, runSecrets, secrets, secretVersions } from '../../model/secrets.ts'
import { wakes } from '../../model/wakes.ts'
import { companySkillFiles, companySkills, instructionFiles } from '../../model/skills.ts'
import { webhookDeliveries, webhookEndpoints } from '../../model/webhooks.ts'
import { executionWorkspaces, workspaceOperations } from '../../model/workspaces.ts'
import { workProducts } from '../../model/workProducts.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import type { LockKind } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { rowsErased } from './events.ts'

/** Small rows: a transaction deletes a few thousand in a quarter of a second. */
const MANY = 2000
/** Rows with a text of up to some hundred kilobytes. */
const SOME = 200
/** Rows with a file of up to some megabytes, of which Postgres deletes every piece of 2 KB. */
const FEW = 20
/** The pause between two transactions, so that requests come first. */
const PAUSE_MS = 5

/** Rows below those of a window. A statement changes `limit` rows at most. */
interface Part {
  readonly table: string
  readonly limit: number
  readonly statement: Statement<{ ids: string[] }, { count: number }, 'write'>
}

const ids = param('ids', 'uuid[]')
const counted = (name: string, change: SQL): Part['statement'] =>
  statement<{ ids: string[] }, { count: number }>(name).write(
    sql`with done as (${change} returning 1) select count(*)::int as count from done`,
  )

// By ctid: most of these tables have no key of one column. Nothing else writes to these rows any more.
const part = (table: PgTable, name: string, limit: number, condition: SQL): Part => ({
  table: name,
  limit,
  statement: counted(
    `erase_${name}`,
    sql`delete from ${table} where ctid = any(array(select x.ctid from ${table} x where ${condition} limit ${sql.raw(String(limit))}))`,
  ),
})

const ofRun = sql`x.run_id = any(${ids})`
const ofIssue = sql`x.issue_id = any(${ids})`
const ofAgent = sql`x.agent_id = any(${ids})`

const partsOfRuns: readonly Part[] = [
  part(runEvents, 'run_events', MANY, ofRun),
  part(runSecrets, 'run_secrets', MANY, ofRun),
  part(runLogChunks, 'run_log_chunks', SOME, ofRun),
  part(evictions, 'evictions_of_runs', MANY, ofRun),
]

const documentsOf = sql`select d.id from ${documents} d where d.issue_id = any(${ids})`
const attachmentsOf = sql`select t.id from ${attachments} t where t.issue_id = any(${ids})`

const partsOfIssues: readonly Part[] = [
  // A foreign key would take a parent from all of its children at once.
  {
    table: 'sub_issues',
    limit: SOME,
    statement: counted(
      'erase_parent',
      sql`update ${issues} set parent_id = null where id = any(array(
        select x.id from ${issues} x where x.parent_id = any(${ids}) limit ${sql.raw(String(SOME))}))`,
    ),
  },
  part(assets, 'attached_files', FEW, sql`x.attachment_id in (${attachmentsOf})`),
  part(attachments, 'attachments', MANY, ofIssue),
  part(traces, 'feedback_traces', SOME, ofIssue),
  part(votes, 'feedback_votes', MANY, ofIssue),
  part(comments, 'comments', SOME * 5, ofIssue),
  part(documentRevisions, 'document_revisions', SOME, sql`x.document_id in (${documentsOf})`),
  part(documents, 'documents', SOME, ofIssue),
  part(interactions, 'interactions', SOME, ofIssue),
  part(workProducts, 'work_products', SOME, ofIssue),
  part(wakes, 'wakes', MANY, ofIssue),
  part(blockers, 'blockers', MANY, sql`x.blocked_issue_id = any(${ids})`),
  part(blockers, 'blocked', MANY, sql`x.blocker_issue_id = any(${ids})`),
  part(issueLabels, 'issue_labels', MANY, ofIssue),
  part(evictions, 'evictions', MANY, ofIssue),
  part(readStates, 'read_states', MANY, ofIssue),
  part(inboxArchives, 'inbox_archives', MANY, ofIssue),
  part(issueApprovals, 'issue_approvals', MANY, ofIssue),
]

const partsOfAgents: readonly Part[] = [
  part(instructionFiles, 'instruction_files', SOME, ofAgent),
  part(configRevisions, 'config_revisions', SOME, ofAgent),
  part(taskSessions, 'task_sessions', MANY, ofAgent),
  part(agentKeys, 'agent_keys', MANY, ofAgent),
  part(wakes, 'wakes_of_agents', MANY, ofAgent),
]

const partsOfApprovals: readonly Part[] = [
  part(approvalComments, 'approval_comments', SOME, sql`x.approval_id = any(${ids})`),
  part(issueApprovals, 'approved_issues', MANY, sql`x.approval_id = any(${ids})`),
]

const partsOfProjects: readonly Part[] = [
  part(projectWorkspaces, 'project_workspaces', MANY, sql`x.project_id = any(${ids})`),
  part(projectGoals, 'project_goals', MANY, sql`x.project_id = any(${ids})`),
]

/** Locks the rows of a window in the order of locks. FOR UPDATE, because a deletion takes that lock anyway. */
const lockFor = (kind: LockKind, table: PgTable, name: string): Lock =>
  lockingRead(
    kind,
    statement<{ ids: string[] }, { id: string }>(`erase_lock_${name}`).read(
      sql`select x.id from ${table} x where x.id = any(${ids}) order by x.id for update`,
    ),
  )

type Lock = (tx: Tx, params: { ids: string[] }) => Promise<{ id: string }[]>

/** Rows that are deleted a few at a time, with everything below them. */
interface Window {
  readonly next: Statement<{ id: string }, { id: string }, 'read'>
  /** For rows of a kind that has a place in the order of locks. */
  readonly lock?: Lock
  readonly parts: readonly Part[]
  /** The rows themselves; null when they stay, or another step deletes them. */
  readonly rows: Part | null
}

const id = param('id', 'uuid')

function windowOf(table: PgTable, name: string, limit: number, more: Partial<Window> = {}): Window {
  return {
    parts: [],
    ...more,
    next: statement<{ id: string }, { id: string }>(`erase_next_${name}`).read(
      sql`select x.id from ${table} x where x.company_id = ${id} limit ${sql.raw(String(limit))}`,
    ),
    rows: part(table, name, limit, sql`x.id = any(${ids})`),
  }
}

/** The rows of a table that has no key of one column, or that needs no lock and has nothing below it. */
const rowsOfCompany = (table: PgTable, name: string, limit: number): Window => ({
  // Named by their company: an id of each row would have to be read first.
  next: statement<{ id: string }, { id: string }>(`erase_next_${name}`).read(
    sql`select c.id from ${companies} c where c.id = ${id} and exists (select from ${table} x where x.company_id = c.id)`,
  ),
  parts: [part(table, name, limit, sql`x.company_id = any(${ids})`)],
  rows: null,
})

const partsOfPolicies: readonly Part[] = [
  part(budgetReservations, 'budget_reservations', MANY, sql`x.policy_id = any(${ids})`),
  part(budgetStates, 'budget_windows', MANY, sql`x.policy_id = any(${ids})`),
]

const lockRuns = lockFor('run', runs, 'runs')
const lockAgentRows = lockFor('agent', agents, 'agents')
const runRows = part(runs, 'runs', SOME, sql`x.id = any(${ids})`)
const issueRows = part(issues, 'issues', SOME, sql`x.id = any(${ids})`)
const some = sql.raw(String(SOME))

/** The rows of a company, in an order in which no foreign key changes many rows at once. */
export const windowsOfCompany: readonly Window[] = [
  rowsOfCompany(routineRuns, 'routine_runs', MANY),
  rowsOfCompany(routineTriggers, 'routine_triggers', SOME),
  windowOf(routines, 'routines', SOME, { lock: lockFor('routine', routines, 'routines') }),
  {
    next: statement<{ id: string }, { id: string }>('erase_next_runs').read(
      sql`select x.id from ${runs} x where x.company_id = ${id} order by x.created_at desc, x.id desc limit ${some}`,
    ),
    lock: lockRuns,
    parts: partsOfRuns,
    rows: runRows,
  },
  {
    // The list of issues has an index of those that are not hidden, which are nearly all.
    next: statement<{ id: string }, { id: string }>('erase_next_issues').read(sql`
      (select x.id from ${issues} x where x.company_id = ${id} and x.hidden_at is null limit ${some})
      union all (select x.id from ${issues} x where x.company_id = ${id} and x.hidden_at is not null limit ${some}) limit ${some}`),
    lock: lockFor('issue', issues, 'issues'),
    parts: partsOfIssues,
    rows: issueRows,
  },
  windowOf(budgetIncidents, 'budget_incidents', MANY),
  windowOf(budgetPolicies, 'budget_policies', SOME, { parts: partsOfPolicies }),
  windowOf(approvals, 'approvals', SOME, { lock: lockFor('approval', approvals, 'approvals'), parts: partsOfApprovals }),
  windowOf(agents, 'agents', SOME, { lock: lockAgentRows, parts: partsOfAgents }),
  windowOf(projects, 'projects', SOME, { parts: partsOfProjects }),
  windowOf(companySkills, 'company_skills', FEW, {
    parts: [part(companySkillFiles, 'company_skill_files', SOME, sql`x.skill_id = any(${ids})`)],
  }),
  windowOf(goals, 'goals', SOME),
  windowOf(labels, 'labels', SOME),
  windowOf(assets, 'assets', FEW),
  rowsOfCompany(secretVersions, 'secret_versions', SOME),
  windowOf(secrets, 'secrets', SOME),
  windowOf(executionWorkspaces, 'execution_workspaces', SOME, {
    parts: [part(workspaceOperations, 'workspace_operations', SOME, sql`x.workspace_id = any(${ids})`)],
  }),
  windowOf(webhookEndpoints, 'webhook_endpoints', SOME, {
    parts: [part(webhookDeliveries, 'webhook_deliveries', MANY, sql`x.webhook_id = any(${ids})`)],
  }),
  rowsOfCompany(costEvents, 'cost_events', MANY),
  rowsOfCompany(costRollups, 'cost_rollups', MANY),
  rowsOfCompany(runCosts, 'run_costs', MANY),
  rowsOfCompany(financeEvents, 'finance_events', SOME * 5),
  // Behind everything that is sealed with them.
  rowsOfCompany(dataKeys, 'data_keys', MANY),
]

/** The rows of an agent that its deletion deletes. Its costs stay: the costs of its company do not become less. */
export const windowsOfAgent: readonly Window[] = [
  {
    next: statement<{ id: string }, { id: string }>('erase_next_runs_of_agent').read(
      sql`select x.id from ${runs} x where x.agent_id = ${id} order by x.created_at desc, x.id desc limit ${some}`,
    ),
    lock: lockRuns,
    parts: partsOfRuns,
    rows: runRows,
  },
  {
    next: statement<{ id: string }, { id: string }>('erase_next_agent').read(sql`select x.id from ${agents} x where x.id = ${id} and (
      exists (select 1 from ${wakes} w where w.agent_id = x.id) or exists (select 1 from ${configRevisions} c where c.agent_id = x.id)
      or exists (select 1 from ${taskSessions} s where s.agent_id = x.id) or exists (select 1 from ${instructionFiles} f where f.agent_id = x.id))`),
    lock: lockAgentRows,
    parts: partsOfAgents,
    rows: null,
  },
]

const begun = statement<{ id: string }, { kind: 'company' | 'agent' }>('erase_begun').read(
  sql`select kind from ${deletions} where id = ${id}`,
)
const touch = statement<{ id: string }, { id: string }>('erase_touch').write(
  sql`update ${deletions} set touched_at = now() where id = ${id} returning id`,
)

/** (tx) Deletes what one transaction may of the next rows of a window. @returns how many of each table */
async function eraseSome(tx: Tx, window: Window, subjectId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const next = (await tx.run(window.next, { id: subjectId })).map((row) => row.id)
  if (next.length === 0) return counts
  await window.lock?.(tx, { ids: next })
  const steps = window.rows === null ? window.parts : [...window.parts, window.rows]
  for (const { table, limit, statement: change } of steps) {
    const { count } = exactlyOne(await tx.run(change, { ids: next }))
    if (count > 0) counts[table] = count
    if (count === limit) break
  }
  return counts
}

/**
 * Deletes rows in many transactions, each of which is short, audited, and holds the lock of the company. It may be interrupted
 * at any point and begun again, by any server.
 * @param subjectId the company or the agent whose deletion has begun
 * @returns false when the deletion is complete already
 */
export async function eraseRows(ctx: Ctx, subjectId: string, windows: readonly Window[]): Promise<boolean> {
  for (const window of windows) {
    for (;;) {
      const counts = await mutate<Record<string, number> | null>(ctx, async (tx) => {
        await lockCompany(tx, companyOf(ctx))
        const [deletion] = await tx.run(begun, { id: subjectId })
        if (deletion === undefined) return unchanged(null)
        const erased = await eraseSome(tx, window, subjectId)
        if (Object.keys(erased).length === 0) return unchanged(erased)
        await tx.run(touch, { id: subjectId })
        return changed(erased, rowsErased(companyOf(ctx), { agentId: deletion.kind === 'agent' ? subjectId : null, rows: erased }))
      })
      if (counts === null) return false
      if (Object.keys(counts).length === 0) break
      await sleep(PAUSE_MS)
    }
  }
  return true
}
