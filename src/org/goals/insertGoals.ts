import { sql } from 'drizzle-orm'
import { goals } from '../../model/projects.ts'
import { companyOf } from '../../platform/db/context.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { goalCreated } from './events.ts'
import type { CreateGoal } from './views.ts'
import { MAX_GOALS } from './write.ts'

/** A goal of a batch. Its id is chosen before, so that others of the batch may name it as their parent. */
export interface BatchGoal {
  readonly id: string
  readonly input: CreateGoal
}

const insert = insertRows('goal_insert_many', goals, [
  'id',
  'companyId',
  'title',
  'description',
  'level',
  'status',
  'parentId',
  'ownerAgentId',
])

const countGoals = statement<{ companyId: string }, { count: number }>('goal_count').read(
  sql`select count(*)::int as count from ${goals} where company_id = ${param('companyId')}`,
)

/**
 * (tx) Inserts goals in one statement. Expects the company's row lock.
 * @param batch expects parents and owners that this transaction has read under that lock or has inserted, and no circle of parents
 * @throws Refusal `unprocessable` beyond the goals of a company
 */
export async function insertGoals(tx: Tx, ctx: Ctx, batch: readonly BatchGoal[]): Promise<DomainEvent[]> {
  if (batch.length === 0) return []
  const companyId = companyOf(ctx)
  const { count } = exactlyOne(await tx.run(countGoals, { companyId }))
  if (count + batch.length > MAX_GOALS) refuse('unprocessable', { message: `A company has at most ${MAX_GOALS} goals` })
  await insert(
    tx,
    batch.map(({ id, input }) => ({ ...input, id, companyId })),
  )
  return batch.map(({ id, input: { title, level, status, parentId = null, ownerAgentId = null } }) =>
    goalCreated(id, { title, level, status, parentId, ownerAgentId }),
  )
}
