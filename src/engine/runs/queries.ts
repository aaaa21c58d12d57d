import { sql } from 'drizzle-orm'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'

const byId = statement<{ id: string; companyId: string }, RunRow>('run_by_id').read(
  sql`select ${runColumns} from ${runs} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** Reads a run of the company. @throws Refusal `not_found` */
export async function runRowById(db: Pick<ReadDb, 'run'>, ctx: Ctx, id: string): Promise<RunRow> {
  const [row] = await db.run(byId, { id, companyId: companyOf(ctx) })
  if (row === undefined) refuse('not_found', { message: 'Run not found' })
  return row
}
