import { readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { CATALOGUE_QUERY } from './catalogueQuery.ts'
import type { SchemaObject } from './catalogueQuery.ts'
import { findingOf } from './check.ts'
import type { Check, Finding } from './check.ts'

export const missingObject: Check = {
  id: 'schema.missing',
  level: 'fault',
  meaning:
    'A table, a column, a constraint, an index, a trigger or a function that the migrations made is not there, so the database does not keep what this server relies on.',
  remedy:
    'Stop the servers, and run as the owner what stands behind each: it makes the thing again. An error of it names the rows in the way. The rows of a table or a column are in a backup only.',
  mends: null,
}

export const changedObject: Check = {
  id: 'schema.changed',
  level: 'warning',
  meaning: 'A column, a constraint, an index, a trigger or a function is there and is another one than the migrations made.',
  remedy: 'Find out who changed it. Where nothing needs the change, drop it as the owner and run what stands behind it.',
  mends: null,
}

/** The schema that the migrations make, written by `npm run docs`. */
const GENERATED = new URL('../../doc/generated/catalogue.json', import.meta.url)

const catalogueFile = z.object({
  /** The major version of Postgres that wrote the definitions. Another one may write the same thing in other words. */
  postgres: z.number(),
  objects: z.array(z.tuple([z.string(), z.string(), z.string(), z.string()])),
})

const catalogue = statement<object, SchemaObject>('doctor_catalogue').read(sql.raw(CATALOGUE_QUERY))

const majorVersion = statement<object, { major: number }>('doctor_major_version').read(
  sql`select current_setting('server_version_num')::int / 10000 as major`,
)

const keyOf = ({ kind, table, name }: SchemaObject): string => `${kind} ${table} ${name}`

const quoted = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

/** The statement that makes an object again; for what has no short one, where its text stands. */
function makingOf({ kind, table, name, definition }: SchemaObject): string {
  switch (kind) {
    case 'constraint':
      return `alter table ${quoted(table)} add constraint ${quoted(name)} ${definition}`
    case 'column':
      return `alter table ${quoted(table)} add column ${quoted(name)} ${definition}`
    case 'index':
    case 'trigger':
      return definition
    default:
      return 'its text is in the migrations, the folder drizzle'
  }
}

const nameOf = ({ kind, table, name }: SchemaObject): string => {
  if (kind === 'table') return `the table ${table}`
  return table === '' ? `the ${kind} ${name}` : `the ${kind} ${name} of ${table}`
}

/**
 * Compares two schemas. Things that only the second has are no fault: an operator may add an index.
 * @param comparesTexts false where another version of Postgres has written the definitions
 */
export function compareSchemas(expected: readonly SchemaObject[], live: readonly SchemaObject[], comparesTexts: boolean): Finding[] {
  const here = new Map(live.map((object) => [keyOf(object), object.definition]))
  const hasTable = ({ table }: SchemaObject): boolean => table === '' || here.has(keyOf({ kind: 'table', table, name: '', definition: '' }))
  // With a table everything of it is gone, and one line says so.
  const named = expected.filter((object) => object.kind === 'table' || hasTable(object))
  const missing = named.filter((object) => !here.has(keyOf(object)))
  const changed = comparesTexts ? named.filter((object) => (here.get(keyOf(object)) ?? object.definition) !== object.definition) : []
  const report = (check: Check, objects: readonly SchemaObject[], verb: string): Finding[] =>
    objects.length === 0 ? [] : [findingOf(check, ...objects.map((object) => `${nameOf(object)} is ${verb}: ${makingOf(object)}`))]
  return [...report(missingObject, missing, 'missing'), ...report(changedObject, changed, 'another one')]
}

/** Compares the live schema with the one that the migrations of this build make. The database must have all of them. */
export async function checkSchemaObjects(db: Pick<ReadDb, 'run'>): Promise<Finding[]> {
  const { postgres, objects } = catalogueFile.parse(JSON.parse(readFileSync(GENERATED, 'utf8')))
  const [version] = await db.run(majorVersion, {})
  const expected = objects.map(([kind, table, name, definition]) => ({ kind, table, name, definition }))
  return compareSchemas(expected, await db.run(catalogue, {}), version?.major === postgres)
}
