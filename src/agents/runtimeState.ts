import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import { runs } from '../db/schema/runs.ts'
import { wakeSkips } from '../db/schema/wakes.ts'
import { param, statement } from '../db/statement.ts'
import { notFound } from '../kernel/errors.ts'
import type { runtimeStateView } from './views.ts'

// What a run reported is its own word, so only whole numbers of a sane size are added up.
const total = (name: string) => sql`coalesce((select sum(case when jsonb_typeof(t.usage_json->${sql.raw(`'${name}'`)}) = 'number'
    then least(greatest((t.usage_json->>${sql.raw(`'${name}'`)})::numeric, 0), 1e12) else 0 end)::bigint
  from ${runs} t where t.agent_id = a.id), 0)`

const state = statement<{ id: string; companyId: string }, z.input<typeof runtimeStateView>>('agent_runtime_state').read(sql`
  select a.id as "agentId", a.company_id as "companyId", a.adapter_type as "adapterType", r.session_id_after as "sessionId",
    jsonb_build_object('skippedWakes', coalesce(
      (select jsonb_object_agg(s.reason, s.count) from ${wakeSkips} s where s.agent_id = a.id), '{}'::jsonb)) as "stateJson",
    r.id as "lastRunId", r.status as "lastRunStatus", ${total('inputTokens')} as "totalInputTokens",
    ${total('outputTokens')} as "totalOutputTokens", ${total('cachedInputTokens')} as "totalCachedInputTokens",
    a.spent_monthly_cents as "totalCostCents", r.error as "lastError", a.created_at as "createdAt",
    greatest(a.updated_at, r.updated_at) as "updatedAt", r.session_id_after as "sessionDisplayId", null::jsonb as "sessionParamsJson"
  from ${agents} a left join lateral (
    select * from ${runs} l where l.agent_id = a.id order by l.created_at desc, l.id desc limit 1) r on true
  where a.id = ${param('id')} and a.company_id = ${param('companyId')}`)

/** What the runs of an agent have left behind: the latest of them and what all have used. @throws Refusal `not_found` */
export async function readRuntimeState(ctx: Ctx, agentId: string) {
  const [row] = await ctx.store.read.run(state, { id: agentId, companyId: companyOf(ctx) })
  if (row === undefined) throw notFound('Agent')
  return row
}
