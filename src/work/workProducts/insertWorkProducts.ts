import { randomUUID } from 'node:crypto'
import { workProducts } from '../../model/workProducts.ts'
import { companyOf } from '../../platform/db/context.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { workProductCreated } from './events.ts'
import type { CreateWorkProduct } from './views.ts'

/** A work product of a new issue. It refers to no other row. */
export interface BatchWorkProduct {
  readonly issueId: string
  readonly input: Omit<CreateWorkProduct, 'projectId' | 'executionWorkspaceId' | 'runtimeServiceId' | 'createdByRunId'>
}

const insert = insertRows('work_product_insert_many', workProducts, [
  'id',
  'companyId',
  'issueId',
  'type',
  'provider',
  'externalId',
  'title',
  'url',
  'status',
  'reviewState',
  'isPrimary',
  'healthStatus',
  'summary',
  'metadata',
  'createdByRunId',
])

/**
 * (tx) Inserts work products in one statement.
 * @param batch expects issues that this transaction has inserted, and at most one primary work product for each
 */
export async function insertWorkProducts(tx: Tx, ctx: Ctx, batch: readonly BatchWorkProduct[]): Promise<DomainEvent[]> {
  const shared = { companyId: companyOf(ctx), createdByRunId: actingRunIdOf(ctx.actor) }
  const rows = batch.map(({ issueId, input }) => ({ ...input, ...shared, issueId, id: randomUUID() as string }))
  await insert(tx, rows)
  return rows.map(({ id, issueId, type, provider, title, status, reviewState, healthStatus, isPrimary }) => {
    const product = { workProductId: id, type, provider, title, status, reviewState, healthStatus, isPrimary }
    return workProductCreated(issueId, { ...product, demotedWorkProductId: null })
  })
}
