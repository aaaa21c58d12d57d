import { sql } from 'drizzle-orm'
import type { Tx } from '../db/mutate.ts'
import { runs } from '../db/schema/runs.ts'
import { param, statement } from '../db/statement.ts'
import { only } from '../kernel/only.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'
import { runStatus } from './status.ts'
import type { RunOutcome, RunStatus } from './status.ts'

/** How a run ended. */
export interface Ending {
  readonly status: RunOutcome
  readonly error?: string | null | undefined
  readonly errorCode?: string | null | undefined
  readonly usageJson?: Readonly<Record<string, unknown>> | null | undefined
  readonly resultJson?: Readonly<Record<string, unknown>> | null | undefined
}

const closeRow = statement<
  {
    id: string
    from: RunStatus
    status: RunOutcome
    error: string | null
    errorCode: string | null
    usageJson: string | null
    resultJson: string | null
  },
  RunRow
>('run_close').write(sql`
  update ${runs} set status = ${param('status')}, finished_at = now(), updated_at = now(), error = ${param('error')},
    error_code = ${param('errorCode')}, usage_json = coalesce(${param('usageJson', 'jsonb')}, usage_json),
    result_json = coalesce(${param('resultJson', 'jsonb')}, result_json)
  where id = ${param('id')} and status = ${param('from')}
  returning ${runColumns}`)

const json = (value: unknown): string | null => (value === undefined || value === null ? null : JSON.stringify(value))

/** (tx) The only writer of a run's end. Expects the run's row lock; refuses a second end. */
export async function closeRun(tx: Tx, id: string, from: RunStatus, ending: Ending): Promise<RunRow> {
  runStatus.step(from, ending.status)
  const rows = await tx.run(closeRow, {
    id,
    from,
    status: ending.status,
    error: ending.error ?? null,
    errorCode: ending.errorCode ?? null,
    usageJson: json(ending.usageJson),
    resultJson: json(ending.resultJson),
  })
  return only(rows)
}
