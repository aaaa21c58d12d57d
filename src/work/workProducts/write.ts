import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import { lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, changedIfAny } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { workProducts } from '../../model/workProducts.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockIssue, checkWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { touchIssue } from '../issues/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { notFound, Refusal, refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { workProductCreated, workProductDeleted, workProductUpdated } from './events.ts'
import { workProductById } from './queries.ts'
import type { WorkProductRow } from './queries.ts'
import type { CreateWorkProduct, PatchWorkProduct } from './views.ts'

/** Work products of one issue: all of them are read with it. */
const MAX_WORK_PRODUCTS = 100

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
 * (tx) Checks that what a work product refers to is there, in this company. This server keeps neither execution
 * workspaces nor runtime services, so no id is one of theirs.
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

/** (tx) Makes room for a primary work product. Expects the issue's row lock. @returns the one that was primary */
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

/**
 * The frame of every write: the issue's lock, the gate, the write, and the issue marked as touched if there was one. To
 * name a project is to lock its row through the foreign key, and whoever deletes a project has that lock and waits for
 * issues: the company's lock, which both take first, lets one of them go ahead.
 */
async function writeThroughGate(
  ctx: Ctx,
  issueId: string,
  { projectId }: PatchWorkProduct,
  expected: Expected,
  write: (tx: Tx) => Promise<Outcome<WorkProductRow>>,
): Promise<WorkProductRow> {
  return await mutate(ctx, async (tx) => {
    if (typeof projectId === 'string') await lockCompany(tx, companyOf(ctx))
    const issue = await lockIssue(tx, companyOf(ctx), issueId)
    const gate = await checkWriteGate(tx, ctx, issue, expected)
    const { value, events } = await write(tx)
    if (events.length > 0) await touchIssue(tx, issueId)
    return changedIfAny(value, [...gate.events, ...events])
  })
}

/** Writes to a work product that is there, under the lock of its issue. @throws Refusal `not_found` for the work product */
async function writeExistingThroughGate(
  ctx: Ctx,
  id: string,
  input: PatchWorkProduct,
  expected: Expected,
  write: (tx: Tx, before: WorkProductRow) => Promise<Outcome<WorkProductRow>>,
): Promise<WorkProductRow> {
  // To which issue it belongs never changes, so it may be read before the lock.
  const { issueId } = await workProductById(ctx.store.read, companyOf(ctx), id)
  try {
    return await writeThroughGate(
      ctx,
      issueId,
      input,
      expected,
      async (tx) => await write(tx, await workProductById(tx, companyOf(ctx), id)),
    )
  } catch (error) {
    // An issue that went meanwhile took its work products along.
    if (error instanceof Refusal && error.code === 'not_found') throw notFound('Work product')
    throw error
  }
}

/**
 * Adds a work product to an issue. A primary one takes the place of the one that was.
 * @throws Refusal of the gate (lock-protocol §4.2); `unknown_reference`
 */
export async function createWorkProduct(ctx: Ctx, issueId: string, input: CreateWorkProduct, expected: Expected): Promise<WorkProductRow> {
  const companyId = companyOf(ctx)
  return await writeThroughGate(ctx, issueId, input, expected, async (tx) => {
    await requireReferences(tx, ctx, input)
    if (exactlyOne(await tx.run(countWorkProducts, { issueId })).count >= MAX_WORK_PRODUCTS)
      refuse('unprocessable', { message: `An issue has at most ${MAX_WORK_PRODUCTS} work products` })
    const id = randomUUID()
    const demotedWorkProductId = input.isPrimary ? await demoteOthers(tx, issueId, id) : null
    // The run of an agent is that of its credential, whatever the body says (I8).
    const createdByRunId = ctx.actor.kind === 'agent' ? actingRunIdOf(ctx.actor) : (input.createdByRunId ?? null)
    await tx.insert(workProducts).values({ ...input, id, companyId, issueId, createdByRunId })
    const product = await workProductById(tx, companyId, id)
    return changed(product, workProductCreated(issueId, { ...eventDetails(product), demotedWorkProductId }))
  })
}

/**
 * Changes a work product; what is as it was already is not told.
 * @throws Refusal of the gate; `not_found`, `unknown_reference`
 */
export async function updateWorkProduct(ctx: Ctx, id: string, input: PatchWorkProduct, expected: Expected): Promise<WorkProductRow> {
  return await writeExistingThroughGate(ctx, id, input, expected, async (tx, before) => {
    await requireReferences(tx, ctx, input)
    const previousValues = before as Readonly<Record<string, unknown>>
    const providedFields = Object.entries(input).filter(([key]) => key !== 'createdByRunId' || ctx.actor.kind !== 'agent')
    const changes = providedFields.filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, previousValues[key]))
    if (changes.length === 0) return changedIfAny(before, [])
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

/** Takes a work product off its issue. @returns it was @throws Refusal of the gate; `not_found` */
export async function deleteWorkProduct(ctx: Ctx, id: string, expected: Expected): Promise<WorkProductRow> {
  return await writeExistingThroughGate(ctx, id, {}, expected, async (tx, before) => {
    await tx.delete(workProducts).where(eq(workProducts.id, id))
    return changed(before, workProductDeleted(before.issueId, eventDetails(before)))
  })
}
