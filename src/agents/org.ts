import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import { param, statement } from '../db/statement.ts'
import type { orgNode } from './views.ts'

type OrgNode = z.output<typeof orgNode>
type Member = Omit<OrgNode, 'reports'> & { readonly reportsTo: string | null }

/** A company has at most 5,000 agents that are not terminated, so its tree is one answer. */
const members = statement<{ companyId: string }, Member>('agent_org').read(sql`
  select id, name, role, status, reports_to as "reportsTo" from ${agents}
  where company_id = ${param('companyId')} and status <> 'terminated' order by created_at, id`)

/**
 * The tree of who reports to whom, roots first, without the terminated: whoever reported to one is a root. Imported rows
 * may carry a cycle; its members hang below their first one, so that everybody is shown once.
 */
export function treeOf(rows: readonly Member[]): OrgNode[] {
  const known = new Set(rows.map((row) => row.id))
  const below = new Map<string | null, Member[]>()
  for (const row of rows) {
    const manager = row.reportsTo !== null && known.has(row.reportsTo) ? row.reportsTo : null
    const beside = below.get(manager)
    if (beside === undefined) below.set(manager, [row])
    else beside.push(row)
  }
  const placed = new Set<string>()
  const place = (row: Member): OrgNode => {
    placed.add(row.id)
    const { reportsTo: _, ...node } = row
    const reports: OrgNode[] = []
    for (const report of below.get(row.id) ?? []) if (!placed.has(report.id)) reports.push(place(report))
    return { ...node, reports }
  }
  const roots = (below.get(null) ?? []).map(place)
  for (const row of rows) if (!placed.has(row.id)) roots.push(place(row))
  return roots
}

/** The organisation of a company. */
export const readOrg = async (ctx: Ctx): Promise<OrgNode[]> => treeOf(await ctx.store.read.run(members, { companyId: companyOf(ctx) }))
