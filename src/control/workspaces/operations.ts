// The rows that say what a server did to a workspace.
import { sql } from 'drizzle-orm'
import { workspaceOperations } from '../../model/workspaces.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { redact } from '../../platform/kernel/redact.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { MAX_OPERATIONS } from './queries.ts'

/** Git says a few lines in failure; a list of files is in the readiness. */
const MAX_LINE = 8000
const MAX_LINES = 50
const MAX_ERROR = 2000

interface Begin {
  readonly id: string
  readonly companyId: string
  readonly workspaceId: string
  readonly runId: string | null
  readonly phase: 'create' | 'close'
}

const insert = statement<Begin, { id: string }>('workspace_operation_begin').write(sql`
  insert into ${workspaceOperations} (id, company_id, workspace_id, run_id, phase)
  values (${param('id', 'uuid')}, ${param('companyId', 'uuid')}, ${param('workspaceId', 'uuid')}, ${param('runId', 'uuid')}, ${param('phase', 'text')})
  returning id`)

const deleteOldest = statement<{ workspaceId: string }, { id: string }>('workspace_operation_trim').write(sql`
  delete from ${workspaceOperations} where workspace_id = ${param('workspaceId', 'uuid')} and number <= (
    select n.number from ${workspaceOperations} n where n.workspace_id = ${param('workspaceId', 'uuid')}
    order by n.number desc offset ${sql.raw(String(MAX_OPERATIONS - 1))} limit 1) returning id`)

/** (tx) Begins an operation, and deletes the oldest of the workspace beyond those that are kept. */
export async function beginOperation(tx: Tx, begin: Begin): Promise<void> {
  await tx.run(deleteOldest, { workspaceId: begin.workspaceId })
  await tx.run(insert, begin)
}

const selectNow = statement<object, { ts: string }>('workspace_operation_now').read(sql`select ${isoJson(sql`now()`)} as ts`)

const finish = statement<
  { workspaceId: string; status: 'succeeded' | 'failed'; error: string | null; log: string; logBytes: number },
  { id: string }
>('workspace_operation_finish').write(sql`
  update ${workspaceOperations} set status = ${param('status', 'text')}, error = ${param('error', 'text')}, log = ${param('log', 'text')},
    log_bytes = ${param('logBytes', 'int')}, finished_at = now()
  where workspace_id = ${param('workspaceId', 'uuid')} and status = 'running' returning id`)

/** (tx) Ends the operation of a workspace that is running: at most one is. @param error null for success @param lines of its log */
export async function finishOperation(tx: Tx, workspaceId: string, error: string | null, lines: readonly string[]): Promise<void> {
  const { ts } = exactlyOne(await tx.run(selectNow, {}))
  const log = lines
    .slice(0, MAX_LINES)
    .map((line) => `${JSON.stringify({ ts, stream: 'system', chunk: truncate(redact(line), MAX_LINE) })}\n`)
    .join('')
  await tx.run(finish, {
    workspaceId,
    status: error === null ? 'succeeded' : 'failed',
    error: error === null ? null : truncate(redact(error), MAX_ERROR),
    log,
    logBytes: Buffer.byteLength(log),
  })
}
