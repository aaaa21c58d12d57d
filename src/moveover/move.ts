// The move of one company: what every table needs for it, and the one way in which rows of a table are brought.

import { sql } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import { lockCompany } from '../org/companies/index.ts'
import { codeOf } from '../platform/db/databaseErrors.ts'
import { isCompanyDeleted } from '../model/deletions.ts'
import { changed, mutate, unchanged } from '../platform/db/mutate.ts'
import { param, statement } from '../platform/db/statement.ts'
import { activityLog } from '../platform/db/tables.ts'
import type { Ctx, ReadDb, Store, Tx } from '../platform/db/types.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { DomainEvent } from '../platform/kernel/event.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { rowsMovedOver } from './events.ts'
import { PAGE_ROWS } from './read.ts'
import type { SourceConnection, SourcePlace } from './source.ts'
import type { Tally } from './tally.ts'

/** The rows of a company that are here, so that later rows may name them. Nothing that another company owns is ever in it. */
export interface Present {
  readonly agents: Set<string>
  readonly goals: Set<string>
  readonly projects: Set<string>
  readonly workspaces: Set<string>
  readonly issues: Set<string>
  readonly approvals: Set<string>
  readonly documents: Set<string>
  /** By the id in the source, the id here: a label whose name is taken is the label of that name. */
  readonly labels: Map<string, string>
}

/** The move of one company. */
export interface Move {
  readonly source: SourceConnection
  readonly place: SourcePlace
  readonly store: Store
  /** The command as the actor, in the company. */
  readonly ctx: Ctx
  readonly companyId: string
  readonly issuePrefix: string
  readonly tally: Tally
  /** False shows what would come and writes nothing. */
  readonly isApplied: boolean
  readonly present: Present
  /** Called between batches. It may throw to end the move: what is committed stays, and the next move goes on behind it. */
  readonly pulse: () => void
}

/** A row that is here already, and whether it is of this company. */
export interface KnownRow {
  readonly id: string
  readonly isOwn: boolean
  /** Its deletion here has begun, and what names it is deleted with it. */
  readonly isBeingDeleted?: boolean
}

/** Looks which rows of a page are here already. */
export type FindKnown<T> = (db: Pick<ReadDb, 'run'>, rows: readonly T[], move: Move) => Promise<readonly KnownRow[]>

const noneKnown = async (): Promise<readonly KnownRow[]> => []

/** Declares the look-up of rows by their ids. */
export function knownIn(
  name: string,
  table: PgTable & { readonly id: PgColumn; readonly companyId: PgColumn },
): FindKnown<{ readonly id: string }> {
  const select = statement<{ ids: string[]; companyId: string }, KnownRow>(`moveover_known_${name}`).read(sql`
    select ${table.id}::text as id, ${table.companyId} = ${param('companyId', 'uuid')} as "isOwn" from ${table}
    where ${table.id} = any(${param('ids', 'uuid[]')})`)
  return (db, rows, { companyId }) => db.run(select, { ids: rows.map(({ id }) => id), companyId })
}

/** How this server records the deletion of rows of a table. */
export interface Deletion<T> {
  readonly actions: readonly string[]
  /** Given where the audit row is about what the row belonged to: whose id that is, and under which key of the details the id of the row stands. */
  readonly part?: { readonly ownerId: (row: T) => string; readonly key: string }
}

/** How rows of one table come. */
export interface Noun<T extends { readonly id: string }> {
  /** The table in the source. */
  readonly name: string
  /** Looks for rows by their ids alone, so that those that are here are not read again. */
  readonly knownById?: FindKnown<{ readonly id: string }>
  /** Looks for rows by more than their ids, in the place of `knownById`. */
  readonly knownByRow?: FindKnown<T>
  /** Rows of one transaction, where each of them is more work than usual. */
  readonly batchRows?: number
  /** Rows come in one transaction only where this answers the same for them. */
  readonly batchOf?: (row: T) => string
  /** The audit row of a deletion: what was deleted here since an earlier move does not come again. */
  readonly deletedBy?: Deletion<T>
  /** Further rows that are in the way, by the id of the row, as a reason. Called again behind the lock of the company. */
  readonly clashes?: (db: Pick<ReadDb, 'run'>, rows: readonly T[], move: Move) => Promise<ReadonlyMap<string, string>>
  /** (tx) Writes rows that are new. @returns further events */
  readonly write: (tx: Tx, rows: readonly T[], move: Move) => Promise<readonly DomainEvent[]>
}

/** Deletions here are kept: the source still has what was deleted, and a repeat does not bring it back. */
export const DELETED_HERE = 'it was deleted here after an earlier move'
/** For what is deleted in several transactions, of which the last has not been made yet. */
export const BEING_DELETED = 'it is being deleted here'

/** Of these things of a company, those whose deletion this server has recorded under one of the actions. */
export const selectDeleted = statement<{ ids: string[]; companyId: string; actions: string[] }, { id: string }>('moveover_deleted')
  .read(sql`
  select distinct entity_id as id from ${activityLog} where entity_id = any(${param('ids', 'text[]')}) and action = any(${param('actions', 'text[]')})
    and company_id = ${param('companyId', 'uuid')}`)

// The audit row is about what the thing belonged to, by whose id it is found, and names the thing in its details.
const selectDeletedParts = statement<
  { ids: string[]; ownerIds: string[]; companyId: string; actions: string[]; key: string },
  { id: string }
>('moveover_deleted_parts').read(sql`
  select distinct details ->> ${param('key', 'text')} as id from ${activityLog}
  where entity_id = any(${param('ownerIds', 'text[]')}) and action = any(${param('actions', 'text[]')})
    and company_id = ${param('companyId', 'uuid')} and details ->> ${param('key', 'text')} = any(${param('ids', 'text[]')})`)

const selectIsBeingDeleted = statement<{ companyId: string }, { isBeingDeleted: boolean }>('moveover_company_deleted').read(
  sql`select ${isCompanyDeleted(param('companyId', 'uuid'))} as "isBeingDeleted"`,
)

/** Of rows that are not here, those that were deleted here. */
async function findDeleted<T extends { readonly id: string }>(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  deletion: Deletion<T> | undefined,
  rows: readonly T[],
): Promise<readonly { readonly id: string }[]> {
  if (deletion === undefined || rows.length === 0) return []
  const [ids, { actions, part }] = [rows.map(({ id }) => id), deletion]
  if (part === undefined) return await db.run(selectDeleted, { ids, companyId, actions: [...actions] })
  const ownerIds = [...new Set(rows.map((row) => part.ownerId(row)))]
  return await db.run(selectDeletedParts, { ids, ownerIds, companyId, actions: [...actions], key: part.key })
}

interface Sorted<T> {
  readonly fresh: readonly T[]
  /** Ids of rows that are here already and of this company. */
  readonly own: readonly string[]
  readonly refused: ReadonlyMap<string, string>
}

/** Divides rows into those that are here, by one statement, and all others. */
async function sortKnown<T extends { readonly id: string }>(
  db: Pick<ReadDb, 'run'>,
  move: Move,
  noun: Pick<Noun<T>, 'knownById' | 'knownByRow'>,
  rows: readonly T[],
): Promise<Sorted<T>> {
  const own: string[] = []
  const refused = new Map<string, string>()
  const here = new Set<string>()
  for (const { id, isOwn, isBeingDeleted } of await (noun.knownById ?? noun.knownByRow ?? noneKnown)(db, rows, move)) {
    here.add(id)
    if (!isOwn) refused.set(id, 'not brought: another company here has a row with this id')
    else if (isBeingDeleted === true) refused.set(id, `not brought: ${BEING_DELETED}`)
    else own.push(id)
  }
  return { fresh: rows.filter(({ id }) => !here.has(id)), own, refused }
}

/**
 * Divides rows into those that are new, those that are here and those that cannot come. It asks several times, so what it refuses is true only where
 * nothing else writes meanwhile: behind the lock of the company, or for a move that is only looked at.
 */
async function sort<T extends { readonly id: string }>(
  db: Pick<ReadDb, 'run'>,
  move: Move,
  noun: Omit<Noun<T>, 'write'>,
  rows: readonly T[],
): Promise<Sorted<T>> {
  const { companyId } = move
  const { fresh: missing, own, refused: known } = await sortKnown(db, move, noun, rows)
  const refused = new Map(known)
  for (const { id } of await findDeleted(db, companyId, noun.deletedBy, missing)) refused.set(id, `not brought: ${DELETED_HERE}`)
  const left = missing.filter(({ id }) => !refused.has(id))
  for (const [id, reason] of (await noun.clashes?.(db, left, move)) ?? []) refused.set(id, reason)
  return { fresh: left.filter(({ id }) => !refused.has(id)), own, refused }
}

const sourceOf = ({ place: { release, host, database } }: Move) => ({ release, host, database })

/** Writes rows in one transaction, behind the lock of the company: of two moves at once, the second finds the rows of the first. */
const writeOnce = async <T extends { readonly id: string }>(move: Move, noun: Noun<T>, rows: readonly T[]): Promise<Sorted<T>> =>
  await mutate(move.ctx, async (tx) => {
    await lockCompany(tx, move.companyId)
    const [company] = await tx.run(selectIsBeingDeleted, { companyId: move.companyId })
    if (company?.isBeingDeleted === true)
      throw startProblem(`The company ${move.issuePrefix} is being deleted here, so nothing more of it comes`)
    const sorted = await sort(tx, move, noun, rows)
    const [first] = sorted.fresh
    if (first === undefined) return unchanged(sorted)
    const events = await noun.write(tx, sorted.fresh, move)
    const lastId = sorted.fresh.at(-1)?.id ?? first.id
    const batch = { table: noun.name, rows: sorted.fresh.length, firstId: first.id, lastId, source: sourceOf(move) }
    return changed(sorted, rowsMovedOver(move.companyId, batch), ...events)
  })

/** Failures by which Postgres or a rule refuses the values of a row: data exceptions (22), broken constraints (23), and refusals of this server. */
function refusalBecause(error: unknown): string | null {
  if (error instanceof Refusal) return error.code === 'unavailable' ? null : `not brought: ${error.code}`
  const code = codeOf(error)
  return code !== undefined && /^2[23]/.test(code) ? `not brought: the database refuses it (${code})` : null
}

/** Writes rows. A batch that is refused is divided until the row that is refused stands alone. */
async function write<T extends { readonly id: string }>(move: Move, noun: Noun<T>, rows: readonly T[]): Promise<Sorted<T>[]> {
  try {
    return [await writeOnce(move, noun, rows)]
  } catch (error) {
    const because = refusalBecause(error)
    const [first] = rows
    if (because === null || first === undefined) throw error
    if (rows.length === 1) return [{ fresh: [], own: [], refused: new Map([[first.id, because]]) }]
    const half = Math.ceil(rows.length / 2)
    return [...(await write(move, noun, rows.slice(0, half))), ...(await write(move, noun, rows.slice(half)))]
  }
}

/** Counts rows. @returns the ids of those that are here */
function counted(tally: Tally, name: string, { fresh, own, refused }: Sorted<{ readonly id: string }>): string[] {
  tally.add(name, 'brought', fresh.length)
  tally.add(name, 'known', own.length)
  tally.add(name, 'refused', refused.size)
  for (const [id, reason] of refused) tally.note(name, reason, id)
  return [...own, ...fresh.map(({ id }) => id)]
}

/** Divides the ids of rows before the rows are read. Those that are here are counted. */
export async function skipKnown(
  move: Move,
  { name, knownById }: Pick<Noun<never>, 'name' | 'knownById'>,
  ids: readonly string[],
): Promise<{ readonly missing: readonly string[]; readonly present: readonly string[] }> {
  if (knownById === undefined) return { missing: ids, present: [] }
  const sorted = await sortKnown(
    move.store.read,
    move,
    { knownById },
    ids.map((id) => ({ id })),
  )
  return { missing: sorted.fresh.map(({ id }) => id), present: counted(move.tally, name, { ...sorted, fresh: [] }) }
}

/** Divides rows into those of one transaction each. */
function batchesOf<T extends { readonly id: string }>({ batchRows = PAGE_ROWS, batchOf = () => '' }: Noun<T>, rows: readonly T[]): T[][] {
  const batches: T[][] = []
  const open = new Map<string, T[]>()
  for (const row of rows) {
    const kind = batchOf(row)
    const batch = open.get(kind)
    if (batch !== undefined && batch.length < batchRows) batch.push(row)
    else {
      const begun = [row]
      open.set(kind, begun)
      batches.push(begun)
    }
  }
  return batches
}

/**
 * Brings rows of one table: those that are new are written in one transaction with its audit row, or counted where nothing is applied. A repeat finds them
 * here and writes nothing.
 * @param rows of one page
 * @returns the ids of the rows that are here afterwards
 */
export async function bring<T extends { readonly id: string }>(move: Move, noun: Noun<T>, rows: readonly T[]): Promise<readonly string[]> {
  move.pulse()
  if (rows.length === 0) return []
  const { tally } = move
  const present: string[] = []
  for (const page of batchesOf(noun, rows)) {
    // Another move may write between two reads, so what refuses a row is looked at behind the lock, where one is taken.
    const before = await (move.isApplied ? sortKnown : sort)(move.store.read, move, noun, page)
    const written =
      move.isApplied && before.fresh.length > 0
        ? await write(move, noun, before.fresh)
        : [{ ...before, own: [], refused: new Map<string, string>() }]
    for (const each of [{ ...before, fresh: [] }, ...written]) present.push(...counted(tally, noun.name, each))
  }
  return present
}
