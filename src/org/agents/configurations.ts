import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { toPage, decodeCursor, DEFAULT_LIMIT } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { redact } from '../../platform/kernel/redact.ts'
import type { configurationView } from './views.ts'

type Configuration = z.input<typeof configurationView>

const configurationColumns = sql`id, company_id as "companyId", name, role, title, status, reports_to as "reportsTo", adapter_type as "adapterType",
  adapter_config as "adapterConfig", runtime_config as "runtimeConfig", permissions, updated_at as "updatedAt"`

const redactConfiguration = <T extends Configuration>(row: T): T => ({
  ...row,
  adapterConfig: redact(row.adapterConfig),
  runtimeConfig: redact(row.runtimeConfig),
})

const selectConfiguration = statement<{ id: string; companyId: string }, Configuration>('agent_configuration').read(
  sql`select ${configurationColumns} from ${agents} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** The configuration of one agent, with secrets redacted. @throws Refusal `not_found` */
export async function getConfiguration(ctx: Ctx, agentId: string): Promise<Configuration> {
  const [row] = await ctx.store.read.run(selectConfiguration, { id: agentId, companyId: companyOf(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Agent not found' })
  return redactConfiguration(row)
}

interface ListParams {
  companyId: string
  limit: number
  atTime: string | null
  atId: string | null
}

const listStatement = dynamicRead<ListParams, Configuration & { createdAt: string }>('agent_configurations')

/** The configurations of agents that are not terminated, oldest agent first, with secrets redacted. */
export async function listConfigurations(
  ctx: Ctx,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Configuration>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const cursorCondition =
    cursor === null ? sql`` : sql`and (created_at, id) > (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    listStatement(
      String(cursor !== null),
      () => sql`select ${configurationColumns}, created_at as "createdAt" from ${agents}
      where company_id = ${param('companyId')} and status <> 'terminated' ${cursorCondition} order by created_at, id limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), limit: limit + 1, atTime: cursor?.[0] ?? null, atId: cursor?.[1] ?? null },
  )
  const { items, next } = toPage(rows, limit, (row) => [row.createdAt, row.id])
  return { items: items.map(({ createdAt: _, ...row }) => redactConfiguration(row)), next }
}
