import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { liveHolderOf, presentFailure } from '../../engine/runs/index.ts'
import { isExhaustedSql } from '../../model/budgets.ts'
import { isClosedSql } from '../../model/issueStatus.ts'
import { blockers, issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mayStall, progressFrom, progressStates, progressSince, progressSql } from './progress.ts'
import type { ProgressState } from './progress.ts'
import type { stalledView, whyView } from './views.ts'

type Stalled = z.input<typeof stalledView>
type Why = z.input<typeof whyView>
type LastRun = NonNullable<Stalled['lastRun']>
/** `lastRun` with its agent, which decides who sees why it failed. */
type Row<T extends Stalled> = Omit<T, 'act' | 'lastRun'> & { readonly lastRun: (LastRun & { readonly agentId: string }) | null }

/** The most issues in one answer, the oldest first. A person who corrects them reads the list again. */
export const MAX_STALLED = 500

const columns = sql`i.id as "issueId", i.identifier, i.title, i.status, i.assignee_agent_id as "assigneeAgentId", ${progressSql} as why,
  ${isoJson(progressSince)} as since,
  (select json_build_object('id', r.id, 'status', r.status, 'errorCode', r.error_code, 'error', left(r.error, 500),
    'agentId', r.agent_id) from ${runs} r
    where r.issue_id = i.id order by r.created_at desc, r.id desc limit 1) as "lastRun"`

const stalledQuery = statement<{ companyId: string }, Row<Stalled>>('stalled_list').read(sql`
  select * from (select ${columns} from ${progressFrom} where i.company_id = ${param('companyId')} and i.hidden_at is null
    and i.assignee_agent_id is not null and i.status in ('todo', 'in_progress') and ${mayStall}) s
  where s.why in ('stalled', 'board_notified') order by s.since, s."issueId" limit ${sql.raw(String(MAX_STALLED))}`)

function presentRow<T extends { readonly why: ProgressState; readonly lastRun: Row<Stalled>['lastRun'] }>(actor: Actor, row: T) {
  const act = progressStates[row.why]
  if (row.lastRun === null) return { ...row, lastRun: null, act }
  const { agentId, ...lastRun } = row.lastRun
  return { ...row, lastRun: presentFailure(actor, agentId, lastRun), act }
}

/** The issues of a company whose work stands still without a reason that a person gave, oldest first; 500 at most. */
export async function listStalled(ctx: Ctx): Promise<Stalled[]> {
  return (await ctx.store.read.run(stalledQuery, { companyId: companyOf(ctx) })).map((row) => presentRow(ctx.actor, row))
}

const whyQuery = statement<{ id: string; companyId: string }, Row<Why>>('stalled_why').read(sql`
  select ${columns},
    (select r.id from ${runs} r where ${liveHolderOf('i')} limit 1) as "holderRunId",
    (select coalesce(json_agg(w.id order by w.created_at, w.id), '[]'::json) from ${wakes} w where w.issue_id = i.id and ${isOpen('w')})
      as "waitingWakeIds",
    (select coalesce(json_agg(n.id order by n.id), '[]'::json) from ${blockers} b join ${issues} n on n.id = b.blocker_issue_id
      where b.blocked_issue_id = i.id and not ${isClosedSql('n')}) as "blockedByIssueIds",
    a.status as "agentStatus", a.pause_reason as "agentPauseReason", coalesce(${isExhaustedSql('a')}, false) as "isAgentOverBudget",
    exists (select 1 from ${projects} p where p.id = i.project_id and p.paused_at is not null) as "isProjectPaused"
  from ${progressFrom} where i.id = ${param('id')} and i.company_id = ${param('companyId')}`)

/** Why the work on an issue goes on, or does not, and the one act that changes it (I23). @throws Refusal `not_found` */
export async function readWhy(ctx: Ctx, id: string): Promise<Why> {
  const [row] = await ctx.store.read.run(whyQuery, { id, companyId: companyOf(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Issue not found' })
  return presentRow(ctx.actor, row)
}
