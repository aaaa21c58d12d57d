import { sql } from 'drizzle-orm'
import { dynamicRead, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { MAX_SUBJECTS } from './check.ts'
import type { Check, Finding, Subject } from './check.ts'

export const orphans: Check = {
  id: 'row.orphan',
  level: 'fault',
  meaning: 'A row names another row that does not exist, although a foreign key forbids it: rows were loaded without their checks.',
  remedy: 'Restore the database from a backup with paperclip-server restore, which checks it, or delete the rows as the owner.',
  mends: null,
}

export const mixedTenants: Check = {
  id: 'row.foreign-company',
  level: 'fault',
  meaning: 'A row of one company names a row of another, so one company may see or change what belongs to the other (I12).',
  remedy: 'No request makes such a row: find out what wrote it, and correct it as the owner of the database.',
  mends: null,
}

/** A foreign key of one column, by the names in the catalogue of Postgres. */
interface ForeignKey {
  readonly name: string
  readonly child: string
  readonly column: string
  readonly parent: string
  readonly key: string
  /** Both tables have the company of their rows. */
  readonly hasCompany: boolean
}

const foreignKeys = statement<object, ForeignKey>('doctor_foreign_keys').read(sql`
  select c.conname as name, quote_ident(child.relname) as child, quote_ident(a.attname) as column, quote_ident(parent.relname) as parent,
    quote_ident(k.attname) as key,
    (select bool_and(exists (select from pg_attribute company where company.attrelid = t.oid and company.attname = 'company_id'
      and not company.attisdropped)) from (values (child.oid), (parent.oid)) t (oid)) as "hasCompany"
  from pg_constraint c join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid
  join pg_attribute a on a.attrelid = child.oid and a.attnum = c.conkey[1]
  join pg_attribute k on k.attrelid = parent.oid and k.attnum = c.confkey[1]
  where c.contype = 'f' and c.connamespace = 'public'::regnamespace and cardinality(c.conkey) = 1
  order by c.conname`)

/** The keys that seal secrets have a check of their own, with a remedy. */
const elsewhere: ReadonlySet<string> = new Set(['company_secret_versions_key_id_company_data_keys_id_fk'])

const count = dynamicRead<object, { orphans: number; foreigners: number }>('doctor_reference')

/** The names come from the catalogue, quoted by Postgres, and from no request. */
const countFor = ({ name, child, column, parent, key, hasCompany }: ForeignKey) =>
  count(name, () => {
    const missing = sql.raw(`(select count(*)::int from (select from ${child} c where c.${column} is not null
      and not exists (select from ${parent} p where p.${key} = c.${column}) limit 1000) o)`)
    const foreign = sql.raw(
      hasCompany && !elsewhere.has(name)
        ? `(select count(*)::int from (select from ${child} c join ${parent} p on p.${key} = c.${column} where p.company_id <> c.company_id limit 1000) f)`
        : '0',
    )
    return sql`select ${missing} as orphans, ${foreign} as foreigners`
  })

/** Looks along every foreign key of one column for rows without their parent, and for parents of another company. */
export async function checkReferences(db: Pick<ReadDb, 'run'>): Promise<Finding[]> {
  const lost: Subject[] = []
  const mixed: Subject[] = []
  let [lostCount, mixedCount] = [0, 0]
  for (const each of await db.run(foreignKeys, {})) {
    const [found] = await db.run(countFor(each), {})
    if (found === undefined) continue
    const subject = (rows: number, what: string): Subject => ({
      companyId: null,
      id: null,
      what: `${rows} rows of ${each.child} name with ${each.column} ${what} of ${each.parent}`,
    })
    if (found.orphans > 0) lost.push(subject(found.orphans, 'a missing row'))
    if (found.foreigners > 0) mixed.push(subject(found.foreigners, "another company's row"))
    lostCount += found.orphans
    mixedCount += found.foreigners
  }
  return [
    ...(lostCount === 0 ? [] : [{ ...orphans, count: lostCount, subjects: lost.slice(0, MAX_SUBJECTS) }]),
    ...(mixedCount === 0 ? [] : [{ ...mixedTenants, count: mixedCount, subjects: mixed.slice(0, MAX_SUBJECTS) }]),
  ]
}
