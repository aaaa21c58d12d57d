import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { agents } from '../../model/agents.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { redactSettings } from './sight.ts'
import type { configurationView } from './views.ts'

type Configuration = z.input<typeof configurationView>

const configurationColumns = sql`id, company_id as "companyId", name, role, title, status, reports_to as "reportsTo", adapter_type as "adapterType",
  adapter_config as "adapterConfig", runtime_config as "runtimeConfig", permissions, updated_at as "updatedAt"`

const selectConfiguration = statement<{ id: string; companyId: string }, Configuration>('agent_configuration').read(
  sql`select ${configurationColumns} from ${agents} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** The configuration of one agent, with secrets redacted. @throws Refusal `not_found` */
export async function getConfiguration(ctx: Ctx, agentId: string): Promise<Configuration> {
  const [row] = await ctx.store.read.run(selectConfiguration, { id: agentId, companyId: companyOf(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Agent not found' })
  return redactSettings(row)
}

const listOrder = byCreation('asc')

const listStatement = dynamicRead<KeysetParams & { companyId: string }, Configuration & { createdAt: string }>('agent_configurations')

/** The configurations of agents that are not terminated, oldest agent first, with secrets redacted. */
export async function listConfigurations(ctx: Ctx, request: PageRequest): Promise<Page<Configuration>> {
  const page = listOrder.page(request)
  const shown = await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${configurationColumns}, created_at as "createdAt" from ${agents}
      where company_id = ${param('companyId')} and status <> 'terminated' ${page.andAfterCursor} order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
  return await mapPage(shown, ({ createdAt: _, ...row }) => redactSettings(row))
}
