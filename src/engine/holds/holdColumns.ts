import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { evictions, issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { issueColumns, issueWithLabels, withLabelIds } from './issueRow.ts'
import type { IssueRow, IssueWithLabels } from './issueRow.ts'

/**
 * The only writer of the lock columns and of evictions. Every function expects the issue's row lock, and every change of
 * the columns raises the epoch by one: the fence that an agent may quote in `X-Paperclip-Lock-Epoch`.
 */

interface Acquired {
  readonly id: string
  readonly agentId: string
  readonly runId: string | null
  readonly nameKey: string
}

const acquiring = (returned: SQL): SQL => sql`
  update ${issues} set
    assignee_agent_id = ${param('agentId', 'uuid')}, assignee_user_id = null,
    checkout_run_id = ${param('runId', 'uuid')}, execution_run_id = ${param('runId', 'uuid')},
    execution_agent_name_key = case when ${param('runId', 'uuid')} is null then null else ${param('nameKey', 'text')} end,
    execution_locked_at = case when ${param('runId', 'uuid')} is null then null else clock_timestamp() end,
    status = 'in_progress', started_at = coalesce(started_at, now()), completed_at = null, cancelled_at = null,
    closed_by_run_id = null, lock_epoch = lock_epoch + 1, updated_at = now()
  where id = ${param('id')}
  returning ${returned}`

// To prepare the aggregate of the labels costs a tenth of the statement, whether there are labels or not.
const updateAcquired = statement<Acquired, Omit<IssueWithLabels, 'labelIds'>>('hold_take').write(acquiring(issueWithLabels))
const updateAcquiredUnlabelled = statement<Acquired, IssueRow>('hold_take_unlabelled').write(acquiring(issueColumns))

const unlabelled = (row: IssueRow): IssueWithLabels => Object.assign(row, { labels: [], labelIds: [] })

/**
 * Gives the issue to an agent, held by `runId`. With null, for the board, the agent is assigned and no run holds the issue yet.
 * @param params `hasLabels` is false only for an issue that was found under its lock to have none
 */
export async function acquireHold(
  tx: Tx,
  { agentName, hasLabels, ...params }: Omit<Acquired, 'nameKey'> & { readonly agentName: string; readonly hasLabels: boolean },
): Promise<IssueWithLabels> {
  const values = { ...params, nameKey: agentName.trim().toLowerCase() }
  if (hasLabels) return withLabelIds(exactlyOne(await tx.run(updateAcquired, values)))
  return unlabelled(exactlyOne(await tx.run(updateAcquiredUnlabelled, values)))
}

const updateAdopted = statement<{ id: string; runId: string; nameKey: string }, { lockEpoch: number }>('hold_adopt').write(sql`
  update ${issues} set checkout_run_id = ${param('runId')}, execution_run_id = ${param('runId')},
    execution_agent_name_key = ${param('nameKey')}, execution_locked_at = clock_timestamp(), lock_epoch = lock_epoch + 1
  where id = ${param('id')} returning lock_epoch as "lockEpoch"`)

/** Makes a new run of the assignee the holder in place of a dead one. @returns the new epoch */
export const adoptHold = async (tx: Tx, id: string, runId: string, agentName: string): Promise<number> =>
  exactlyOne(await tx.run(updateAdopted, { id, runId, nameKey: agentName.trim().toLowerCase() })).lockEpoch

interface Released {
  readonly id: string
  readonly clearAssignee: boolean
}

const releasing = (returned: SQL): SQL => sql`
  update ${issues} set
    checkout_run_id = null, execution_run_id = null, execution_agent_name_key = null, execution_locked_at = null,
    assignee_agent_id = case when ${param('clearAssignee', 'boolean')} then null else assignee_agent_id end,
    status = case when ${param('clearAssignee', 'boolean')} and status = 'in_progress' then 'todo' else status end,
    lock_epoch = lock_epoch + 1, updated_at = now()
  where id = ${param('id')}
  returning ${returned}`

const updateReleased = statement<Released, Omit<IssueWithLabels, 'labelIds'>>('hold_give_back').write(releasing(issueWithLabels))
const updateReleasedUnlabelled = statement<Released, IssueRow>('hold_give_back_unlabelled').write(releasing(issueColumns))

/**
 * Clears all four columns and, if asked, the assigned agent; an issue `in_progress` is then `todo` (LOCK_PROTOCOL §4.3, §5).
 * @param hasLabels false only for an issue that was found under its lock to have none
 */
export async function releaseHold(tx: Tx, id: string, clearAssignee: boolean, hasLabels = true): Promise<IssueWithLabels> {
  if (hasLabels) return withLabelIds(exactlyOne(await tx.run(updateReleased, { id, clearAssignee })))
  return unlabelled(exactlyOne(await tx.run(updateReleasedUnlabelled, { id, clearAssignee })))
}

/** The assignments of an update that clears the hold where `condition` is true. @param condition SQL, never null */
export const clearingHoldIf = (condition: SQL): SQL => sql`
  checkout_run_id = case when ${condition} then null else ${issues.checkoutRunId} end,
  execution_run_id = case when ${condition} then null else ${issues.executionRunId} end,
  execution_agent_name_key = case when ${condition} then null else ${issues.executionAgentNameKey} end,
  execution_locked_at = case when ${condition} then null else ${issues.executionLockedAt} end,
  lock_epoch = ${issues.lockEpoch} + case when ${condition} then 1 else 0 end`

const clearColumns = statement<{ id: string }, { lockEpoch: number }>('hold_clear').write(sql`
  update ${issues} set checkout_run_id = null, execution_run_id = null, execution_agent_name_key = null,
    execution_locked_at = null, lock_epoch = lock_epoch + 1
  where id = ${param('id')} returning lock_epoch as "lockEpoch"`)

/** Clears all four columns and nothing else. @returns the new epoch */
export const clearHold = async (tx: Tx, id: string): Promise<number> => exactlyOne(await tx.run(clearColumns, { id })).lockEpoch

// A column that names one of the runs is cleared. A column that names another run stays, and the name of the executing agent with it.
const clearColumnsOf = statement<{ id: string; runIds: string[] }, { lockEpoch: number }>('hold_clear_runs').write(sql`
  update ${issues} set
    checkout_run_id = case when checkout_run_id = any(${param('runIds', 'uuid[]')}) then null else checkout_run_id end,
    execution_run_id = case when execution_run_id = any(${param('runIds', 'uuid[]')}) then null else execution_run_id end,
    execution_agent_name_key = case when execution_run_id = any(${param('runIds', 'uuid[]')}) or execution_run_id is null
      then null else execution_agent_name_key end,
    execution_locked_at = case when execution_run_id = any(${param('runIds', 'uuid[]')}) or execution_run_id is null
      then null else execution_locked_at end,
    lock_epoch = lock_epoch + 1
  where id = ${param('id')} returning lock_epoch as "lockEpoch"`)

/** Clears the columns that name one of the runs. @returns the new epoch */
export const clearHoldOf = async (tx: Tx, id: string, runIds: readonly string[]): Promise<number> =>
  exactlyOne(await tx.run(clearColumnsOf, { id, runIds: [...runIds] })).lockEpoch

// Only existing runs are evicted. A column may name a run that never existed, which cannot act anyway.
const insertEvictions = statement<{ issueId: string; runIds: string[] }, { runId: string }>('hold_evict').write(sql`
  insert into ${evictions} (issue_id, run_id)
  select ${param('issueId', 'uuid')}, r.id from ${runs} r where r.id = any(${param('runIds', 'uuid[]')})
  on conflict do nothing returning run_id as "runId"`)

/** Evicts runs from the issue. An eviction is final (I5). */
export async function evict(tx: Tx, issueId: string, runIds: readonly string[]): Promise<void> {
  if (runIds.length > 0) await tx.run(insertEvictions, { issueId, runIds: [...runIds] })
}
