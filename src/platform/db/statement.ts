import { getTableColumns, is, Placeholder, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { PgTable } from 'drizzle-orm/pg-core'
import { invariant } from '../kernel/errors.ts'

/**
 * The kinds of statements. `read` runs anywhere. `write` runs only inside `mutate`, which then requires an event.
 * `unaudited` (leases, times of last contact) runs outside of mutations, is not audited and decides nothing.
 */
export type StatementKind = 'read' | 'write' | 'unaudited'

/** A SQL statement with a name, so that every connection plans it once. */
export interface Statement<P, R, E extends StatementKind = StatementKind> {
  /** Undefined for a statement that is built at run time and planned on every use. */
  readonly name: string | undefined
  readonly kind: E
  readonly text: string
  /** The values in the order of `$1, $2, …`. */
  readonly values: (params: P) => unknown[]
  /** Its rows are `RawRow`s. */
  readonly isRaw: boolean
  /** Carries the row type only; never set. */
  readonly row?: R
}

const dialect = new PgDialect()
const statementsByName = new Map<string, { readonly text: string }>()

/** The texts of all named statements of the program, by name. */
export const statementTexts = (): ReadonlyMap<string, string> => new Map([...statementsByName].map(([name, { text }]) => [name, text]))

/**
 * Compiles a Drizzle template once, at its first use, into a named statement. Parameters are `param('name')` placeholders. The text does not
 * vary with their number (`= any(…)` and not `in (…)`), because one name must have one plan.
 *
 * Measured on two cores: a named statement through the driver 26k/s, an unnamed one from the query builder 14k/s.
 */
export function statement<P extends object, R>(name: string): { [E in StatementKind]: (template: SQL) => Statement<P, R, E> } {
  const compileAs =
    <E extends StatementKind>(kind: E) =>
    (template: SQL): Statement<P, R, E> => {
      invariant(!statementsByName.has(name), `two statements are named ${name}`)
      const compiledStatement = new LazyStatement<P, R, E>(name, kind, template)
      statementsByName.set(name, compiledStatement)
      return compiledStatement
    }
  return { read: compileAs('read'), write: compileAs('write'), unaudited: compileAs('unaudited') }
}

/** Postgres cuts longer names, and then two statements could have the same one. */
const MAX_NAME_BYTES = 63

/**
 * A statement whose template is compiled when it is first used: a program has hundreds of them, and a start uses a few. It is a class, because V8
 * gives each object with a getter of its own another shape, and then looks up slowly whatever is read from a statement.
 */
class LazyStatement<P extends object, R, E extends StatementKind> implements Statement<P, R, E> {
  readonly name: string | undefined
  readonly kind: E
  readonly isRaw: boolean
  declare readonly row?: R
  readonly #hasOnePlan: boolean
  /** In one field, so that the template is given back when it has been compiled. */
  #source: SQL | Compiled<P>

  constructor(name: string | undefined, kind: E, template: SQL, { hasOnePlan = false, isRaw = false } = {}) {
    invariant(name === undefined || Buffer.byteLength(name) <= MAX_NAME_BYTES, `the name of a statement is too long: ${name}`)
    this.name = name
    this.kind = kind
    this.isRaw = isRaw
    this.#source = template
    this.#hasOnePlan = hasOnePlan
  }

  get text(): string {
    return this.#compiled().text
  }

  readonly values = (params: P): unknown[] =>
    this.#compiled().slots.map(({ key, constant }) => (key === undefined ? constant : params[key]))

  #compiled(): Compiled<P> {
    const source = this.#source
    return 'slots' in source ? source : (this.#source = compile<P>(source, this.#hasOnePlan))
  }
}

/** A compiled template: its text, and where the value of each `$n` comes from. */
interface Compiled<P> {
  readonly text: string
  /** Each has the key of a parameter, or else a constant. */
  readonly slots: readonly { readonly key: keyof P | undefined; readonly constant: unknown }[]
}

function compile<P>(template: SQL, hasOnePlan: boolean): Compiled<P> {
  const query = dialect.sqlToQuery(template)
  const slots = query.params.map((value) =>
    is(value, Placeholder) ? { key: value.name as keyof P, constant: undefined } : { key: undefined, constant: value },
  )
  const text = query.sql.replaceAll(/\s+/g, ' ').trim()
  return { text: hasOnePlan ? hideValues(text) : text, slots }
}

/**
 * Hides the values of the parameters that have a type from the planner. Postgres plans a read for each execution as long as a plan for the values
 * seems cheaper than one for all values. When the planner sees no value, the two cost the same but for the planning, and the one for all is kept.
 */
const hideValues = (text: string): string =>
  text.replaceAll(/\$\d+::([a-z]+(?:\[\])?)/g, (typed: string, type: string) => `(select ${typed})::${type}`)

/**
 * Named shapes of one query, of either planning. Further combinations of conditions become unnamed statements, so a client cannot fill the connections
 * with plans; and odd combinations take no name from the shapes that are planned once.
 */
const MAX_SHAPES = 32

/** How often Postgres plans a shape of a read: for the values of each execution, or once on each connection. */
type Planning = 'for the values' | 'once'

/**
 * Declares a read whose conditions vary from call to call. The first shapes are compiled once and named like any statement.
 *
 * A shape is planned once when its way is the same for all values. Its limits then stand in its text: behind an unknown limit Postgres expects a
 * tenth of the rows.
 * @param namePrefix the beginning of their names
 * @param isRaw the rows are `RawRow`s
 */
export function dynamicRead<P extends object, R>(
  namePrefix: string,
  isRaw = false,
): (shape: string, template: () => SQL, planning?: Planning) => Statement<P, R, 'read'> {
  const shapes = new Map<string, Statement<P, R, 'read'>>()
  const named: Record<Planning, number> = { 'for the values': 0, once: 0 }
  return (shape, template, planning = 'for the values') => {
    const cached = shapes.get(shape)
    if (cached !== undefined) return cached
    const isOnce = planning === 'once'
    const count = named[planning]
    if (count >= MAX_SHAPES) return new LazyStatement(undefined, 'read', template(), { hasOnePlan: isOnce, isRaw })
    named[planning] += 1
    const name = `${namePrefix}_${isOnce ? 'once_' : ''}${count}`
    const compiledStatement = new LazyStatement<P, R, 'read'>(name, 'read', template(), { hasOnePlan: isOnce, isRaw })
    shapes.set(shape, compiledStatement)
    return compiledStatement
  }
}

/** A parameter of a statement, with its Postgres type where the planner cannot infer one. */
export const param = (name: string, type?: string): SQL =>
  type === undefined ? sql`${sql.placeholder(name)}` : sql`${sql.placeholder(name)}::${sql.raw(type)}`

/**
 * An array of Postgres of values that need no quotes: ids, numbers, hexadecimal digits. The driver would look through each of them for signs to
 * escape, and put it into quotes.
 */
export const bareArray = (values: readonly (string | number | null)[]): string => `{${values.map((value) => value ?? 'NULL').join()}}`

/**
 * The columns of a table under their wire names: `"issues"."company_id" as "companyId", …`.
 * Raw rows then have the shape of the view.
 * @param omitted keys of columns that are not read
 */
export function columnsOf(table: PgTable, omitted: readonly string[] = []): SQL {
  const columns = Object.entries(getTableColumns(table)).filter(([key]) => !omitted.includes(key))
  return sql.join(
    columns.map(([key, column]) => sql`${column} as ${sql.identifier(key)}`),
    sql`, `,
  )
}

/** An instant in its wire form, for JSON that Postgres builds. */
export const isoJson = (column: unknown): SQL => sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** The arguments of `json_build_object` for a whole table, with instants in wire form. */
export function jsonPairsOf(table: PgTable, omitted: readonly string[] = []): SQL {
  const columns = Object.entries(getTableColumns(table)).filter(([key]) => !omitted.includes(key))
  return sql.join(
    columns.map(([key, column]) =>
      column.getSQLType().startsWith('timestamp')
        ? sql`${sql.raw(`'${key}'`)}, ${isoJson(column)}`
        : sql`${sql.raw(`'${key}'`)}, ${column}`,
    ),
    sql`, `,
  )
}
