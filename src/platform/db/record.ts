import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { actingRunIdOf, actorColumns } from '../kernel/actor.ts'
import { invariant } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import type { Instant } from '../kernel/time.ts'
import { runOn } from './driver/client.ts'
import type { Connection } from './driver/client.ts'
import type { ActivityRow, Ctx } from './types.ts'
import { activityLog } from './tables.ts'
import { param, statement } from './statement.ts'

/** The columns of an audit row that Postgres sets. */
export interface Stamp {
  readonly seq: number
  readonly createdAt: Instant
}

/** An audit row that is ready to be written. */
export type DraftRow = Omit<ActivityRow, 'seq' | 'createdAt'> & { readonly requestId: string | null }

// Nearly every change is one event. As parameters its row costs a quarter less than taken out of JSON, by a function that makes a table.
const insertOneActivity = statement<Readonly<Record<keyof DraftRow, string | null>>, Stamp>('record_one_activity').write(sql`
  insert into ${activityLog}
    (id, company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details, request_id)
  values (${param('id')}, ${param('companyId')}, ${param('actorType')}, ${param('actorId')}, ${param('action')}, ${param('entityType')},
    ${param('entityId')}, ${param('agentId')}, ${param('runId')}, ${param('details')}, ${param('requestId')})
  returning seq, created_at as "createdAt"`)

// One parameter has any number of events, so the statement keeps its name and its plan.
const insertActivity = statement<{ rows: string }, Stamp>('record_activity').write(sql`
  insert into ${activityLog}
    (id, company_id, actor_type, actor_id, action, entity_type, entity_id, agent_id, run_id, details, request_id)
  select id, "companyId", "actorType", "actorId", action, "entityType", "entityId", "agentId", "runId", details, "requestId"
  from jsonb_to_recordset(${param('rows', 'jsonb')}) as event (
    id uuid, "companyId" uuid, "actorType" text, "actorId" text, action text, "entityType" text, "entityId" text,
    "agentId" uuid, "runId" uuid, details jsonb, "requestId" text)
  returning seq, created_at as "createdAt"`)

/** The audit rows of a mutation, in the order of its events. */
export function draftAuditRows(ctx: Ctx, events: readonly DomainEvent[]): DraftRow[] {
  const actingAgent = ctx.actor.kind === 'agent' ? ctx.actor.agentId : null
  return events.map((event) => {
    const companyId = event.companyId ?? ctx.companyId
    invariant(companyId !== null, `event ${event.action} belongs to no company`)
    const { actorType, actorId } = actorColumns(event.actor ?? ctx.actor)
    return {
      id: randomUUID(),
      companyId,
      actorType,
      actorId,
      action: event.action,
      entityType: event.entityType,
      entityId: event.entityId,
      agentId: event.agentId ?? (event.actor === undefined ? actingAgent : null),
      runId: event.runId ?? (event.actor === undefined ? actingRunIdOf(ctx.actor) : null),
      details: event.details,
      requestId: ctx.requestId,
    }
  })
}

/** Completes drafts with the number and the time from Postgres, in the order of the drafts. */
export const withStamps = (drafts: readonly DraftRow[], stamps: readonly Stamp[]): ActivityRow[] =>
  drafts.map((draft, index) => {
    const stamp = stamps[index]
    invariant(stamp !== undefined, 'fewer audit rows than events')
    // Column by column: a copy of all but one is many times as slow, and every write makes one.
    return {
      id: draft.id,
      companyId: draft.companyId,
      actorType: draft.actorType,
      actorId: draft.actorId,
      action: draft.action,
      entityType: draft.entityType,
      entityId: draft.entityId,
      agentId: draft.agentId,
      runId: draft.runId,
      details: draft.details,
      seq: stamp.seq,
      createdAt: stamp.createdAt,
    }
  })

/** Writes audit rows in one statement. */
export async function insertAuditRows(connection: Connection, drafts: readonly DraftRow[]): Promise<ActivityRow[]> {
  const [draft] = drafts
  if (draft === undefined) return []
  const stamps =
    drafts.length === 1
      ? await runOn(connection, insertOneActivity, { ...draft, details: JSON.stringify(draft.details) })
      : await runOn(connection, insertActivity, { rows: JSON.stringify(drafts) })
  return withStamps(drafts, stamps)
}
