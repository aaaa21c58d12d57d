// Why the work on an issue goes on, or does not: one expression in SQL, from which the list, the answer for one issue, the figures
// and the task that wakes are made (I23).

import { sql } from 'drizzle-orm'
import { wakesOnDemand } from '../../org/agents/index.ts'
import { liveHolderOf } from '../../engine/runs/index.ts'
import { isExhaustedSql } from '../../model/budgets.ts'
import { agents } from '../../model/agents.ts'
import { approvals, issueApprovals } from '../../model/approvals.ts'
import { companies } from '../../model/companies.ts'
import { interactions } from '../../model/documents.ts'
import { isClosedSql } from '../../model/issueStatus.ts'
import { blockers, issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { isConfigured } from '../dispatch/index.ts'

/** The act of a person that changes each progress; null where the work goes on by itself. */
export const progressStates = {
  held: null,
  wake_waits: null,
  closed: 'Reopen the issue',
  unassigned: 'Assign the issue',
  assigned_to_person: 'The person continues, or assigns an agent',
  company_not_active: 'Activate the company',
  agent_paused: 'Resume the agent',
  agent_quarantined: 'Release the agent from its quarantine, then resume it',
  agent_pending_approval: 'Decide on the hire of the agent',
  agent_terminated: 'Assign another agent',
  agent_error: 'Correct the configuration of the agent',
  budget_exhausted: 'Raise the budget of the agent',
  project_paused: 'Resume the project',
  backlog: 'Move the issue to todo',
  in_review: 'Review the issue',
  blocked_by_issues: 'Resolve the blocking issues',
  blocked: 'Resolve what the agent reported, and move the issue to todo',
  waits_for_answer: 'Answer the question on the issue',
  waits_for_decision: 'Decide on the linked approval',
  agent_not_woken_on_demand: 'Let the agent be woken on demand, or invoke it',
  agent_runs_elsewhere: 'Start the agent where it lives',
  board_notified: 'Look at its last run, then comment, assign another agent, or close the issue',
  stalled: 'Wait a minute: the agent is woken once more',
} as const satisfies Record<string, string | null>
export type ProgressState = keyof typeof progressStates

/** The reason of the wake by which the server starts work that stands still, and of the closed wake by which it notifies the board. */
export const STALLED_REASON = 'issue_stalled'

const latestWake = (
  column: string,
) => sql`(select w.${sql.raw(column)} from ${wakes} w where w.issue_id = i.id and w.agent_id = i.assignee_agent_id
  order by w.created_at desc, w.id desc limit 1)`

const hasOpenQuestion = sql`exists (select 1 from ${interactions} n where n.issue_id = i.id and n.status = 'pending')`

/** SQL: the progress of the row `i` of issues with its assignee `a` and its company `c`. The order of the branches is the rule. */
export const progressSql = sql`(case
  when ${isClosedSql('i')} then 'closed'
  when exists (select 1 from ${runs} r where ${liveHolderOf('i')}) then 'held'
  when i.assignee_user_id is not null and ${hasOpenQuestion} then 'waits_for_answer'
  when i.assignee_user_id is not null then 'assigned_to_person'
  when i.assignee_agent_id is null then 'unassigned'
  when c.status <> 'active' then 'company_not_active'
  when a.status = 'paused' and a.pause_reason = 'quarantine' then 'agent_quarantined'
  when a.status in ('paused', 'pending_approval', 'terminated', 'error') then 'agent_' || a.status
  when ${isExhaustedSql('a')} then 'budget_exhausted'
  when exists (select 1 from ${projects} p where p.id = i.project_id and p.paused_at is not null) then 'project_paused'
  when exists (select 1 from ${wakes} w where w.issue_id = i.id and w.agent_id = i.assignee_agent_id and ${isOpen('w')}) then 'wake_waits'
  when i.status = 'in_review' and ${hasOpenQuestion} then 'waits_for_answer'
  when i.status in ('backlog', 'in_review') then i.status
  when exists (select 1 from ${blockers} b join ${issues} n on n.id = b.blocker_issue_id where b.blocked_issue_id = i.id
    and not ${isClosedSql('n')}) then 'blocked_by_issues'
  when ${hasOpenQuestion} then 'waits_for_answer'
  when exists (select 1 from ${issueApprovals} l join ${approvals} d on d.id = l.approval_id where l.issue_id = i.id
    and d.status in ('pending', 'revision_requested')) then 'waits_for_decision'
  when i.status = 'blocked' then 'blocked'
  when not ${wakesOnDemand} then 'agent_not_woken_on_demand'
  when not ${isConfigured} then 'agent_runs_elsewhere'
  when ${latestWake('close_reason')} = 'stalled' then 'board_notified'
  else 'stalled' end)`

/**
 * SQL: the work of the row `i` could stand still, as far as its assignee `a` and its company `c` decide. A statement that looks for such
 * issues has it beside `progressSql`, so that it does not read the issues of agents that may not work.
 */
export const mayStall = sql`(c.status = 'active' and a.status not in ('paused', 'pending_approval', 'terminated', 'error')
  and not ${isExhaustedSql('a')} and ${wakesOnDemand} and ${isConfigured})`

/** SQL: the tables of `progressSql`. */
export const progressFrom = sql`${issues} i join ${companies} c on c.id = i.company_id left join ${agents} a on a.id = i.assignee_agent_id`

/** SQL: the agent of the row `i` was woken for it already, because it stood still, and neither another wake nor a change of the agent came since. */
export const wasWokenAsStalled = sql`coalesce(${latestWake('reason')} = '${sql.raw(STALLED_REASON)}' and ${latestWake('created_at')} > a.updated_at, false)`

/** SQL: since when the row `i` has its progress: its last change, or the end of its last run. */
export const progressSince = sql`greatest(i.updated_at, (select max(r.finished_at) from ${runs} r where r.issue_id = i.id))`
