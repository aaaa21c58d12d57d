import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { unawaited } from '../../platform/db/mutate.ts'
import type { Tx } from '../../platform/db/types.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { runColumns } from './runRow.ts'
import type { RunRow } from './runRow.ts'

/**
 * How long a queued run may wait for its start before it counts as dead. It holds nothing while it waits, so a long wait
 * costs only a row. A day is enough for a server that was down for a night.
 */
const QUEUED_LEASE_S = 86_400

interface NewRun {
  readonly companyId: string
  readonly agentId: string
  readonly issueId: string | null
  readonly invocationSource: string
  readonly triggerDetail: string | null
  readonly wakeupRequestId: string | null
  /** The run that this one replaces, because it was lost with its server. */
  readonly retryOfRunId: string | null
  /** Earlier runs of its wake that were lost. */
  readonly processLossRetryCount: number
}

const insertQueued = statement<NewRun & { id: string }, never>('run_queue').write(sql`
  insert into ${runs} (id, company_id, agent_id, issue_id, invocation_source, trigger_detail, status, wakeup_request_id,
    retry_of_run_id, process_loss_retry_count, lease_seconds, lease_expires_at, context_snapshot)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId', 'uuid')}, ${param('invocationSource')}, ${param('triggerDetail')},
    'queued', ${param('wakeupRequestId', 'uuid')}, ${param('retryOfRunId', 'uuid')}, ${param('processLossRetryCount', 'int')},
    ${sql.raw(String(QUEUED_LEASE_S))}, now() + interval '1 day',
    jsonb_strip_nulls(jsonb_build_object('issueId', ${param('issueId', 'uuid')})))`)

/** (tx) Queues a run for a wake, without waiting for the answer. It holds nothing before it starts. @returns its id */
export function queueRun(tx: Tx, run: Omit<NewRun, 'retryOfRunId'> & { readonly retryOfRunId?: string }): string {
  const id = randomUUID()
  unawaited(tx.run(insertQueued, { retryOfRunId: null, ...run, id }))
  return id
}

interface NewOpenRun {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  readonly issueId: string | null
  readonly externalRunId: string | null
  readonly leaseSeconds: number
}

const insertRunning = statement<NewOpenRun, RunRow>('run_open').write(sql`
  insert into ${runs} (id, company_id, agent_id, issue_id, invocation_source, trigger_detail, status, external_run_id, lease_seconds,
    lease_expires_at, last_seen_at, started_at, context_snapshot)
  values (${param('id')}, ${param('companyId')}, ${param('agentId')}, ${param('issueId', 'uuid')}, 'on_demand', 'manual', 'running',
    ${param('externalRunId')}, ${param('leaseSeconds', 'int')}, now() + make_interval(secs => ${param('leaseSeconds', 'int')}), now(), now(),
    jsonb_strip_nulls(jsonb_build_object('issueId', ${param('issueId', 'uuid')})))
  returning ${runColumns}`)

/** (tx) Inserts a run that is already running, for an agent that lives elsewhere. */
export const insertOpenRun = async (tx: Tx, run: NewOpenRun): Promise<RunRow> => exactlyOne(await tx.run(insertRunning, run))
