import { isDeepStrictEqual } from 'node:util'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { configRevisions } from '../../model/approvals.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { containsRedacted, redact } from '../../platform/kernel/redact.ts'
import { requireAgent } from './queries.ts'
import type { AgentRow } from './lock.ts'
import { patchAgentBody } from './views.ts'
import type { PatchAgent, revisionView } from './views.ts'

/** The fields of an agent that a revision stores. */
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

/** The source of a change of configuration. */
export type Origin =
  | { readonly source: 'patch' | 'skill-sync' | 'instructions_path_patch' | 'instructions_bundle_patch' }
  | { readonly source: 'rollback'; readonly rolledBackFromRevisionId: string }

export type Revision = z.input<typeof revisionView>

const configOf = (agent: AgentRow): Record<string, unknown> => Object.fromEntries(configKeys.map((key) => [key, agent[key]]))

/** An agent's row before and after a change. */
interface AgentChange {
  readonly before: AgentRow
  readonly after: AgentRow
}

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

// clock_timestamp() and not now(): two revisions of one transaction need different instants, by which the list is ordered.
const insertRow = statement<NewRevision, { id: string }>('revision_insert').write(sql`
  insert into ${configRevisions} (company_id, agent_id, created_by_agent_id, created_by_user_id, source, rolled_back_from_revision_id,
    changed_keys, before_config, after_config, created_at)
  values (${param('companyId')}, ${param('agentId')}, ${param('byAgentId', 'uuid')}, ${param('byUserId')}, ${param('source')},
    ${param('from', 'uuid')}, ${param('changedKeys', 'jsonb')}, ${param('before', 'jsonb')}, ${param('after', 'jsonb')}, clock_timestamp())
  returning id`)

/**
 * (tx) Stores a revision, unredacted. Expects the agent's row lock.
 * @returns its id, or null when no field of a revision differs
 */
export async function insertRevision(tx: Tx, ctx: Ctx, { before, after }: AgentChange, origin: Origin): Promise<string | null> {
  const changedKeys = configKeys.filter((key) => !isDeepStrictEqual(before[key], after[key]))
  if (changedKeys.length === 0) return null
  const author = authorOf(ctx.actor)
  const { id } = exactlyOne(
    await tx.run(insertRow, {
      companyId: after.companyId,
      agentId: after.id,
      byAgentId: author.agentId,
      byUserId: author.userId,
      source: origin.source,
      from: origin.source === 'rollback' ? origin.rolledBackFromRevisionId : null,
      changedKeys: JSON.stringify(changedKeys),
      before: JSON.stringify(configOf(before)),
      after: JSON.stringify(configOf(after)),
    }),
  )
  return id
}

/** The instructions of an agent as a revision has them: hashes of texts by their paths. Texts of before are not kept. */
export interface InstructionFacts {
  readonly entryFile: string | null
  readonly files: Readonly<Record<string, string>>
}

/**
 * (tx) Stores a revision of the instructions of an agent beside its configuration, which stays. A rollback to it restores the configuration
 * alone. Expects the agent's row lock.
 */
export async function insertInstructionRevision(
  tx: Tx,
  ctx: Ctx,
  agent: AgentRow,
  change: {
    readonly source: 'instructions_bundle_patch' | 'instructions_bundle_file_put'
    readonly before: InstructionFacts
    readonly after: InstructionFacts
  },
): Promise<string> {
  const author = authorOf(ctx.actor)
  const config = configOf(agent)
  const { id } = exactlyOne(
    await tx.run(insertRow, {
      companyId: agent.companyId,
      agentId: agent.id,
      byAgentId: author.agentId,
      byUserId: author.userId,
      source: change.source,
      from: null,
      changedKeys: JSON.stringify(['instructionsBundle']),
      before: JSON.stringify({ ...config, instructionsBundle: change.before }),
      after: JSON.stringify({ ...config, instructionsBundle: change.after }),
    }),
  )
  return id
}

const redactRevision = (row: Revision): Revision => ({
  ...row,
  beforeConfig: redact(row.beforeConfig),
  afterConfig: redact(row.afterConfig),
})

const listOrder = byCreation('desc')

const listStatement = dynamicRead<KeysetParams & { companyId: string; agentId: string }, Revision>('revision_list')

/** The revisions of an agent, newest first, redacted. @throws Refusal `not_found` for the agent */
export async function listRevisions(ctx: Ctx, agentId: string, request: PageRequest): Promise<Page<Revision>> {
  const companyId = companyOf(ctx)
  await requireAgent(ctx.store.read, companyId, agentId)
  const page = listOrder.page(request)
  const shown = await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${columnsOf(configRevisions)} from ${configRevisions}
      where agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId, agentId, ...page.params },
  )
  return await mapPage(shown, redactRevision)
}

const selectRevision = statement<{ id: string; agentId: string; companyId: string }, Revision>('revision_by_id').read(sql`
  select ${columnsOf(configRevisions)} from ${configRevisions}
  where id = ${param('id')} and agent_id = ${param('agentId')} and company_id = ${param('companyId')}`)

async function revisionById(db: Pick<ReadDb, 'run'>, companyId: string, agentId: string, id: string): Promise<Revision> {
  const [row] = await db.run(selectRevision, { id, agentId, companyId })
  if (row === undefined) refuse('not_found', { message: 'Revision not found' })
  return row
}

/** One revision, redacted. @throws Refusal `not_found` */
export const getRevision = async (ctx: Ctx, agentId: string, id: string): Promise<Revision> =>
  redactRevision(await revisionById(ctx.store.read, companyOf(ctx), agentId, id))

/**
 * The patch that restores the state after a revision.
 * @throws Refusal `not_found`; `revision_incomplete` when the revision lacks a value or contains a redacted secret
 */
export async function patchToRevision(db: Pick<ReadDb, 'run'>, agent: AgentRow, revisionId: string): Promise<PatchAgent> {
  const { afterConfig } = await revisionById(db, agent.companyId, agent.id, revisionId)
  const missing = configKeys.filter((key) => afterConfig[key] === undefined)
  const redactedKeys = configKeys.filter((key) => containsRedacted(afterConfig[key]))
  const parsed = patchAgentBody.safeParse(Object.fromEntries(configKeys.map((key) => [key, afterConfig[key]])))
  if (missing.length > 0 || redactedKeys.length > 0 || !parsed.success)
    return refuse('revision_incomplete', { details: { missing, redacted: redactedKeys } })
  const differingKeys = configKeys.filter((key) => !isDeepStrictEqual(parsed.data[key], agent[key]))
  const patch: PatchAgent = Object.fromEntries(differingKeys.map((key) => [key, parsed.data[key]]))
  return patch.adapterConfig === undefined ? patch : { ...patch, replaceAdapterConfig: true }
}
