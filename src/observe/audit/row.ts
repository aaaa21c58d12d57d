import { hash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { activityLog } from '../../platform/db/tables.ts'

/** An audit row as text: the values that Postgres has stored, not the values that a driver parses from them. */
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

// The instant in a fixed form, because the result of `::text` depends on settings. Years without an ISO form can only be
// written by tampering. For those the seconds since the epoch are used, so that no two instants have the same text.
const exactInstant = sql`case when created_at >= '0001-01-01T00:00:00Z' and created_at < '10000-01-01T00:00:00Z'
  then to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else extract(epoch from created_at)::text end`

/**
 * Selects a `StoredRow`. Every column of `activity_log` is named here by hand: a column that is added later must not change
 * the bytes of rows that were sealed before it, so it joins the text only where it is not null.
 */
export const storedColumns = sql`
  ${activityLog.seq}::text as seq, ${activityLog.id}, ${activityLog.companyId} as "companyId", actor_type as "actorType",
  actor_id as "actorId", action, entity_type as "entityType", entity_id as "entityId", agent_id as "agentId", run_id as "runId",
  details::text as details, request_id as "requestId", ${activityLog.txid}::text as txid, ${exactInstant} as "createdAt"`

/** Matches the strings of JSON text and the spaces between its tokens. */
const stringsAndSpaces = /"(?:[^"\\]|\\.)*"|\s+/g

/**
 * Removes from the text of a jsonb value the spaces and escapes that a version of Postgres may choose freely. The order of
 * keys and the digits of numbers are part of the stored value and stay. The text is not parsed, because a number may not
 * fit into a JavaScript number.
 */
const canonicalJson = (text: string): string =>
  text.replace(stringsAndSpaces, (token) => {
    if (token[0] !== '"') return ''
    return token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token
  })

/** Returns the text of a row that is hashed and exported: a JSON object with its keys in this order. */
export function canonicalRow(row: StoredRow): string {
  const { seq, details } = row
  return (
    `{"seq":${seq},"id":${JSON.stringify(row.id)},"companyId":${JSON.stringify(row.companyId)}` +
    `,"actorType":${JSON.stringify(row.actorType)},"actorId":${JSON.stringify(row.actorId)}` +
    `,"action":${JSON.stringify(row.action)},"entityType":${JSON.stringify(row.entityType)}` +
    `,"entityId":${JSON.stringify(row.entityId)},"agentId":${JSON.stringify(row.agentId)},"runId":${JSON.stringify(row.runId)}` +
    `,"details":${details === null ? 'null' : canonicalJson(details)},"requestId":${JSON.stringify(row.requestId)}` +
    `,"txid":${JSON.stringify(row.txid)},"createdAt":${JSON.stringify(row.createdAt)}}`
  )
}

/** The hash before the first row of a chain. */
export const GENESIS = '0'.repeat(64)

/**
 * Computes the hash of a row at its position, over the hash before it, the position and the text. The company is part of
 * the text, so a row fits into one chain only.
 *
 * @returns 64 hex digits
 */
export const linkHash = (previous: string, position: number, text: string): string =>
  hash('sha256', `paperclip-activity-1\n${previous}\n${position}\n${text}`)
