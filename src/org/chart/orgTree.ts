import { sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { OrgNode } from './views.ts'

type OrgMember = Omit<OrgNode, 'reports'> & { readonly reportsTo: string | null }

/** A company has at most 5,000 agents that are not terminated, so its tree is one answer. */
const selectMembers = statement<{ companyId: string }, OrgMember>('agent_org').read(sql`
  select id, name, role, status, reports_to as "reportsTo" from ${agents}
  where company_id = ${param('companyId')} and status <> 'terminated' order by created_at, id`)

/**
 * Builds the reporting tree, roots first. An agent whose manager is not among the rows (a terminated one, for example) is
 * a root. Imported rows may contain a cycle: its first member becomes a root above the others, so each agent is shown
 * once.
 */
export function buildOrgTree(rows: readonly OrgMember[]): OrgNode[] {
  const memberIds = new Set(rows.map((row) => row.id))
  const reportsByManager = new Map<string | null, OrgMember[]>()
  for (const row of rows) {
    const manager = row.reportsTo !== null && memberIds.has(row.reportsTo) ? row.reportsTo : null
    const siblings = reportsByManager.get(manager)
    if (siblings === undefined) reportsByManager.set(manager, [row])
    else siblings.push(row)
  }
  const addedIds = new Set<string>()
  const addNode = (row: OrgMember): OrgNode => {
    addedIds.add(row.id)
    const { reportsTo: _, ...node } = row
    const reports: OrgNode[] = []
    for (const report of reportsByManager.get(row.id) ?? []) if (!addedIds.has(report.id)) reports.push(addNode(report))
    return { ...node, reports }
  }
  const roots = (reportsByManager.get(null) ?? []).map(addNode)
  for (const row of rows) if (!addedIds.has(row.id)) roots.push(addNode(row))
  return roots
}

/** The reporting tree of a company, without terminated agents. */
export const readOrg = async (ctx: Ctx): Promise<OrgNode[]> =>
  buildOrgTree(await ctx.store.read.run(selectMembers, { companyId: companyOf(ctx) }))
