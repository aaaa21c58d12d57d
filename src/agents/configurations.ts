import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { agents } from '../db/schema/agents.ts'
import { param, shapedRead, statement } from '../db/statement.ts'
import { notFound } from '../kernel/errors.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import { redact } from '../kernel/redact.ts'
import type { configurationView } from './views.ts'

type Configuration = z.input<typeof configurationView>

const selected = sql`id, company_id as "companyId", name, role, title, status, reports_to as "reportsTo", adapter_type as "adapterType",
  adapter_config as "adapterConfig", runtime_config as "runtimeConfig", permissions, updated_at as "updatedAt"`

const presented = <T extends Configuration>(row: T): T => ({
  ...row,
  adapterConfig: redact(row.adapterConfig),
  runtimeConfig: redact(row.runtimeConfig),
})

const byId = statement<{ id: string; companyId: string }, Configuration>('agent_configuration').read(
  sql`select ${selected} from ${agents} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** The configuration of one agent, secrets covered. @throws Refusal `not_found` */
export async function getConfiguration(ctx: Ctx, agentId: string): Promise<Configuration> {
  const [row] = await ctx.store.read.run(byId, { id: agentId, companyId: companyOf(ctx) })
  if (row === undefined) throw notFound('Agent')
  return presented(row)
}

interface ListParams {
  companyId: string
  limit: number
  atTime: string | null
  atId: string | null
}

const shaped = shapedRead<ListParams, Configuration & { createdAt: string }>('agent_configurations')

/** Configurations of agents that are not terminated, oldest agent first, secrets covered. */
export async function listConfigurations(
  ctx: Ctx,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Configuration>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const behind = at === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`select ${selected}, created_at as "createdAt" from ${agents}
      where company_id = ${param('companyId')} and status <> 'terminated' ${behind} order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), limit: limit + 1, atTime: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  const { items, next } = cut(rows, limit, (row) => [row.createdAt, row.id])
  return { items: items.map(({ createdAt: _, ...row }) => presented(row)), next }
}
