import { sql } from 'drizzle-orm'
import { activityLog } from '../platform/db/tables.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { DomainEvent, EntityType } from '../platform/kernel/event.ts'
import { redact } from '../platform/kernel/redact.ts'
import { createdColumn, idColumn, line, needed, orElse, recordOf, reference } from './columns.ts'
import type { Fitted, SourceTable } from './columns.ts'
import { historyMovedOver } from './events.ts'
import type { Move, Noun, Present } from './move.ts'
import { moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

/** The longest details of an entry, as JSON. Longer ones are texts that stand elsewhere. */
const MAX_DETAILS = 32_000
const word = (max: number) => line(max).regex(/^[\w.:@ -]*$/, 'Expected a word')

export const historyTable = {
  name: 'activity_log',
  columns: {
    id: idColumn,
    actorType: needed('text', 'actor_type', word(50)),
    actorId: needed('text', 'actor_id', line(200)),
    action: needed('text', 'action', word(200)),
    entityType: needed('text', 'entity_type', word(100)),
    entityId: needed('text', 'entity_id', line(200)),
    agentId: reference('agent_id'),
    runId: reference('run_id'),
    details: orElse('json', 'details', recordOf(MAX_DETAILS).nullable(), null),
    createdAt: createdColumn,
  },
} as const satisfies SourceTable
type Entry = Fitted<(typeof historyTable)['columns']>

/** Where entries about something that is here are found beside it. An entry about anything else stands at the company. */
const placesOf = (present: Present): Readonly<Partial<Record<string, readonly [EntityType, { has(id: string): boolean }]>>> => ({
  issue: ['issue', present.issues],
  agent: ['agent', present.agents],
  project: ['project', present.projects],
  goal: ['goal', present.goals],
  approval: ['approval', present.approvals],
  label: ['label', present.labels],
})

/** The audit row of an entry: it says that it came, and in its details what the source says. */
function eventOf({ id, createdAt, details, agentId, runId, ...entry }: Entry, { companyId, present }: Move): DomainEvent {
  const place = placesOf(present)[entry.entityType]
  const isHere = place?.[1].has(entry.entityId) === true
  const row = historyMovedOver(
    isHere ? entry.entityId : companyId,
    { ...entry, originalId: id, at: createdAt, details: redact(details) },
    { agentId: agentId !== null && present.agents.has(agentId) ? agentId : null, runId },
  )
  return isHere && place !== undefined ? { ...row, entityType: place[0] } : row
}

// The entries of a page are about few things, whose audit rows are found by the index of what they are about.
const selectKnown = statement<{ ids: string[]; entityIds: string[]; companyId: string }, { id: string }>('moveover_known_history').read(sql`
  select distinct details ->> 'originalId' as id from ${activityLog}
  where entity_id = any(${param('entityIds', 'text[]')}) and company_id = ${param('companyId', 'uuid')}
    and action = ${sql.raw(`'${historyMovedOver.action}'`)} and details ->> 'originalId' = any(${param('ids', 'text[]')})`)

interface HistoryRow {
  readonly id: string
  readonly event: DomainEvent
}

const historyNoun: Noun<HistoryRow> = {
  name: 'activity_log',
  async knownByRow(db, rows, { companyId }) {
    const entityIds = [...new Set(rows.map(({ event }) => event.entityId))]
    const here = await db.run(selectKnown, { ids: rows.map(({ id }) => id), entityIds, companyId })
    return here.map(({ id }) => ({ id, isOwn: true }))
  },
  write: async (_tx, rows) => rows.map(({ event }) => event),
}

const movement: Movement<(typeof historyTable)['columns'], HistoryRow> = {
  table: historyTable,
  noun: historyNoun,
  shape: (row, _note, move) => ({ id: row.id, event: eventOf(row, move) }),
}

/**
 * Brings the activity of the source as audit rows of their own kind, oldest first. The chain then vouches for what came and when it came,
 * and for nothing that the source says in it.
 */
export const moveHistory = async (move: Move): Promise<void> => await moveTable(move, movement)
