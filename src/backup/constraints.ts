// The parts that are taken off a schema while its rows are loaded: foreign keys, which are checked when they are put back, and triggers, which
// would count and note rows a second time.

import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

interface ForeignKey {
  readonly table: string
  readonly name: string
  readonly definition: string
}

const FOREIGN_KEYS = `select format('%I.%I', n.nspname, c.relname) as "table", format('%I', k.conname) as name, pg_get_constraintdef(k.oid) as definition
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  where k.contype = 'f' and n.nspname = 'public' order by 1, 2`

const TABLES = `select format('%I.%I', n.nspname, c.relname) as "table" from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relkind = 'r' order by 1`

const FOREIGN_KEY_VIOLATION = '23503'

/**
 * Takes foreign keys and triggers off, and what migrations wrote. The owner of the tables may do so, on every Postgres; the setting
 * that would do the same is for superusers.
 * @returns the function that puts everything back in the same transaction, and checks every foreign key
 */
export async function withoutConstraints(session: Maintenance): Promise<() => Promise<void>> {
  const keys = await session.query<ForeignKey>(FOREIGN_KEYS)
  const tables = (await session.query<{ table: string }>(TABLES)).map(({ table }) => table)
  if (tables.length === 0) return async () => {}
  await session.query(keys.map(({ table, name }) => `alter table ${table} drop constraint ${name}`).join('; '))
  await session.query(tables.map((table) => `alter table ${table} disable trigger user`).join('; '))
  await session.query(`truncate ${tables.join()}`)
  return async () => {
    for (const { table, name, definition } of keys) {
      await session.query(`alter table ${table} add constraint ${name} ${definition}`).catch((error: unknown) => {
        if ((error as { code?: string }).code !== FOREIGN_KEY_VIOLATION) throw error
        throw startProblem(`The backup has rows of ${table} that name rows which it has not (${name}): take another backup`, error)
      })
    }
    await session.query(tables.map((table) => `alter table ${table} enable trigger user`).join('; '))
  }
}
