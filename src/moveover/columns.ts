// How a table of the source is declared: the columns that are read, and what each must be. Nothing else of the source is read.

import { z } from 'zod'

/** How a column is read. The source's own type must fit (`typesOf`), or its schema is refused. */
export type Kind = 'uuid' | 'text' | 'int' | 'bool' | 'time' | 'day' | 'json'

/** The types of Postgres that a kind may have in the source. */
export const typesOf: Readonly<Record<Kind, readonly string[]>> = {
  uuid: ['uuid'],
  text: ['text', 'varchar', 'uuid'],
  int: ['int2', 'int4', 'int8'],
  bool: ['bool'],
  time: ['timestamptz'],
  day: ['date', 'timestamptz', 'text'],
  json: ['jsonb'],
}

/** A column of the source. Its text is hostile until the schema has accepted it. */
export interface Column<S extends z.ZodType = z.ZodType> {
  /** Its name, behind the alias of a joined table and a dot where it is not one of the table itself. */
  readonly column: string
  readonly kind: Kind
  readonly schema: S
  /** The value of a column that does not fit. Without one the whole row is refused. */
  readonly fallback?: { readonly value: z.output<S> }
  /** Older releases that are known do not have it. It is null then. */
  readonly isNewer?: true
}

export type Columns = Readonly<Record<string, Column>>

/** A row of the source whose columns fit. */
export type Fitted<C extends Columns> = { readonly [K in keyof C]: z.output<C[K]['schema']> }

/** A row as it was read. JSON is text still. */
export type SourceRow = Readonly<Record<string, unknown>>

/** A column without which its row is refused. */
export const needed = <S extends z.ZodType>(kind: Kind, column: string, schema: S): Column<S> => ({ column, kind, schema })

/** A column whose value is replaced, and reported, when it does not fit. */
export const orElse = <S extends z.ZodType>(kind: Kind, column: string, schema: S, value: z.output<S>): Column<S> => ({
  column,
  kind,
  schema,
  fallback: { value },
})

/** A table of the source that belongs to companies. */
export interface SourceTable<C extends Columns = Columns> {
  readonly name: string
  /** Further tables that are read with it, by their aliases, with the condition of the join. The table itself is `t`. */
  readonly joins?: Readonly<Record<string, { readonly table: string; readonly on: string }>>
  readonly columns: C
}

const FIRST = Date.parse('1970-01-01T00:00:00Z')
const LAST = Date.parse('2999-12-31T23:59:59Z')

export const id = z.uuid().transform((value) => value.toLowerCase())
/** An instant of years that every clock and every column can hold. */
export const time = z.iso.datetime({ offset: true }).refine((text) => Date.parse(text) >= FIRST && Date.parse(text) <= LAST, {
  error: 'Expected an instant of the years 1970 to 2999',
})
export const record = z.record(z.string(), z.unknown())
/** A record that is at most so many characters long as JSON. */
export const recordOf = (max: number) =>
  record.refine((value) => JSON.stringify(value).length <= max, { error: `is longer than ${max} characters as JSON` })
/** The largest `integer` of Postgres. */
export const INT_MAX = 2_147_483_647
export const count = z.int().min(0).max(INT_MAX)
export const line = (max: number) => z.string().min(1).max(max)

/** The columns that nearly every table has. */
export const idColumn = needed('uuid', 'id', id)
export const createdColumn = needed('time', 'created_at', time)
export const updatedColumn = needed('time', 'updated_at', time)
/** An optional reference. The caller looks up the row that it names. */
export const reference = (column: string) => orElse('uuid', column, id.nullable(), null)
/** The id of a person. */
export const person = (column: string) => orElse('text', column, line(200).nullable(), null)
