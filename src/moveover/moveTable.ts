import type { Columns, Fitted, SourceRow, SourceTable } from './columns.ts'
import { fit } from './fit.ts'
import type { Note } from './fit.ts'
import { levelsOf } from './levels.ts'
import { bring, skipKnown } from './move.ts'
import type { Move, Noun } from './move.ts'
import { countRows, pagesOf, readKeys, readRows } from './read.ts'
import type { RowKey } from './read.ts'

/** How a fitted row becomes a row of this server; null, with a note, for one that cannot. */
export type Shape<C extends Columns, T> = (row: Fitted<C>, note: Note, move: Move) => T | null

/** A table of the source and what becomes of its rows. */
export interface Movement<C extends Columns, T extends { readonly id: string }> {
  readonly table: SourceTable<C>
  readonly noun: Noun<T>
  readonly shape: Shape<C, T>
  /** Adds to the rows of a page what stands in other tables of the source. */
  readonly complete?: (rows: readonly T[], move: Move) => Promise<readonly T[]>
}

/** Receives the id of a row that is here. */
export type Arrived = (id: string) => void

/** Rows of a table whose ids, or keys, are kept in memory: 100 to 400 bytes for each. */
const MAX_KEPT_ROWS = 2_000_000

/** Fits and shapes rows of one page. Those that cannot come are counted and noted. */
function shaped<C extends Columns, T extends { readonly id: string }>(
  move: Move,
  { table, shape }: Movement<C, T>,
  rows: readonly SourceRow[],
): T[] {
  return rows.flatMap((row) => {
    const note: Note = (reason) => move.tally.note(table.name, reason, String(row['id']))
    const fitted = fit(table.columns, row, note)
    const made = fitted === null ? null : shape(fitted, note, move)
    if (made === null) move.tally.add(table.name, 'refused', 1)
    return made ?? []
  })
}

/** Brings the rows with these keys, page by page. @returns the ids of those that are here afterwards */
async function bringKeys<C extends Columns, T extends { readonly id: string }>(
  move: Move,
  movement: Movement<C, T>,
  keys: readonly RowKey[],
): Promise<string[]> {
  const { table, noun, complete } = movement
  const { pages, tooLong } = pagesOf(keys)
  for (const id of tooLong) move.tally.note(table.name, 'not brought: its texts are longer than any that this server takes', id)
  move.tally.add(table.name, 'refused', tooLong.length)
  const present: string[] = []
  for (const ids of pages) {
    move.pulse()
    const { missing, present: here } = await skipKnown(move, noun, ids)
    present.push(...here)
    if (missing.length === 0) continue
    const rows = shaped(move, movement, await readRows(move.source, table, move.companyId, missing))
    present.push(...(await bring(move, noun, complete === undefined ? rows : await complete(rows, move))))
  }
  return present
}

/**
 * Brings a table whose rows do not name each other.
 * @param arrived receives the ids of the rows that are here afterwards; only so many rows come then as can be kept in memory
 */
export async function moveTable<C extends Columns, T extends { readonly id: string }>(
  move: Move,
  movement: Movement<C, T>,
  arrived?: Arrived,
): Promise<void> {
  const { table } = movement
  move.tally.add(table.name, 'inSource', await countRows(move.source, table, move.companyId))
  let seen = 0
  for await (const keys of readKeys(move.source, table, move.companyId)) {
    seen += keys.length
    if (arrived !== undefined && seen > MAX_KEPT_ROWS) return move.tally.note(table.name, BEYOND, '')
    for (const id of await bringKeys(move, movement, keys)) arrived?.(id)
  }
}

const BEYOND = `not brought: rows beyond the first ${MAX_KEPT_ROWS}, or without a time`

/**
 * Brings a table whose rows name one above them, level by level: a row comes when the one above it is here.
 * @param parent the column of the row above
 * @param arrived receives the ids of the rows that are here afterwards; a shape asks there whether the row above came
 */
export async function moveTree<C extends Columns, T extends { readonly id: string }>(
  move: Move,
  movementOf: (cut: ReadonlyMap<string, string>) => Movement<C, T>,
  parent: string,
  arrived: Arrived,
): Promise<void> {
  const { table } = movementOf(new Map())
  const inSource = await countRows(move.source, table, move.companyId)
  move.tally.add(table.name, 'inSource', inSource)
  const keys = new Map<string, RowKey>()
  for await (const page of readKeys(move.source, table, move.companyId, parent))
    for (const key of page) if (keys.size < MAX_KEPT_ROWS) keys.set(key.id, key)
  if (inSource > keys.size) move.tally.note(table.name, BEYOND, '')
  const { levels, cut } = levelsOf([...keys.values()])
  const movement = movementOf(cut)
  for (const level of levels) {
    const present = await bringKeys(
      move,
      movement,
      level.flatMap((id) => keys.get(id) ?? []),
    )
    for (const id of present) arrived(id)
  }
}

/** A reference to a row that must be here; null, with a note, when it is not. */
export function found(ids: Pick<ReadonlySet<string>, 'has'>, id: string | null, what: string, note: Note): string | null {
  if (id === null || ids.has(id)) return id
  note(`${what} is left out: it is not here`)
  return null
}
