import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { agentKeys, agents } from '../../model/agents.ts'
import { isQuarantined } from '../../model/agentStatus.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import { approvals } from '../../model/approvals.ts'
import { runs } from '../../model/runs.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { activityLog } from '../../platform/db/tables.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { instant } from '../../platform/kernel/time.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { activityView } from './views.ts'

/** Rows of each list. The list of activity with `agentId` and `since` goes on where this page ends. */
const MAX_ROWS = 200

export const quarantineQuery = z.object({ companyId: z.uuid().optional(), hours: z.coerce.number().int().min(1).max(720).default(24) })

const rowView = z.strictObject({ id: z.uuid(), createdAt: instant })

/** The last hours of an agent, and the end that its quarantine made. */
export const quarantineView = z.strictObject({
  agentId: z.uuid(),
  isQuarantined: z.boolean(),
  /** The last quarantine, also one that was ended; null when there was none. */
  quarantine: z
    .strictObject({
      at: instant,
      byUserId: z.string(),
      reason: z.string(),
      endedRunIds: z.array(z.string()),
      revokedKeyIds: z.array(z.string()),
      closedWakeIds: z.array(z.string()),
    })
    .nullable(),
  since: instant,
  changes: z.array(activityView),
  runs: z.array(
    rowView.extend({ status: z.string(), issueId: z.uuid().nullable(), finishedAt: instant.nullable(), errorCode: z.string().nullable() }),
  ),
  approvals: z.array(rowView.extend({ type: z.string(), status: z.string() })),
  keys: z.array(rowView.extend({ name: z.string(), revokedAt: instant.nullable() })),
  /** Hosts that the configuration of its adapter names. */
  hosts: z.array(z.string()),
})
type Report = z.input<typeof quarantineView>

interface Params {
  readonly agentId: string
  readonly companyId: string
  readonly since: Instant
}

interface AgentRow {
  readonly status: AgentStatus
  readonly pauseReason: string | null
  readonly adapterConfig: unknown
  readonly since: Instant
}

const selectAgent = statement<Pick<Params, 'agentId' | 'companyId'> & { hours: number }, AgentRow>('quarantine_agent').read(sql`
  select status, pause_reason as "pauseReason", adapter_config as "adapterConfig", now() - make_interval(hours => ${param('hours', 'int')}) as since from ${agents}
  where id = ${param('agentId')} and company_id = ${param('companyId')}`)

const limit = sql`limit ${sql.raw(String(MAX_ROWS))}`
const ofAgent = sql`company_id = ${param('companyId', 'uuid')} and agent_id = ${param('agentId', 'uuid')}`
const sinceThen = sql`created_at >= ${param('since', 'timestamptz')}`

const selectQuarantine = statement<Pick<Params, 'agentId' | 'companyId'>, Report['quarantine'] & object>('quarantine_last').read(sql`
  select created_at as at, actor_id as "byUserId", details ->> 'reason' as reason, details -> 'endedRunIds' as "endedRunIds",
    details -> 'revokedKeyIds' as "revokedKeyIds", details -> 'closedWakeIds' as "closedWakeIds"
  from ${activityLog} where ${ofAgent} and action = 'agent.quarantined' order by seq desc limit 1`)

const selectChanges = statement<Params, Report['changes'][number]>('quarantine_changes').read(sql`
  select id, seq, company_id as "companyId", actor_type as "actorType", actor_id as "actorId", action, entity_type as "entityType",
    entity_id as "entityId", agent_id as "agentId", run_id as "runId", details, created_at as "createdAt"
  from ${activityLog}
  where ${ofAgent} and actor_type = 'agent' and actor_id = ${param('agentId', 'text')} and ${sinceThen} order by seq desc ${limit}`)

const selectRuns = statement<Params, Report['runs'][number]>('quarantine_runs').read(sql`
  select id, created_at as "createdAt", status, issue_id as "issueId", finished_at as "finishedAt", error_code as "errorCode" from ${runs}
  where ${ofAgent} and ${sinceThen} order by created_at desc, id desc ${limit}`)

const selectApprovals = statement<Params, Report['approvals'][number]>('quarantine_approvals').read(sql`
  select id, created_at as "createdAt", type, status from ${approvals}
  where company_id = ${param('companyId', 'uuid')} and requested_by_agent_id = ${param('agentId', 'uuid')} and ${sinceThen}
  order by created_at desc, id desc ${limit}`)

const selectKeys = statement<Params, Report['keys'][number]>('quarantine_keys').read(sql`
  select id, created_at as "createdAt", name, revoked_at as "revokedAt" from ${agentKeys} where ${ofAgent} order by created_at desc, id desc ${limit}`)

/**
 * Reads what an agent changed, ran and asked for in its last hours, for a person who decides whether to release it.
 * @throws Refusal `not_found`
 */
export async function quarantineReport(ctx: Ctx, agentId: string, hours: number): Promise<Report> {
  const { read } = ctx.store
  const agentKey = { agentId, companyId: companyOf(ctx) }
  const [agent] = await read.run(selectAgent, { ...agentKey, hours })
  if (agent === undefined) refuse('not_found', { message: 'Agent not found' })
  const { since } = agent
  const params: Params = { ...agentKey, since }
  const [[quarantine = null], changes, ranRuns, asked, keys] = await Promise.all([
    read.run(selectQuarantine, params),
    read.run(selectChanges, params),
    read.run(selectRuns, params),
    read.run(selectApprovals, params),
    read.run(selectKeys, params),
  ])
  const hosts = [...new Set(hostsIn(agent.adapterConfig))].toSorted()
  return { agentId, isQuarantined: isQuarantined(agent), quarantine, since, changes, runs: ranRuns, approvals: asked, keys, hosts }
}

/** The hosts of the addresses in a configuration. A body is at most 64 levels deep (`requireStorable`). */
function hostsIn(value: unknown): string[] {
  if (typeof value === 'string') return /^(?:https?|wss?):\/\//i.test(value) && URL.canParse(value) ? [new URL(value).host] : []
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(hostsIn) : []
}
