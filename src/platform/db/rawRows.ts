import { getTableColumns } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { fromPostgres } from '../kernel/time.ts'

/** A row as Postgres sends it: the text of each value, in the order of the columns. */
export type RawRow = readonly (string | null)[]

/** The JSON of a value that is not null, from the text of Postgres. */
type JsonForm = (text: string) => string

// Most texts need none, and looking for one takes half as long as `JSON.stringify`. Postgres has no half of a surrogate pair.
// oxlint-disable-next-line no-control-regex
const needsEscape = /["\\\u0000-\u001f]/

/** How the values of a column become JSON. */
export const jsonForms = {
  /** An id has nothing to escape. */
  id: (text) => `"${text}"`,
  text: (text) => (needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`),
  /** The driver makes numbers of them, and no number of the program has other digits. */
  integer: (text) => text,
  flag: (text) => (text === 't' ? 'true' : 'false'),
  instant: (text) => `"${fromPostgres(text)}"`,
  /** Postgres puts spaces into its JSON, which a client would pay for. */
  json: (text) => (text === '[]' ? text : JSON.stringify(JSON.parse(text))),
} satisfies Record<string, JsonForm>

/** A column of a query, with the field that it becomes. */
export interface JsonColumn {
  readonly key: string
  readonly form: JsonForm
}

const formsByType: Readonly<Record<string, JsonForm>> = {
  uuid: jsonForms.id,
  text: jsonForms.text,
  integer: jsonForms.integer,
  bigint: jsonForms.integer,
  boolean: jsonForms.flag,
  jsonb: jsonForms.json,
}

/** Texts of which nearly all are among these. */
export function knownTexts(texts: readonly string[]): JsonForm {
  const known = new Map(texts.map((text) => [text, JSON.stringify(text)]))
  return (text) => known.get(text) ?? JSON.stringify(text)
}

function formOf(type: string, known: readonly string[]): JsonForm {
  if (known.length > 0) return knownTexts(known)
  const form = type.startsWith('timestamp') ? jsonForms.instant : formsByType[type]
  if (form === undefined) throw new Error(`invariant broken: no JSON is made of the type ${type}`)
  return form
}

/**
 * The columns of `columnsOf` with the same arguments.
 * @param omitted keys of columns that are not read
 */
export const jsonColumnsOf = (table: PgTable, omitted: readonly string[] = []): JsonColumn[] =>
  Object.entries(getTableColumns(table))
    .filter(([key]) => !omitted.includes(key))
    .map(([key, column]) => ({ key, form: formOf(column.getSQLType(), column.enumValues ?? []) }))

/**
 * Makes the members of a JSON object from neighbouring values of a row: `"id":"…","title":"…"`.
 * @param first the index of the first value
 */
export function jsonMembers(columns: readonly JsonColumn[], first: number): (row: RawRow) => string {
  const steps = columns.map(({ key, form }, index) => {
    const name = `${index === 0 ? '' : ','}${JSON.stringify(key)}:`
    return { name, form, absent: `${name}null` }
  })
  return (row) => {
    let members = ''
    let index = first
    for (const { name, form, absent } of steps) {
      const text = row[index]
      index += 1
      members += text === null || text === undefined ? absent : name + form(text)
    }
    return members
  }
}
