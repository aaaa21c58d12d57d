import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { companies, issueCounters } from '../../model/companies.ts'
import { spentThisMonthSql } from '../../model/costs.ts'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { issueCounts } from '../../model/issueFigures.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { companyView } from './views.ts'

export type CompanyRow = z.input<typeof companyView>

const companyColumns = sql`${columnsOf(companies)},
  coalesce((select c.last_number from ${issueCounters} c where c.company_id = "companies"."id"), 0) as "issueCounter",
  ${spentThisMonthSql(sql`"companies"."id"`)} as "spentMonthlyCents",
  case when logo_asset_id is null then null else '/api/assets/' || logo_asset_id || '/content' end as "logoUrl"`

const selectCompany = statement<{ id: string }, CompanyRow>('company_by_id').read(
  sql`select ${companyColumns} from ${companies} where id = ${param('id')}`,
)

/** One company. @throws Refusal `not_found` */
export async function companyById(db: Pick<ReadDb, 'run'>, id: string): Promise<CompanyRow> {
  const [row] = await db.run(selectCompany, { id })
  if (row === undefined) refuse('not_found', { message: 'Company not found' })
  return row
}

const listOrder = byCreation('asc')

const listStatement = dynamicRead<KeysetParams & { own: readonly string[] }, CompanyRow>('company_list')

/** The companies of the acting person; null for one that may enter every company. */
const ownCompanies = ({ actor }: Ctx): readonly string[] | null =>
  actor.kind === 'board' && actor.companies !== null ? [...actor.companies.keys()] : null

/** The companies that the acting person may enter, oldest first: its own, or all of them. */
export async function listCompanies(ctx: Ctx, request: PageRequest): Promise<Page<CompanyRow>> {
  const page = listOrder.page(request)
  const own = ownCompanies(ctx)
  return await page.read(
    ctx.store.read,
    listStatement(
      JSON.stringify([page.hasCursor, own === null]),
      () => sql`select ${companyColumns} from ${companies} where not ${isCompanyDeleted(companies.id)}
        ${own === null ? sql`` : sql`and ${companies.id} = any(${param('own', 'uuid[]')})`}
        ${page.condition === null ? sql`` : sql`and ${page.condition}`} order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { ...page.params, own: own ?? [] },
  )
}

// The rows are grouped before the join, because two counts over one join would multiply each other.
const stats = statement<{ own: readonly string[] | null }, { companyId: string; agentCount: number; issueCount: number }>('company_stats')
  .read(sql`
  select coalesce(a.company_id, i.company_id) as "companyId", coalesce(a.count, 0) as "agentCount", coalesce(i.count, 0) as "issueCount"
  from (select company_id, count(*)::int as count from ${agents} where status <> 'terminated' group by company_id) a
  full join (select company_id, sum(issues)::int as count from ${issueCounts} group by company_id having sum(issues) > 0) i
    on i.company_id = a.company_id
  where not ${isCompanyDeleted(sql.raw('coalesce(a.company_id, i.company_id)'))}
    and (${param('own', 'uuid[]')} is null or coalesce(a.company_id, i.company_id) = any(${param('own', 'uuid[]')}))`)

/** The number of agents and issues of each company that the acting person may enter. */
export async function companyStats(ctx: Ctx): Promise<Record<string, { agentCount: number; issueCount: number }>> {
  const rows = await ctx.store.read.run(stats, { own: ownCompanies(ctx) })
  return Object.fromEntries(rows.map(({ companyId, ...counts }) => [companyId, counts]))
}
