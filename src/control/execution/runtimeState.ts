import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { runCosts } from '../../model/costs.ts'
import { centsSql } from '../../model/money.ts'
import { agents } from '../../model/agents.ts'
import { taskSessions } from '../../model/runRecords.ts'
import { runs } from '../../model/runs.ts'
import { wakeSkips } from '../../model/wakes.ts'
import { safeIntegerSql } from '../../platform/db/safeInteger.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { clearSessions } from '../../engine/runs/index.ts'
import { agentById, lockAgent, sessionsReset } from '../../org/agents/index.ts'
import type { resetSessionView, runtimeStateView, taskSessionView } from './views.ts'

// A run reports its usage itself, so only numbers of a plausible size are summed.
const sumUsage = (name: string) =>
  safeIntegerSql(sql`coalesce((select sum(case when jsonb_typeof(t.usage_json->${sql.raw(`'${name}'`)}) = 'number'
    then least(greatest((t.usage_json->>${sql.raw(`'${name}'`)})::numeric, 0), 1e12) else 0 end)
  from ${runs} t where t.agent_id = a.id), 0)`)

const selectRuntimeState = statement<{ id: string; companyId: string }, z.input<typeof runtimeStateView>>('agent_runtime_state').read(sql`
  select a.id as "agentId", a.company_id as "companyId", a.adapter_type as "adapterType", kept.session_id as "sessionId",
    jsonb_build_object('skippedWakes', coalesce(
      (select jsonb_object_agg(s.reason, s.count) from ${wakeSkips} s where s.agent_id = a.id), '{}'::jsonb)) as "stateJson",
    r.id as "lastRunId", r.status as "lastRunStatus", ${sumUsage('inputTokens')} as "totalInputTokens",
    ${sumUsage('outputTokens')} as "totalOutputTokens", ${sumUsage('cachedInputTokens')} as "totalCachedInputTokens",
    ${centsSql(sql`(select coalesce(sum(rc.microcents), 0) from ${runCosts} rc where rc.agent_id = a.id)`)} as "totalCostCents", r.error as "lastError", a.created_at as "createdAt",
    greatest(a.updated_at, r.updated_at) as "updatedAt", kept.session_id as "sessionDisplayId", null::jsonb as "sessionParamsJson"
  from ${agents} a left join lateral (
    select * from ${runs} l where l.agent_id = a.id order by l.created_at desc, l.id desc limit 1) r on true
  left join lateral (
    select s.session_id from ${taskSessions} s where s.agent_id = a.id order by s.updated_at desc, s.task_key limit 1) kept on true
  where a.id = ${param('id')} and a.company_id = ${param('companyId')}`)

/** The runtime state of an agent: its latest run, its latest session and the total usage of its runs. @throws Refusal `not_found` */
export async function readRuntimeState(ctx: Ctx, agentId: string) {
  const [row] = await ctx.store.read.run(selectRuntimeState, { id: agentId, companyId: companyOf(ctx) })
  return row ?? refuse('not_found', { message: 'Agent not found' })
}

/** More tasks than an agent works on within the time for which their sessions are worth resuming. */
const MAX_SESSIONS = 500

const selectSessions = statement<{ id: string; companyId: string }, z.input<typeof taskSessionView>>('agent_task_sessions').read(sql`
  select overlay(overlay(md5(s.agent_id::text || s.task_key) placing '8' from 13) placing '8' from 17)::uuid as id, s.company_id as "companyId", s.agent_id as "agentId", s.adapter_type as "adapterType",
    s.task_key as "taskKey", s.session_id as "sessionId", s.session_id as "sessionDisplayId", null::jsonb as "sessionParamsJson",
    r.id as "lastRunId", r.error as "lastError", s.created_at as "createdAt", s.updated_at as "updatedAt"
  from ${taskSessions} s left join ${runs} r on r.id = s.last_run_id
  where s.agent_id = ${param('id')} and s.company_id = ${param('companyId')} order by s.updated_at desc, s.task_key limit ${sql.raw(String(MAX_SESSIONS))}`)

/** The sessions that the next runs of an agent resume, newest first. @throws Refusal `not_found` */
export async function listTaskSessions(ctx: Ctx, agentId: string): Promise<z.input<typeof taskSessionView>[]> {
  const companyId = companyOf(ctx)
  const [agent, sessions] = await Promise.all([
    agentById(ctx.store.read, companyId, agentId),
    ctx.store.read.run(selectSessions, { id: agentId, companyId }),
  ])
  return agent === null ? refuse('not_found', { message: 'Agent not found' }) : sessions
}

/**
 * Deletes the sessions that an agent would resume, so that its next runs start fresh ones. A running run keeps its
 * session and may store it again at its end.
 * @param taskKey the task whose session is deleted; null deletes all
 * @throws Refusal `not_found`
 */
export async function resetSessions(ctx: Ctx, agentId: string, taskKey: string | null): Promise<z.input<typeof resetSessionView>> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockAgent(tx, companyId, agentId)
    const clearedTaskSessions = await clearSessions(tx, companyId, agentId, taskKey)
    const row = exactlyOne(await tx.run(selectRuntimeState, { id: agentId, companyId }))
    return changed({ ...row, clearedTaskSessions }, sessionsReset(agentId, { taskKey, clearedTaskSessions }, { agentId }))
  })
}
