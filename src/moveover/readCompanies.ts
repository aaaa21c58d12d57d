import { companyColumns } from './companies.ts'
import type { SourceCompany } from './companies.ts'
import { fit } from './fit.ts'
import { selectListOf } from './read.ts'
import type { SourceConnection } from './source.ts'
import type { Tally } from './tally.ts'

/** A server with more companies is no Paperclip server as they are run. */
const MAX_COMPANIES = 10_000
/** The longest texts of a company, in bytes. */
const MAX_BYTES = 200_000

/** Reads the companies of the source, oldest first. One that cannot be read is counted and noted. */
export async function readCompanies(source: SourceConnection, tally: Tally): Promise<readonly SourceCompany[]> {
  const length = 'coalesce(octet_length(t.name), 0) + coalesce(octet_length(t.description), 0)'
  const rows = await source.query<Record<string, unknown>>(
    `select ${selectListOf(source, { name: 'companies', columns: companyColumns })} from companies t where ${length} <= ${MAX_BYTES} order by t.created_at, t.id limit ${MAX_COMPANIES}`,
  )
  const [total] = await source.query<{ count: number }>('select count(*)::float8 as count from companies')
  if ((total?.count ?? 0) > rows.length) tally.note('companies', 'not brought: a text is too long, or there are too many companies', '')
  return rows.flatMap((row) => fit(companyColumns, row, (reason) => tally.note('companies', reason, String(row['id']))) ?? [])
}
