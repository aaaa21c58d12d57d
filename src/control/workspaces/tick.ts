// The work of servers for workspaces without a request: clean up behind a crash, close what is done, forget what is old.
import { sql } from 'drizzle-orm'
import type { Worktrees } from '../../adapters/index.ts'
import { issues } from '../../model/issues.ts'
import { executionWorkspaces, workspaceOperations } from '../../model/workspaces.ts'
import { systemCtx } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { archiveWorkspace, CLAIM_S, keepWorkspace } from './archive.ts'
import { closeBySelf } from './close.ts'
import { workspacesForgotten } from './events.ts'
import { isLeased, worktreeOf } from './queries.ts'
import type { WorkspaceRow } from './queries.ts'

/** Workspaces of one tick. Each costs several processes of git. */
const BATCH_SIZE = 10
/** After its last run a workspace is left alone: an issue is often opened again at once. */
const QUIET_S = 60
/** Between two looks at one whose work would be lost. */
const RECHECK_S = 60 * 60
const KEPT_DAYS = 90
const FORGOTTEN_AT_ONCE = 200

const batch = sql.raw(String(BATCH_SIZE))
const columns = sql`${columnsOf(executionWorkspaces)}, null::uuid as "activeRunId"`
/** Operations that are looked at. Few servers are gone at once, and each has few under way. */
const MAX_CLAIMED = sql.raw('200')

type Interrupted = WorkspaceRow & { readonly isLate: boolean; readonly operationId: string | null }

const selectClaimed = statement<{ folderMark: string }, Interrupted>('execution_workspace_claimed').read(sql`
  select ${columns}, claimed_until < now() as "isLate", (select o.id from ${workspaceOperations} o
    where o.workspace_id = execution_workspaces.id and o.status = 'running' limit 1) as "operationId"
  from ${executionWorkspaces} where folder_mark = ${param('folderMark', 'uuid')} and status in ('preparing', 'closing') order by created_at limit ${MAX_CLAIMED}`)

const takeOver = statement<{ id: string; claimedBy: string | null; claim: string }, { id: string }>('execution_workspace_take_over')
  .unaudited(sql`
  update ${executionWorkspaces} set claimed_by = ${param('claim', 'text')}, claimed_until = now() + make_interval(secs => ${sql.raw(String(CLAIM_S))})
  where id = ${param('id', 'uuid')} and claimed_by = ${param('claimedBy', 'text')} and status in ('preparing', 'closing') returning id`)

/** Does the work of each row. One that fails does not keep the others from theirs. @throws the first failure, behind all */
async function forEach<T>(rows: readonly T[], work: (row: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  for (const row of rows) await work(row).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

/**
 * Ends the operations of servers that are gone. A folder that was being made is removed, because no run has worked in it. One that was being closed stays as
 * long as it stands in its place; when it was taken away already, its end is recorded.
 */
async function recover(store: Store, worktrees: Worktrees, folderMark: string): Promise<void> {
  const claimed = await store.read.run(selectClaimed, { folderMark })
  const interrupted = claimed.filter(({ claimedBy, isLate }) => isLate || (claimedBy !== null && worktrees.isGone(claimedBy)))
  await forEach(interrupted, async (row) => {
    const claim = worktrees.claim()
    try {
      // Another server may do the same.
      const [taken] = await writeUnaudited(store, takeOver, { id: row.id, claimedBy: row.claimedBy, claim })
      if (taken !== undefined) await recoverOne(store, worktrees, row, claim)
    } finally {
      worktrees.unclaim(claim)
    }
  })
}

async function recoverOne(store: Store, worktrees: Worktrees, row: Interrupted, claim: string): Promise<void> {
  const ctx = systemCtx(store, row.companyId, 'workspaces')
  const lines = ['The server that did this has ended']
  if (row.status === 'preparing') {
    await worktrees.undo(worktreeOf(row), row.branchName)
    await archiveWorkspace(ctx, row, claim, { reason: 'not_made', lines, error: 'The server that made it has ended' })
  } else if (worktrees.exists(row.id)) {
    const reasons = ['The server that was closing it has ended']
    await keepWorkspace(ctx, { ...row, operationId: row.operationId ?? row.id }, claim, { reasons, lines })
  } else if (worktrees.folderMark === row.folderMark) {
    // The server may have ended between the rename and the end of the record that the repository has of the worktree.
    await worktrees.settle(worktreeOf(row))
    await archiveWorkspace(ctx, row, claim, { reason: 'folder_missing', lines, error: null })
  }
}

// Companies take turns: one with many workspaces, or slow ones, delays the others by one of its own.
const selectDone = statement<{ folderMark: string }, WorkspaceRow>('execution_workspace_done').read(sql`
  select ${columns} from (
    select w.*, row_number() over (partition by w.company_id order by w.next_check_at, w.id) as turn from ${executionWorkspaces} w
    where w.folder_mark = ${param('folderMark', 'uuid')} and w.status = 'open'
      and w.next_check_at <= now() and w.close_policy = 'when_issue_closed' and w.last_used_at < now() - make_interval(secs => ${sql.raw(String(QUIET_S))})
      and not ${isLeased('w')}
      and not exists (select from ${issues} i where i.id = w.source_issue_id and i.company_id = w.company_id
        and i.status not in ('done', 'cancelled'))) execution_workspaces
  order by turn, next_check_at limit ${batch}`)

const setNextCheck = statement<{ id: string }, { id: string }>('execution_workspace_recheck').unaudited(sql`
  update ${executionWorkspaces} set next_check_at = now() + make_interval(secs => ${sql.raw(String(RECHECK_S))}) where id = ${param('id', 'uuid')} returning id`)

const companiesWithOld = statement<object, { companyId: string }>('execution_workspace_old_in').read(sql`
  select distinct o.company_id as "companyId" from (select company_id from ${executionWorkspaces} where status = 'archived'
    and closed_at < now() - make_interval(days => ${sql.raw(String(KEPT_DAYS))}) order by closed_at limit ${sql.raw(String(FORGOTTEN_AT_ONCE))}) o`)

const forget = statement<{ companyId: string }, { id: string }>('execution_workspace_forget').write(sql`
  delete from ${executionWorkspaces} d using (
    select w.id from ${executionWorkspaces} w where w.company_id = ${param('companyId', 'uuid')} and w.status = 'archived'
      and w.closed_at < now() - make_interval(days => ${sql.raw(String(KEPT_DAYS))}) order by w.closed_at limit ${sql.raw(String(FORGOTTEN_AT_ONCE))}
    for update skip locked) old
  where d.id = old.id returning d.id`)

/** Deletes the rows of workspaces that were closed long ago, some at a time. The audit keeps what they were. */
async function forgetOld(store: Store): Promise<void> {
  for (const { companyId } of await store.read.run(companiesWithOld, {}))
    await mutate(systemCtx(store, companyId, 'retention'), async (tx) => {
      const { length: workspaces } = await tx.run(forget, { companyId })
      return workspaces === 0 ? unchanged(null) : changed(null, workspacesForgotten(companyId, { workspaces }))
    })
}

/**
 * Cleans up behind servers that are gone, closes workspaces whose issues are closed where nothing would be lost, and forgets old rows. Any number of servers
 * may do it at once: each step begins with a claim or a lock.
 * @param worktrees null for a server without a folder
 */
export async function tickWorkspaces(store: Store, worktrees: Worktrees | null): Promise<void> {
  await forgetOld(store)
  const folderMark = worktrees?.folderMark ?? null
  if (worktrees === null || folderMark === null) return
  await recover(store, worktrees, folderMark)
  const done = await store.read.run(selectDone, { folderMark })
  await forEach(done, async (row) => {
    let isGone = false
    try {
      isGone = await closeBySelf(systemCtx(store, row.companyId, 'workspaces'), worktrees, row)
    } finally {
      // One that fails is no reason to look at it first the next time.
      if (!isGone) await writeUnaudited(store, setNextCheck, { id: row.id })
    }
  })
  await worktrees.removeClosed()
}
