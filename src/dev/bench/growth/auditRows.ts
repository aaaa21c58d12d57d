import { randomUUID } from 'node:crypto'
import type { Connection } from '../../../platform/db/driver/client.ts'
import { canonicalRow, GENESIS, linkHash } from '../../../observe/audit/row.ts'
import type { StoredRow } from '../../../observe/audit/row.ts'
import { copyRows } from './copy.ts'
import type { CopyValue } from './copy.ts'
import { runAgent, spread, writtenAt } from './rows.ts'
import type { PlantIds, PlantPlan } from './rows.ts'

/** Audit rows of each issue. */
export const AUDIT_ROWS_PER_ISSUE = 5
/** Audit rows and their links that are planted at once, so that memory does not grow with the company. */
const ROWS_AT_ONCE = 100_000

const actions = ['issue.created', 'issue.updated', 'issue.comment_added', 'issue.checked_out', 'issue.released'] as const

/** Where the log and the chain of a company end. */
export interface LogEnd {
  readonly seq: number
  readonly ticket: number
  readonly position: number
  readonly hash: string
}

/** Reads where the log ends. @throws when a row of the log is not sealed yet: the planted rows could not follow it */
export async function readLogEnd(connection: Connection, companyId: string): Promise<LogEnd> {
  const { rows } = await connection.query<LogEnd & { unsealed: number }>(
    `select (select coalesce(max(seq), 0) from activity_log) as seq, (select last_value from event_tickets) as ticket,
       coalesce(head.position, 0) as position, coalesce(encode(head.hash, 'hex'), $2) as hash,
       (select count(*) from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq)) as unsealed
     from (select 1) once left join (
       select position, hash from activity_chain where company_id = $1 order by position desc limit 1) head on true`,
    [companyId, GENESIS],
  )
  const [end] = rows
  if (end === undefined || end.unsealed > 0) throw new Error(`${end?.unsealed ?? 'all'} audit rows are not sealed yet`)
  return end
}

/** The audit row with this index, as Postgres will have stored it. */
function auditRow(plan: PlantPlan, { issueIds, runIds }: PlantIds, index: number, of: number): Omit<StoredRow, 'seq' | 'txid'> {
  const byPerson = spread(index, 20, 50) === 0
  const runIndex = spread(index, 21, runIds.length)
  const agentId = byPerson ? null : runAgent(plan, runIndex)
  const issue = spread(index, 22, issueIds.length)
  return {
    id: randomUUID(),
    companyId: plan.companyId,
    actorType: byPerson ? 'user' : 'agent',
    actorId: agentId ?? plan.userId,
    action: actions[index % actions.length] ?? actions[0],
    entityType: 'issue',
    entityId: issueIds[issue] ?? '',
    agentId,
    runId: byPerson ? null : (runIds[runIndex] ?? null),
    details: `{"identifier": "${plan.prefix}-${issue + 1}"}`,
    requestId: null,
    // Postgres stores microseconds, and the text that is hashed has them.
    createdAt: new Date(writtenAt(plan, index, of)).toISOString().replace('Z', '000Z'),
  }
}

/** A part of the log with its links. */
interface Batch {
  readonly log: CopyValue[][]
  readonly chain: CopyValue[][]
  readonly end: LogEnd
}

/** Builds rows of the log, and seals them as the server would: by its own text of a row and its own hash. */
function buildBatch(plan: PlantPlan, ids: PlantIds, before: LogEnd, range: { from: number; to: number; of: number }): Batch {
  const batch: Batch = { log: [], chain: [], end: before }
  let { seq, ticket, position, hash } = before
  for (let index = range.from; index < range.to; index += 1) {
    seq += 1
    ticket += 1
    position += 1
    const row: StoredRow = { ...auditRow(plan, ids, index, range.of), seq: String(seq), txid: String(ticket) }
    hash = linkHash(hash, position, canonicalRow(row))
    batch.log.push([
      seq,
      row.id,
      row.companyId,
      row.actorType,
      row.actorId,
      row.action,
      row.entityType,
      row.entityId,
      row.agentId,
      row.runId,
      row.details,
      ticket,
      row.createdAt,
    ])
    batch.chain.push([row.companyId, position, ticket, seq, `\\x${hash}`])
  }
  return { ...batch, end: { seq, ticket, position, hash } }
}

const logColumns = 'seq id company_id actor_type actor_id action entity_type entity_id agent_id run_id details txid created_at'.split(' ')
const chainColumns = ['company_id', 'position', 'txid', 'seq', 'hash']

/**
 * Plants the audit log of the planted issues with its chain, behind what the company has, and moves the counters in front of it.
 * @param connection of a superuser; no server may work on the database meanwhile
 */
export async function plantAudit(connection: Connection, plan: PlantPlan, ids: PlantIds, before: LogEnd): Promise<void> {
  const of = plan.issues * AUDIT_ROWS_PER_ISSUE
  let end = before
  for (let from = 0; from < of; from += ROWS_AT_ONCE) {
    const batch = buildBatch(plan, ids, end, { from, to: Math.min(from + ROWS_AT_ONCE, of), of })
    await copyRows(connection, { table: 'activity_log', columns: logColumns, rows: batch.log })
    await copyRows(connection, { table: 'activity_chain', columns: chainColumns, rows: batch.chain })
    end = batch.end
  }
  await connection.query("select setval(pg_get_serial_sequence('activity_log', 'seq'), $1)", [end.seq])
  await connection.query('select raise_event_tickets()')
}
