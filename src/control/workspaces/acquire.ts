// Gives a run its worktree: one that it finds free, or a new one. The rows decide; no folder is touched here.
import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Worktrees } from '../../adapters/index.ts'
import { lockRunFacts } from '../../auth/runFacts.ts'
import { runs } from '../../model/runs.ts'
import { executionWorkspaces, workspaceOperations } from '../../model/workspaces.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import { systemCtx } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { CLAIM_S } from './archive.ts'
import { workspaceCreated, workspaceLeased } from './events.ts'
import { beginOperation } from './operations.ts'
import { isLeased, workspaceRowById, worktreeOf } from './queries.ts'
import type { WorkspaceRow } from './queries.ts'
import { branchOf, worktreeNameOf } from './rules.ts'
import type { WorkspacePolicy } from './rules.ts'

/** Folders with a checkout each. A company with more has forgotten to close some. */
const MAX_UNCLOSED = 100
/** Free ones that are looked at, from the one that was used last. */
const MAX_CANDIDATES = 20

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
  /** `isRepeat`: an earlier attempt may have made its folder. The caller ends the claim of the row. */
  | { readonly kind: 'new'; readonly workspace: WorkspaceRow; readonly operationId: string; readonly isRepeat: boolean }
  | { readonly kind: 'again'; readonly workspace: WorkspaceRow }
  /** The run is not live any more. */
  | { readonly kind: 'over' }
  | { readonly kind: 'problem'; readonly problem: string }

interface Wanted {
  companyId: string
  issueId: string
  agentId: string
  projectWorkspaceId: string
  repository: string
  folderMark: string
}

interface Candidate {
  id: string
  previousRunId: string | null
  processIdentity: string | null
}

// A project whose repository is another one now gets new worktrees.
const selectCandidates = statement<Wanted, Candidate>('execution_workspace_candidates').read(sql`
  select w.id, w.lease_run_id as "previousRunId", p.process_identity as "processIdentity" from ${executionWorkspaces} w
  left join ${runs} p on p.id = w.lease_run_id and p.company_id = w.company_id
  where w.company_id = ${param('companyId', 'uuid')} and w.source_issue_id = ${param('issueId', 'uuid')}
    and w.agent_id = ${param('agentId', 'uuid')} and w.project_workspace_id = ${param('projectWorkspaceId', 'uuid')}
    and w.repository = ${param('repository', 'text')} and w.folder_mark = ${param('folderMark', 'uuid')} and w.status = 'open'
    and w.reuse_policy = 'issue' and not ${isLeased('w')}
  order by w.last_used_at desc, w.id limit ${sql.raw(String(MAX_CANDIDATES))}`)

// SKIP LOCKED: what another transaction has locked is being taken or closed.
const lockCandidate = lockingRead(
  'workspace',
  statement<{ id: string; companyId: string }, { id: string }>('execution_workspace_candidate').read(sql`
    select w.id from ${executionWorkspaces} w where w.id = ${param('id', 'uuid')} and w.company_id = ${param('companyId', 'uuid')}
    for no key update skip locked`),
)

// Behind the lock, so that its snapshot sees what the last holder committed. The run before is still the one whose processes have ended.
const selectFree = statement<Pick<Candidate, 'id' | 'previousRunId'>, { id: string }>('execution_workspace_free').read(sql`
  select w.id from ${executionWorkspaces} w where w.id = ${param('id', 'uuid')} and w.status = 'open'
    and w.lease_run_id is not distinct from ${param('previousRunId', 'uuid')} and not ${isLeased('w')}`)

const lease = statement<{ id: string; runId: string }, { id: string }>('execution_workspace_lease').write(sql`
  update ${executionWorkspaces} set lease_run_id = ${param('runId', 'uuid')}, last_used_at = now(), updated_at = now()
  where id = ${param('id', 'uuid')} returning id`)

const countUnclosed = statement<{ companyId: string }, { count: number }>('execution_workspace_count').read(sql`
  select count(*)::int as count from ${executionWorkspaces} where company_id = ${param('companyId', 'uuid')} and status <> 'archived'`)

const selectOfRun = statement<{ runId: string; companyId: string }, { id: string; operationId: string | null }>(
  'execution_workspace_of_run',
).read(sql`
  select w.id, (select o.id from ${workspaceOperations} o where o.workspace_id = w.id and o.status = 'running' limit 1) as "operationId"
  from ${executionWorkspaces} w where w.lease_run_id = ${param('runId', 'uuid')} and w.company_id = ${param('companyId', 'uuid')}
    and w.status in ('preparing', 'open')`)

/**
 * Gives a live run a worktree that no other live run has. The row of the run and that of the workspace are locked, in this order, so a run that ends at the same time ends before or
 * behind it, and of two runs one gets another worktree. A workspace is the run's as long as the run is live, so nothing has to be given back.
 *
 * The processes of the run before have ended before its worktree is taken, so that no row names a run behind which older processes are alive.
 */
export async function acquireWorkspace(store: Store, worktrees: Worktrees, order: WorkspaceOrder): Promise<Acquired> {
  const { companyId } = order
  const folderMark = worktrees.folderMark
  if (folderMark === null) return { kind: 'problem', problem: worktrees.problem ?? 'This server has no folder for worktrees' }
  const candidates = order.policy.reuse === 'never' ? [] : await store.read.run(selectCandidates, { ...order, folderMark })
  for (const candidate of candidates) {
    const left = await endPrevious(worktrees, candidate)
    if (left === 'survived')
      return { kind: 'problem', problem: 'Processes of the run before work in the worktree of the issue, and do not end' }
    // Processes of another host may still work in it. It stays for the board, and the run gets another one.
    if (left === 'elsewhere') continue
    const row = await workspaceRowById(store.read, companyId, candidate.id)
    if (worktrees.exists(row.id) && (await worktrees.check(worktreeOf(row), row.baseCommit ?? '')) !== null) continue
    const taken = await forLiveRun(store, order, (tx) => takeFree(tx, order, candidate))
    if (taken !== null) return taken
  }
  const claim = worktrees.claim()
  let made: Acquired | null = null
  try {
    made = await forLiveRun(store, order, (tx) => insertNew(tx, worktrees, { ...order, folderMark, claim }))
    // The commit of an earlier attempt whose answer was lost: the worktree is made under its claim.
    if (made?.kind === 'new' && made.isRepeat && !worktrees.resume(made.workspace.claimedBy ?? ''))
      return refuse('unavailable', { retryAfter: 1 })
  } finally {
    if (made?.kind !== 'new' || made.isRepeat) worktrees.unclaim(claim)
  }
  return made ?? { kind: 'over' }
}

const endPrevious = async (worktrees: Worktrees, { previousRunId, processIdentity }: Candidate) =>
  previousRunId === null ? 'none' : await worktrees.endLeftover({ runId: previousRunId, processIdentity })

/** A transaction for a run that is live, and that has no worktree yet. A repeat of one whose answer was lost finds what it did. */
const forLiveRun = <T extends Acquired | null>(
  store: Store,
  { companyId, runId }: WorkspaceOrder,
  body: (tx: Tx) => Promise<Outcome<T>>,
): Promise<Acquired | T> =>
  mutate<Acquired | T>(systemCtx(store, companyId, 'workspaces'), async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    const [run] = await lockRunFacts(tx, companyId, [runId])
    if (run?.live !== true) return unchanged({ kind: 'over' })
    const [own] = await tx.run(selectOfRun, { runId, companyId })
    if (own === undefined) return await body(tx)
    const workspace = await workspaceRowById(tx, companyId, own.id)
    if (workspace.status === 'open') return unchanged({ kind: 'again', workspace })
    return unchanged({ kind: 'new', workspace, operationId: own.operationId ?? workspace.id, isRepeat: true })
  })

/** (tx) Gives a worktree that was found free to a run; null when another party has taken it meanwhile. */
async function takeFree(tx: Tx, { companyId, runId, agentId }: WorkspaceOrder, candidate: Candidate): Promise<Outcome<Acquired | null>> {
  const { id, previousRunId } = candidate
  if ((await lockCandidate(tx, { id, companyId })).length === 0) return unchanged(null)
  if ((await tx.run(selectFree, { id, previousRunId })).length === 0) return unchanged(null)
  await tx.run(lease, { id, runId })
  const workspace = await workspaceRowById(tx, companyId, id)
  return changed({ kind: 'again', workspace }, workspaceLeased(id, { runId, previousRunId }, { agentId, runId }))
}

interface NewWorkspace extends WorkspaceOrder {
  readonly folderMark: string
  readonly claim: string
}

/** (tx) Makes the row of a new worktree. */
async function insertNew(tx: Tx, worktrees: Worktrees, order: NewWorkspace): Promise<Outcome<Acquired>> {
  const { companyId, projectId, projectWorkspaceId, issueId, agentId, runId, repository, policy, identifier, folderMark, claim } = order
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
    claimedBy: claim,
    claimedUntil: sql`now() + make_interval(secs => ${sql.raw(String(CLAIM_S))})`,
  })
  await beginOperation(tx, { id: operationId, companyId, workspaceId: id, runId, phase: 'create' })
  const workspace = await workspaceRowById(tx, companyId, id)
  const details = { projectId, issueId, agentId, branchName, operationId }
  return changed({ kind: 'new', workspace, operationId, isRepeat: false }, workspaceCreated(id, details, { agentId, runId }))
}
