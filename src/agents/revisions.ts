import { isDeepStrictEqual } from 'node:util'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { configRevisions } from '../db/schema/approvals.ts'
import { columnsOf, param, shapedRead, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import { only } from '../kernel/only.ts'
import { cut, decodeCursor, DEFAULT_LIMIT } from '../kernel/page.ts'
import type { Page } from '../kernel/page.ts'
import { holdsRedacted, redact } from '../kernel/redact.ts'
import { demandAgent } from './queries.ts'
import type { AgentRow } from './lock.ts'
import { patchAgentBody } from './views.ts'
import type { PatchAgent, revisionView } from './views.ts'

/** What a revision remembers of an agent. */
const configKeys = [
  'name',
  'role',
  'title',
  'reportsTo',
  'capabilities',
  'adapterType',
  'adapterConfig',
  'runtimeConfig',
  'budgetMonthlyCents',
  'metadata',
] as const satisfies readonly (keyof AgentRow)[]

/** What a change of configuration came from. */
export type Origin = { readonly source: 'patch' } | { readonly source: 'rollback'; readonly rolledBackFromRevisionId: string }

export type Revision = z.input<typeof revisionView>

const configOf = (agent: AgentRow): Record<string, unknown> => Object.fromEntries(configKeys.map((key) => [key, agent[key]]))

interface NewRevision {
  companyId: string
  agentId: string
  byAgentId: string | null
  byUserId: string | null
  source: string
  from: string | null
  changedKeys: string
  before: string
  after: string
}

// clock_timestamp(), because two changes of one agent may come in one transaction's millisecond but never at one instant.
const insert = statement<NewRevision, { id: string }>('revision_insert').write(sql`
  insert into ${configRevisions} (company_id, agent_id, created_by_agent_id, created_by_user_id, source, rolled_back_from_revision_id,
    changed_keys, before_config, after_config, created_at)
  values (${param('companyId')}, ${param('agentId')}, ${param('byAgentId', 'uuid')}, ${param('byUserId')}, ${param('source')},
    ${param('from', 'uuid')}, ${param('changedKeys', 'jsonb')}, ${param('before', 'jsonb')}, ${param('after', 'jsonb')}, clock_timestamp())
  returning id`)

/**
 * (tx) Remembers a change of configuration, as stored. Expects the agent's row lock.
 * @returns its id, or null when nothing that a revision remembers has changed
 */
export async function insertRevision(tx: Tx, ctx: Ctx, before: AgentRow, after: AgentRow, origin: Origin): Promise<string | null> {
  const changedKeys = configKeys.filter((key) => !isDeepStrictEqual(before[key], after[key]))
  if (changedKeys.length === 0) return null
  const { actor } = ctx
  const { id } = only(
    await tx.run(insert, {
      companyId: after.companyId,
      agentId: after.id,
      byAgentId: actor.kind === 'agent' ? actor.agentId : null,
      byUserId: actor.kind === 'board' ? actor.userId : null,
      source: origin.source,
      from: origin.source === 'rollback' ? origin.rolledBackFromRevisionId : null,
      changedKeys: JSON.stringify(changedKeys),
      before: JSON.stringify(configOf(before)),
      after: JSON.stringify(configOf(after)),
    }),
  )
  return id
}

const presented = (row: Revision): Revision => ({
  ...row,
  beforeConfig: redact(row.beforeConfig),
  afterConfig: redact(row.afterConfig),
})

interface ListParams {
  companyId: string
  agentId: string
  limit: number
  atTime: string | null
  atId: string | null
}

const shaped = shapedRead<ListParams, Revision>('revision_list')

/** Revisions of an agent, newest first, redacted. @throws Refusal `not_found` for the agent */
export async function listRevisions(
  ctx: Ctx,
  agentId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<Revision>> {
  const companyId = companyOf(ctx)
  await demandAgent(ctx.store.read, companyId, agentId)
  const limit = page.limit ?? DEFAULT_LIMIT
  const at = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.iso.datetime(), z.uuid()]))
  const behind = at === null ? sql`` : sql`and (created_at, id) < (${param('atTime', 'timestamptz')}, ${param('atId', 'uuid')})`
  const rows = await ctx.store.read.run(
    shaped(
      String(at !== null),
      () => sql`select ${columnsOf(configRevisions)} from ${configRevisions}
      where agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${behind}
      order by created_at desc, id desc limit ${param('limit', 'int')}`,
    ),
    { companyId, agentId, limit: limit + 1, atTime: at?.[0] ?? null, atId: at?.[1] ?? null },
  )
  const { items, next } = cut(rows, limit, (row) => [row.createdAt, row.id])
  return { items: items.map(presented), next }
}

const byId = statement<{ id: string; agentId: string; companyId: string }, Revision>('revision_by_id').read(sql`
  select ${columnsOf(configRevisions)} from ${configRevisions}
  where id = ${param('id')} and agent_id = ${param('agentId')} and company_id = ${param('companyId')}`)

async function revisionById(db: Pick<ReadDb, 'run'>, companyId: string, agentId: string, id: string): Promise<Revision> {
  const [row] = await db.run(byId, { id, agentId, companyId })
  if (row === undefined) throw notFound('Revision')
  return row
}

/** One revision, redacted. @throws Refusal `not_found` */
export const getRevision = async (ctx: Ctx, agentId: string, id: string): Promise<Revision> =>
  presented(await revisionById(ctx.store.read, companyOf(ctx), agentId, id))

/**
 * The patch that takes an agent back to how a revision left it.
 * @throws Refusal `not_found`; `revision_incomplete` when the revision lacks a value or holds the cover of a secret
 */
export async function patchToRevision(db: Pick<ReadDb, 'run'>, agent: AgentRow, revisionId: string): Promise<PatchAgent> {
  const { afterConfig } = await revisionById(db, agent.companyId, agent.id, revisionId)
  const missing = configKeys.filter((key) => afterConfig[key] === undefined)
  const covered = configKeys.filter((key) => holdsRedacted(afterConfig[key]))
  const parsed = patchAgentBody.safeParse(Object.fromEntries(configKeys.map((key) => [key, afterConfig[key]])))
  if (missing.length > 0 || covered.length > 0 || !parsed.success)
    return refuse('revision_incomplete', { details: { missing, redacted: covered } })
  const differs = configKeys.filter((key) => !isDeepStrictEqual(parsed.data[key], agent[key]))
  const patch: PatchAgent = Object.fromEntries(differs.map((key) => [key, parsed.data[key]]))
  return patch.adapterConfig === undefined ? patch : { ...patch, replaceAdapterConfig: true }
}
