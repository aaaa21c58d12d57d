import { companyColumns } from './companies.ts'
import type { SourceCompany } from './companies.ts'
import { fit } from './fit.ts'
import { selectListOf, sizeOf } from './read.ts'
import type { SourceConnection } from './source.ts'
import type { Tally } from './tally.ts'

/** A server with more companies is no Paperclip server as they are run. */
const MAX_COMPANIES = 2000
/** The longest texts of a company together, in bytes. No company that this server takes has half as many. */
const MAX_BYTES = 200_000
/** Companies that are read at once: together at most so many texts as a page of rows. */
const PAGE_COMPANIES = 20
/** Companies that are too long and are named. More are counted. */
const MAX_NAMED = 20

const table = { name: 'companies', columns: companyColumns }

/** Notes the companies that are not read, with the ids of the first. */
async function noteUnread(source: SourceConnection, tally: Tally, readable: number): Promise<void> {
  const length = sizeOf(source, table)
  const [counts] = await source.query<{ long: number }>(
    `select count(*) filter (where ${length} > ${MAX_BYTES})::float8 as long from companies t`,
  )
  const long = counts?.long ?? 0
  const named = await source.query<{ id: string }>(
    `select t.id::text as id from companies t where ${length} > ${MAX_BYTES} limit ${MAX_NAMED}`,
  )
  const because = `not brought: its texts together have more than ${MAX_BYTES} bytes`
  for (let at = 0; at < Math.min(long, MAX_COMPANIES); at += 1) tally.note('companies', because, named[at]?.id ?? '')
  if (readable > MAX_COMPANIES) tally.note('companies', `not brought: companies behind the first ${MAX_COMPANIES}`, '')
}

/** Reads the companies of the source, oldest first. One that cannot be read is counted and noted. */
export async function readCompanies(source: SourceConnection, tally: Tally): Promise<readonly SourceCompany[]> {
  const keys = await source.query<{ id: string }>(
    `select t.id::text as id from companies t where ${sizeOf(source, table)} <= ${MAX_BYTES} order by t.created_at, t.id limit ${MAX_COMPANIES + 1}`,
  )
  await noteUnread(source, tally, keys.length)
  const companies: SourceCompany[] = []
  for (let from = 0; from < Math.min(keys.length, MAX_COMPANIES); from += PAGE_COMPANIES) {
    const ids = keys.slice(from, Math.min(from + PAGE_COMPANIES, MAX_COMPANIES)).map(({ id }) => id)
    const rows = await source.query<Record<string, unknown>>(
      `select ${selectListOf(source, table)} from companies t where t.id = any($1::uuid[]) order by t.created_at, t.id`,
      [ids],
    )
    for (const row of rows)
      companies.push(
        ...[fit(companyColumns, row, (reason) => tally.note('companies', reason, String(row['id'])))].filter((each) => each !== null),
      )
  }
  return companies
}
