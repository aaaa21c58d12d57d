import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { workProducts } from '../../model/workProducts.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { writeThroughGate } from '../issues/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { workProductCreated, workProductDeleted, workProductUpdated } from './events.ts'
import { workProductById } from './queries.ts'
import type { WorkProductRow } from './queries.ts'
import type { CreateWorkProduct, PatchWorkProduct } from './views.ts'

/** Work products of one issue. All of them are read with the issue. */
export const MAX_WORK_PRODUCTS = 100

const countWorkProducts = statement<{ issueId: string }, { count: number }>('work_product_count').read(
  sql`select count(*)::int as count from ${workProducts} where issue_id = ${param('issueId')}`,
)

const loadReferenceFacts = statement<
  { companyId: string; projectId: string | null; runId: string | null },
  { project: boolean; run: boolean }
>('work_product_references').read(sql`
  select
    exists (select 1 from ${projects} where id = ${param('projectId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as project,
    exists (select 1 from ${runs} where id = ${param('runId', 'uuid')} and company_id = ${param('companyId', 'uuid')}) as run`)

/**
 * (tx) Checks that the rows that a work product refers to exist in this company. This server has neither execution
 * workspaces nor runtime services, so every id of one is refused.
 * @throws Refusal `unknown_reference`
 */
async function requireReferences(tx: Tx, ctx: Ctx, input: PatchWorkProduct): Promise<void> {
  const { projectId = null, createdByRunId = null, executionWorkspaceId = null, runtimeServiceId = null } = input
  const refuseReference = (noun: string): never => refuse('unknown_reference', { message: `${noun} not found` })
  if (executionWorkspaceId !== null) refuseReference('Execution workspace')
  if (runtimeServiceId !== null) refuseReference('Runtime service')
  if (projectId === null && createdByRunId === null) return
  const facts = exactlyOne(await tx.run(loadReferenceFacts, { companyId: companyOf(ctx), projectId, runId: createdByRunId }))
  if (projectId !== null && !facts.project) refuseReference('Project')
  if (createdByRunId !== null && !facts.run) refuseReference('Run')
}

const demotePrimary = statement<{ issueId: string; id: string }, { id: string }>('work_product_demote').write(sql`
  update ${workProducts} set is_primary = false, updated_at = now()
  where issue_id = ${param('issueId')} and is_primary and id <> ${param('id')} returning id`)

/** (tx) Ends the primary role of another work product. Expects the issue's row lock. @returns the id of the previous primary one */
async function demoteOthers(tx: Tx, issueId: string, id: string): Promise<string | null> {
  const [demoted] = await tx.run(demotePrimary, { issueId, id })
  return demoted?.id ?? null
}

const eventDetails = ({ id, type, provider, title, status, reviewState, healthStatus, isPrimary }: WorkProductRow) => ({
  workProductId: id,
  type,
  provider,
  title,
  status,
  reviewState,
  healthStatus,
  isPrimary,
})

/** The conditions of a write that come from its request. */
interface WorkProductWrite {
  readonly input: PatchWorkProduct
  readonly expected: Expected
}

/**
 * The locks of a write, for `writeThroughGate`. A write that names a project locks the project's row through the foreign key.
 * A deletion of the project has that lock and waits for issues. Both take the company's lock first, so they cannot deadlock.
 */
const gateOf = (ctx: Ctx, issueId: string, { input, expected }: WorkProductWrite) => ({
  issueId,
  expected,
  lockFirst: async (tx: Tx): Promise<void> => {
    if (typeof input.projectId === 'string') await lockCompany(tx, companyOf(ctx))
  },
})

/** Writes to an existing work product, under the lock of its issue. @throws Refusal `not_found` for the work product */
async function writeExisting(
  ctx: Ctx,
  id: string,
  request: WorkProductWrite,
  write: (tx: Tx, before: WorkProductRow) => Promise<Outcome<WorkProductRow>>,
): Promise<WorkProductRow> {
  // The issue of a work product never changes, so it may be read before the lock.
  const { issueId } = await workProductById(ctx.store.read, companyOf(ctx), id)
  try {
    return await writeThroughGate(
      ctx,
      gateOf(ctx, issueId, request),
      async (tx) => await write(tx, await workProductById(tx, companyOf(ctx), id)),
    )
  } catch (error) {
    // The issue was deleted before its lock was acquired; its work products were deleted with it.
    if (error instanceof Refusal && error.code === 'not_found') refuse('not_found', { message: 'Work product not found' })
    throw error
  }
}

/**
 * Adds a work product to an issue. A primary one replaces the previous primary one.
 * @throws Refusal of the gate (LOCK_PROTOCOL §4.2); `unknown_reference`
 */
export async function createWorkProduct(ctx: Ctx, issueId: string, input: CreateWorkProduct, expected: Expected): Promise<WorkProductRow> {
  const companyId = companyOf(ctx)
  return await writeThroughGate(ctx, gateOf(ctx, issueId, { input, expected }), async (tx) => {
    await requireReferences(tx, ctx, input)
    const { count } = exactlyOne(await tx.run(countWorkProducts, { issueId }))
    if (count >= MAX_WORK_PRODUCTS) refuse('unprocessable', { message: `An issue has at most ${MAX_WORK_PRODUCTS} work products` })
    const id = randomUUID()
    const demotedWorkProductId = input.isPrimary ? await demoteOthers(tx, issueId, id) : null
    // The run of an agent comes from its credential, never from the body (I8).
    const createdByRunId = ctx.actor.kind === 'agent' ? actingRunIdOf(ctx.actor) : (input.createdByRunId ?? null)
    await tx.insert(workProducts).values({ ...input, id, companyId, issueId, createdByRunId })
    const product = await workProductById(tx, companyId, id)
    return changed(product, workProductCreated(issueId, { ...eventDetails(product), demotedWorkProductId }))
  })
}

/**
 * Changes a work product. Fields that keep their value are neither written nor recorded.
 * @throws Refusal of the gate; `not_found`, `unknown_reference`
 */
export async function updateWorkProduct(ctx: Ctx, id: string, input: PatchWorkProduct, expected: Expected): Promise<WorkProductRow> {
  return await writeExisting(ctx, id, { input, expected }, async (tx, before) => {
    await requireReferences(tx, ctx, input)
    const previousValues = before as Readonly<Record<string, unknown>>
    const providedFields = Object.entries(input).filter(([key]) => key !== 'createdByRunId' || ctx.actor.kind !== 'agent')
    const changes = providedFields.filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, previousValues[key]))
    if (changes.length === 0) return unchanged(before)
    const demotedWorkProductId = input.isPrimary === true ? await demoteOthers(tx, before.issueId, id) : null
    await tx
      .update(workProducts)
      .set({ ...Object.fromEntries(changes), updatedAt: sql`now()` })
      .where(eq(workProducts.id, id))
    const after = await workProductById(tx, companyOf(ctx), id)
    const changedKeys = changes.map(([key]) => key)
    return changed(after, workProductUpdated(before.issueId, { ...eventDetails(after), changedKeys, demotedWorkProductId }))
  })
}

/**
 * Removes a work product from its issue.
 * @returns the work product before its removal
 * @throws Refusal of the gate; `not_found`
 */
export async function deleteWorkProduct(ctx: Ctx, id: string, expected: Expected): Promise<WorkProductRow> {
  return await writeExisting(ctx, id, { input: {}, expected }, async (tx, before) => {
    await tx.delete(workProducts).where(eq(workProducts.id, id))
    return changed(before, workProductDeleted(before.issueId, eventDetails(before)))
  })
}
