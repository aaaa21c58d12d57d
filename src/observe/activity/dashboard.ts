import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { holdsInCompany } from '../../auth/authorize.ts'
import { MAX_STALLED, mayStall, progressFrom, progressSql } from '../../control/stalled/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { budgetIncidents } from '../../model/budgets.ts'
import { spentThisMonthSql } from '../../model/costs.ts'
import { utilizationOf } from '../../model/money.ts'
import { approvals } from '../../model/approvals.ts'
import { companies } from '../../model/companies.ts'
import { joinRequests } from '../../model/invites.ts'
import { isClosedSql } from '../../model/issueStatus.ts'
import { issueCounts } from '../../model/issueFigures.ts'
import { projects } from '../../model/projects.ts'
import { hasLease, isUnended, runs } from '../../model/runs.ts'
import { needsAttentionSql, webhookEndpoints } from '../../model/webhooks.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { createSharedReads } from '../../platform/kernel/sharedRead.ts'
import type { badgesView, dashboardView } from './dashboardViews.ts'

type Dashboard = z.input<typeof dashboardView>
type Badges = z.input<typeof badgesView>

/** The part of the monthly budget, in percent, from which spending is an alert. */
const BUDGET_ALERT_PERCENT = 80

interface Counts {
  companyId: string
  agents: Dashboard['agents'] & { pausedByBudget: number }
  spentCents: number
  activeIncidents: number
  tasks: Dashboard['tasks']
  stalled: number
  budgetCents: number
  pendingApprovals: number
  budgetApprovals: number
  pausedProjects: number
  stoppedWebhooks: number
}

// Most issues of agents at work are held, and `progressSql` looks for the holder of each. The runs that are running are read once instead, and what they hold is
// left out before. It says nothing that `progressSql` would not.
const isHeldByRunning = sql`i.checkout_run_id in (select r.id from ${runs} r where r.status = 'running' and ${isUnended('r')}
  and r.company_id = ${param('companyId')} and ${hasLease('r')})`

// Only issues that could stand still are checked, so that closed ones cost nothing; and no more are counted than the list of them shows.
const stalledCount = sql`select count(*)::int from (select from ${progressFrom} where i.company_id = ${param('companyId')} and i.hidden_at is null
  and i.assignee_agent_id is not null and i.status in ('todo', 'in_progress') and (i.checkout_run_id is null or not ${isHeldByRunning}) and ${mayStall}
  and ${progressSql} in ('stalled', 'board_notified') limit ${sql.raw(String(MAX_STALLED))}) stalled`

// One round trip that reads each table once, because the dashboard page polls it.
const dashboardQuery = statement<{ companyId: string }, Counts>('dashboard').read(sql`
  select c.id as "companyId", c.budget_monthly_cents as "budgetCents",
    (select json_build_object(
       'active', count(*) filter (where status in ('active', 'idle')),
       'running', count(*) filter (where status = 'running'),
       'paused', count(*) filter (where status = 'paused'),
       'error', count(*) filter (where status = 'error'),
       'pausedByBudget', count(*) filter (where status = 'paused' and pause_reason = 'budget'))
     from ${agents} where company_id = c.id) as agents,
    ${spentThisMonthSql(sql`c.id`)} as "spentCents",
    (select count(*)::int from ${budgetIncidents} where company_id = c.id and status = 'open') as "activeIncidents",
    (select json_build_object(
       'open', coalesce(sum(issues) filter (where not ${isClosedSql()}), 0),
       'inProgress', coalesce(sum(issues) filter (where status = 'in_progress'), 0),
       'blocked', coalesce(sum(issues) filter (where status = 'blocked'), 0),
       'done', coalesce(sum(issues) filter (where status = 'done'), 0))
     from ${issueCounts} where company_id = c.id) as tasks,
    (${stalledCount}) as stalled,
    (select count(*)::int from ${approvals} where company_id = c.id and status = 'pending') as "pendingApprovals",
    (select count(*)::int from ${approvals} where company_id = c.id and status = 'pending' and type = 'budget_override_required')
      as "budgetApprovals",
    (select count(*)::int from ${projects} where company_id = c.id and paused_at is not null and pause_reason = 'budget') as "pausedProjects",
    (select count(*)::int from ${webhookEndpoints} w where w.company_id = c.id and ${needsAttentionSql('w')}) as "stoppedWebhooks"
  from ${companies} c where c.id = ${param('companyId')}`)

// Every open page of the console polls it, and reads it anew after each event. Those who ask at the same time share a read, which says the same
// to all of them. Agents and the board have places of their own at the database, so they do not wait for each other here.
const dashboardReads = new WeakMap<Ctx['store']['read'], (companyId: string) => Promise<Counts | undefined>>()

function readCounts({ read }: Ctx['store'], companyId: string): Promise<Counts | undefined> {
  const ask = dashboardReads.get(read) ?? createSharedReads(async (id) => (await read.run(dashboardQuery, { companyId: id }))[0])
  dashboardReads.set(read, ask)
  return ask(companyId)
}

/** The current state of a company in numbers. @throws Refusal `not_found` */
export async function readDashboard(ctx: Ctx): Promise<Dashboard> {
  const row = await readCounts(ctx.store, companyOf(ctx))
  if (row === undefined) refuse('not_found', { message: 'Company not found' })
  const { pausedByBudget, ...agentCounts } = row.agents
  const { spentCents, activeIncidents } = row
  return {
    companyId: row.companyId,
    agents: agentCounts,
    tasks: row.tasks,
    stalled: row.stalled,
    costs: {
      monthSpendCents: spentCents,
      monthBudgetCents: row.budgetCents,
      monthUtilizationPercent: utilizationOf(spentCents, row.budgetCents),
    },
    pendingApprovals: row.pendingApprovals,
    stoppedWebhooks: row.stoppedWebhooks,
    budgets: {
      activeIncidents,
      pendingApprovals: row.budgetApprovals,
      pausedAgents: pausedByBudget,
      pausedProjects: row.pausedProjects,
    },
  }
}

/** The requests to join that a caller may decide about. */
type JoinsShown = 'all' | 'agent' | 'none'

/** An agent that may admit others decides about agents only, and sees no request of a person. */
function joinsShownTo(ctx: Ctx): JoinsShown {
  if (!holdsInCompany('join.decide', ctx.actor, companyOf(ctx))) return 'none'
  return ctx.actor.kind === 'agent' ? 'agent' : 'all'
}

interface BadgeCounts {
  approvals: number
  joinRequests: number
  failedRuns: number
  erroredAgents: number
  hasStoppedWebhook: boolean
  spentCents: number
  budgetCents: number
}

const badgesQuery = statement<{ companyId: string; joins: JoinsShown }, BadgeCounts>('sidebar_badges').read(sql`
  select c.budget_monthly_cents as "budgetCents",
    (select count(*)::int from ${approvals} where company_id = c.id and status in ('pending', 'revision_requested')) as approvals,
    (select count(*)::int from ${agents} a cross join lateral (
       select r.status from ${runs} r where r.agent_id = a.id order by r.created_at desc, r.id desc limit 1) latest
     where a.company_id = c.id and a.status <> 'terminated' and latest.status in ('failed', 'timed_out')) as "failedRuns",
    (select count(*)::int from ${joinRequests} j where j.company_id = c.id and j.status = 'pending_approval'
       and (${param('joins', 'text')} = 'all' or j.request_type = ${param('joins', 'text')})) as "joinRequests",
    (select count(*)::int from ${agents} where company_id = c.id and status = 'error') as "erroredAgents",
    exists (select from ${webhookEndpoints} w where w.company_id = c.id and ${needsAttentionSql('w')}) as "hasStoppedWebhook",
    ${spentThisMonthSql(sql`c.id`)} as "spentCents"
  from ${companies} c where c.id = ${param('companyId')}`)

/**
 * The numbers of items that wait for a person: approvals, agents whose latest run failed, requests to join that the caller may decide, and alerts. Agents in error are an
 * alert only when no failed run is counted. Webhooks that the server has given up on are one alert together.
 * @throws Refusal `not_found`
 */
export async function readSidebarBadges(ctx: Ctx): Promise<Badges> {
  const [row] = await ctx.store.read.run(badgesQuery, { companyId: companyOf(ctx), joins: joinsShownTo(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Company not found' })
  const { approvals: open, failedRuns, joinRequests: joins } = row
  const errored = row.erroredAgents > 0 && failedRuns === 0 ? 1 : 0
  const nearBudget = utilizationOf(row.spentCents, row.budgetCents) >= BUDGET_ALERT_PERCENT ? 1 : 0
  const stoppedWebhook = row.hasStoppedWebhook ? 1 : 0
  return { inbox: open + failedRuns + joins + errored + nearBudget + stoppedWebhook, approvals: open, failedRuns, joinRequests: joins }
}
