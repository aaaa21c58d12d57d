import type { Pool } from '../../platform/db/driver/client.ts'
import type { AuditRow, Holder, OrphanHold } from '../protocol.ts'

/** Issues whose columns name a run that is not live. In a server whose tasks have run there are none. */
export async function findOrphanHolds(sql: Pool): Promise<OrphanHold[]> {
  const { rows } = await sql.query<OrphanHold>(`
    select i.id as "issueId", i.identifier, r.id as "runId",
      case when r.status in ('queued', 'running') then 'expired' else 'ended' end as because
    from issues i join heartbeat_runs r on r.id in (i.checkout_run_id, i.execution_run_id)
    where r.status not in ('queued', 'running') or r.lease_expires_at <= now()
    order by i.identifier, r.id`)
  return rows
}

/** More than a test looks at. */
const MAX_AUDITS = 1000

/** The audit rows of a thing, oldest first; the first thousand. */
export async function findAudits(sql: Pool, entityId: string): Promise<AuditRow[]> {
  const { rows } = await sql.query<AuditRow>(
    `select action, actor_type as "actorType", actor_id as "actorId", agent_id as "agentId", run_id as "runId", details, created_at as "createdAt"
     from activity_log where entity_id = $1 order by seq limit $2`,
    [entityId, MAX_AUDITS],
  )
  return rows
}

/** The holder of an issue; null when no run holds it. @throws Error when there is no such issue */
export async function findHolder(sql: Pool, issueId: string): Promise<Holder | null> {
  const { rows } = await sql.query<{ runId: string | null; agentId: string | null; isLive: boolean | null }>(
    `select r.id as "runId", r.agent_id as "agentId", r.status in ('queued', 'running') and r.lease_expires_at > now() as "isLive"
     from issues i left join heartbeat_runs r on r.id = coalesce(i.checkout_run_id, i.execution_run_id) where i.id = $1`,
    [issueId],
  )
  const [row] = rows
  if (row === undefined) throw new Error(`There is no issue ${issueId}`)
  return row.runId === null || row.agentId === null ? null : { runId: row.runId, agentId: row.agentId, isLive: row.isLive === true }
}
