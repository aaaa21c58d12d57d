// Gives a run its worktree: one that it finds free, or a new one. The rows decide; no folder is touched here.
import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Leftover, Worktrees } from '../../adapters/index.ts'
import { lockRunFacts } from '../../auth/runFacts.ts'
import { runs } from '../../model/runs.ts'
import { executionWorkspaces } from '../../model/workspaces.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import { systemCtx } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store, Tx } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { workspaceCreated, workspaceLeased } from './events.ts'
import { beginOperation } from './operations.ts'
import { isLeased, workspaceRowById } from './queries.ts'
import type { WorkspaceRow } from './queries.ts'
import { branchOf, worktreeNameOf } from './rules.ts'
import type { WorkspacePolicy } from './rules.ts'

/** Folders with a checkout each. A company with more has forgotten to close some. */
const MAX_UNCLOSED = 100
/** Free ones that are looked at; the newest that is free is taken. */
const MAX_CANDIDATES = 20
/** Longer than every step of an operation together: then its server is taken for gone. */
export const CLAIM_S = 15 * 60

/** The request of a run: the issue it is for, and where its project has its repository. */
export interface WorkspaceOrder {
  readonly runId: string
  readonly agentId: string
  readonly companyId: string
  readonly issueId: string
  readonly identifier: string
  readonly projectId: string
  readonly projectWorkspaceId: string
  readonly repository: string
  readonly baseRef: string | null
  readonly policy: WorkspacePolicy
}

export type Acquired =
  | { readonly kind: 'new'; readonly workspace: WorkspaceRow; readonly operationId: string }
  | { readonly kind: 'again'; readonly workspace: WorkspaceRow; readonly previousRun: Leftover | null }
  /** The run is not live any more. */
  | { readonly kind: 'over' }
  | { readonly kind: 'problem'; readonly problem: string }

interface Wanted {
  companyId: string
  issueId: string
  agentId: string
  projectWorkspaceId: string
  folderMark: string
}

// SKIP LOCKED: what another transaction has locked is being taken or closed.
const lockCandidates = lockingRead(
  'workspace',
  statement<Wanted, { id: string }>('execution_workspace_candidates').read(sql`
    select w.id from ${executionWorkspaces} w where w.company_id = ${param('companyId', 'uuid')} and w.id = any(array(
      select c.id from ${executionWorkspaces} c where c.company_id = ${param('companyId', 'uuid')} and c.source_issue_id = ${param('issueId', 'uuid')}
        and c.agent_id = ${param('agentId', 'uuid')} and c.project_workspace_id = ${param('projectWorkspaceId', 'uuid')}
        and c.folder_mark = ${param('folderMark', 'uuid')} and c.status = 'open' and c.reuse_policy = 'issue'
      order by c.last_used_at desc, c.id limit ${sql.raw(String(MAX_CANDIDATES))}))
    order by w.id for no key update skip locked`),
)

// Behind the locks, so that its snapshot sees what their last holders committed.
const selectFree = statement<{ ids: string[] }, { id: string; previousRunId: string | null; processIdentity: string | null }>(
  'execution_workspace_free',
).read(sql`
  select w.id, p.id as "previousRunId", p.process_identity as "processIdentity" from ${executionWorkspaces} w
  left join ${runs} p on p.id = w.lease_run_id and p.company_id = w.company_id
  where w.id = any(${param('ids', 'uuid[]')}) and w.status = 'open' and not ${isLeased('w')} order by w.last_used_at desc, w.id limit 1`)

const lease = statement<{ id: string; runId: string }, { id: string }>('execution_workspace_lease').write(sql`
  update ${executionWorkspaces} set lease_run_id = ${param('runId', 'uuid')}, last_used_at = now(), updated_at = now()
  where id = ${param('id', 'uuid')} returning id`)

const countUnclosed = statement<{ companyId: string }, { count: number }>('execution_workspace_count').read(sql`
  select count(*)::int as count from ${executionWorkspaces} where company_id = ${param('companyId', 'uuid')} and status <> 'archived'`)

const selectOfRun = statement<{ runId: string; companyId: string }, { id: string }>('execution_workspace_of_run').read(sql`
  select id from ${executionWorkspaces} where lease_run_id = ${param('runId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
    and status in ('preparing', 'open')`)

/**
 * Gives a live run a worktree that no other live run has. The row of the run and that of the workspace are locked, in this order, so a run that ends at the same time ends before or
 * behind it, and of two runs one gets another worktree. A workspace is the run's as long as the run is live, so nothing has to be given back.
 */
export async function acquireWorkspace(store: Store, worktrees: Worktrees, order: WorkspaceOrder): Promise<Acquired> {
  const { companyId, runId } = order
  const folderMark = worktrees.folderMark
  if (folderMark === null) return { kind: 'problem', problem: worktrees.problem ?? 'This server has no folder for worktrees' }
  return await mutate(systemCtx(store, companyId, 'workspaces'), async (tx): Promise<Outcome<Acquired>> => {
    await lockUnarchivedCompany(tx, companyId)
    const [run] = await lockRunFacts(tx, companyId, [runId])
    if (run?.live !== true) return unchanged({ kind: 'over' })
    // A repeat of a transaction whose answer was lost.
    const [own] = await tx.run(selectOfRun, { runId, companyId })
    if (own !== undefined)
      return unchanged({ kind: 'problem', problem: 'The worktree of the run could not be prepared: the database was away' })
    const locked = order.policy.reuse === 'never' ? [] : await lockCandidates(tx, { ...order, folderMark })
    const [free] = await tx.run(selectFree, { ids: locked.map(({ id }) => id) })
    if (free === undefined) return await insertNew(tx, worktrees, folderMark, order)
    await tx.run(lease, { id: free.id, runId })
    const { previousRunId, processIdentity } = free
    const previousRun = previousRunId === null ? null : { runId: previousRunId, processIdentity }
    const workspace = await workspaceRowById(tx, companyId, free.id)
    return changed(
      { kind: 'again', workspace, previousRun },
      workspaceLeased(free.id, { runId, previousRunId }, { agentId: order.agentId, runId }),
    )
  })
}

async function insertNew(tx: Tx, worktrees: Worktrees, folderMark: string, order: WorkspaceOrder): Promise<Outcome<Acquired>> {
  const { companyId, projectId, projectWorkspaceId, issueId, agentId, runId, repository, policy, identifier } = order
  const { count } = exactlyOne(await tx.run(countUnclosed, { companyId }))
  if (count >= MAX_UNCLOSED)
    return unchanged({
      kind: 'problem',
      problem: `The company has ${count} execution workspaces, and no more are made: close some that are idle`,
    })
  const [id, operationId] = [randomUUID(), randomUUID()]
  const worktreeName = worktreeNameOf(identifier, id)
  const branchName = branchOf(worktreeName)
  await tx.insert(executionWorkspaces).values({
    id,
    companyId,
    projectId,
    projectWorkspaceId,
    agentId,
    repository,
    worktreeName,
    branchName,
    folderMark,
    sourceIssueId: issueId,
    name: worktreeName,
    baseRef: policy.baseRef ?? order.baseRef,
    cwd: worktrees.pathOf({ id, name: worktreeName }),
    reusePolicy: policy.reuse,
    closePolicy: policy.close,
    leaseRunId: runId,
    claimedBy: worktrees.self,
    claimedUntil: sql`now() + make_interval(secs => ${sql.raw(String(CLAIM_S))})`,
  })
  await beginOperation(tx, { id: operationId, companyId, workspaceId: id, runId, phase: 'create' })
  const workspace = await workspaceRowById(tx, companyId, id)
  const details = { projectId, issueId, agentId, branchName, operationId }
  return changed({ kind: 'new', workspace, operationId }, workspaceCreated(id, details, { agentId, runId }))
}
