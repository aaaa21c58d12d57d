import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { lockUnarchivedCompany } from '../companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { labels } from '../../model/issues.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { skeleton } from '../../platform/kernel/skeleton.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { labelCreated } from './events.ts'
import { labelById } from './queries.ts'
import type { LabelRow } from './queries.ts'
import type { CreateLabel } from './views.ts'

/** The most labels of one company. A longer list no longer helps to sort issues. */
const MAX_LABELS = 1000

const selectLabelNames = statement<{ companyId: string }, { name: string }>('label_names').read(sql`
  select name from ${labels} where company_id = ${param('companyId')}`)

const insertLabelRows = insertRows('label_insert', labels, ['id', 'companyId', 'name', 'color'])

/** A label that was inserted, and the event. */
export interface InsertedLabel {
  readonly id: string
  readonly name: string
  readonly event: DomainEvent
}

/**
 * (tx) Inserts labels in one statement. Expects the company's row lock, and names that differ by their skeletons.
 * @throws Refusal `name_taken`; `unprocessable` beyond the limit
 */
export async function insertLabels(tx: Tx, companyId: string, inputs: readonly CreateLabel[]): Promise<InsertedLabel[]> {
  if (inputs.length === 0) return []
  const existing = await tx.run(selectLabelNames, { companyId })
  const taken = new Set(existing.map(({ name }) => skeleton(name)))
  if (inputs.some(({ name }) => taken.has(skeleton(name)))) refuse('name_taken', { message: 'A label of that name already exists' })
  if (existing.length + inputs.length > MAX_LABELS) refuse('unprocessable', { message: `A company has at most ${MAX_LABELS} labels` })
  const rows = inputs.map(({ name, color }) => ({ id: randomUUID(), companyId, name, color }))
  await insertLabelRows(tx, rows)
  return rows.map(({ id, name, color }) => ({ id, name, event: labelCreated(id, { name, color }) }))
}

/** Creates a label. Two names of a company look different. @throws Refusal `name_taken`, `company_not_active` */
export async function createLabel(ctx: Ctx, input: CreateLabel): Promise<LabelRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const { id, event } = exactlyOne(await insertLabels(tx, companyId, [input]))
    return changed(await labelById(tx, companyId, id), event)
  })
}

const lockForDelete = statement<{ id: string; companyId: string }, { id: string }>('label_lock').read(
  sql`select id from ${labels} where id = ${param('id')} and company_id = ${param('companyId')} for update`,
)

/** (tx) Locks a label, so that no other transaction adds it to an issue. @throws Refusal `not_found` */
export async function lockLabelForDelete(tx: Tx, companyId: string, id: string): Promise<LabelRow> {
  await tx.run(lockForDelete, { id, companyId })
  return await labelById(tx, companyId, id)
}

/** (tx) Deletes a label and removes it from every issue. */
export const deleteLabelRow = async (tx: Tx, id: string): Promise<void> => void (await tx.delete(labels).where(eq(labels.id, id)))
