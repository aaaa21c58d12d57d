import { hash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { activityLog } from '../../platform/db/tables.ts'

/** An audit row as text: what Postgres has stored, not what a driver makes of it. */
export interface StoredRow {
  readonly seq: string
  readonly id: string
  readonly companyId: string
  readonly actorType: string
  readonly actorId: string
  readonly action: string
  readonly entityType: string
  readonly entityId: string
  readonly agentId: string | null
  readonly runId: string | null
  readonly details: string | null
  readonly requestId: string | null
  readonly txid: string
  readonly createdAt: string
}

// An instant in a form of our own, because what `::text` gives depends on settings. Outside the years that have an ISO
// form (which only tampering can write) the seconds since the epoch stand in, so that no two instants look the same.
const exactInstant = sql`case when created_at >= '0001-01-01T00:00:00Z' and created_at < '10000-01-01T00:00:00Z'
  then to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else extract(epoch from created_at)::text end`

/**
 * Selects a `StoredRow`, every column of `activity_log` named here by hand: a column that is added later must not change
 * the bytes of rows sealed before it, so it joins the text only where it is not null.
 */
export const storedColumns = sql`
  ${activityLog.seq}::text as seq, ${activityLog.id}, ${activityLog.companyId} as "companyId", actor_type as "actorType",
  actor_id as "actorId", action, entity_type as "entityType", entity_id as "entityId", agent_id as "agentId", run_id as "runId",
  details::text as details, request_id as "requestId", ${activityLog.txid}::text as txid, ${exactInstant} as "createdAt"`

/** Strings of JSON text, and the spaces between its tokens. */
const stringsAndSpaces = /"(?:[^"\\]|\\.)*"|\s+/g

/**
 * The text of a jsonb value without what is Postgres's choice of the day: its spaces and its escapes. The order of keys
 * and the digits of numbers are part of the stored value. Not parsed: a number may not fit into one of ours.
 */
const canonicalJson = (text: string): string =>
  text.replace(stringsAndSpaces, (token) => {
    if (token[0] !== '"') return ''
    return token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token
  })

/** A row as the one text that is hashed and exported: a JSON object with its keys in this order. */
export function canonicalRow(row: StoredRow): string {
  const { seq, details, ...texts } = row
  return (
    `{"seq":${seq},"id":${JSON.stringify(texts.id)},"companyId":${JSON.stringify(texts.companyId)}` +
    `,"actorType":${JSON.stringify(texts.actorType)},"actorId":${JSON.stringify(texts.actorId)}` +
    `,"action":${JSON.stringify(texts.action)},"entityType":${JSON.stringify(texts.entityType)}` +
    `,"entityId":${JSON.stringify(texts.entityId)},"agentId":${JSON.stringify(texts.agentId)},"runId":${JSON.stringify(texts.runId)}` +
    `,"details":${details === null ? 'null' : canonicalJson(details)},"requestId":${JSON.stringify(texts.requestId)}` +
    `,"txid":${JSON.stringify(texts.txid)},"createdAt":${JSON.stringify(texts.createdAt)}}`
  )
}

/** What the first row of a chain is linked to. */
export const GENESIS = '0'.repeat(64)

/**
 * The hash of a row at its place: over the hash before it, its position and its text. The company is part of the text, so
 * a row fits into one chain only.
 *
 * @returns 64 hex digits
 */
export const linkHash = (previous: string, position: number, text: string): string =>
  hash('sha256', `paperclip-activity-1\n${previous}\n${position}\n${text}`)
