// Puts a run into its worktree, before its agent is started.
import type { Worktree, Worktrees } from '../../adapters/index.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { acquireWorkspace } from './acquire.ts'
import type { Acquired, WorkspaceOrder } from './acquire.ts'
import { archiveWorkspace, openWorkspace } from './archive.ts'
import type { WorkspaceRow } from './queries.ts'
import { isRef, policyOf } from './rules.ts'

/** Where a run works. */
export type Placement =
  /** In the folder that it has without a worktree. */
  | { readonly kind: 'none' }
  | { readonly kind: 'folder'; readonly folder: string }
  /** It cannot be started, and its issue needs a person. */
  | { readonly kind: 'problem'; readonly problem: string }
  | { readonly kind: 'over' }

const NO_FOLDER = 'The project asks for worktrees, and this server has no folder for them: name one in PAPERCLIP_WORKTREE_FOLDER'

/** A workspace whose folder is gone is closed, and then another one is taken or made. */
const MAX_ATTEMPTS = 3

export const worktreeOf = ({ id, worktreeName, agentId, repository }: WorkspaceRow): Worktree => ({
  id,
  name: worktreeName,
  agentId,
  repository,
})

/** Agents that are asked over HTTP work on another host. */
const worksHere = (adapterType: string): boolean => adapterType !== 'http' && adapterType !== 'openclaw_gateway'

function orderOf({ workspace, runId, agentId, companyId, issueId }: StartOrder): WorkspaceOrder | { readonly problem: string } | null {
  if (workspace === null || issueId === null) return null
  const { policy: stored, ...rest } = workspace
  const policy = policyOf(stored)
  if ('problem' in policy) return policy
  const baseRef = policy.baseRef ?? rest.baseRef
  if (baseRef !== null && !isRef(baseRef))
    return { problem: 'The repoRef of the workspace of the project is not the name of a branch, tag or commit' }
  return { ...rest, runId, agentId, companyId, issueId, policy }
}

/**
 * Takes or makes the worktree of a run whose project asks for one. The rows are committed before git is started, so that a crash leaves nothing which the next look of a
 * server does not find.
 * @throws when the database is away
 */
export async function placeRun(store: Store, worktrees: Worktrees | null, order: StartOrder): Promise<Placement> {
  if (!worksHere(order.adapterType)) return { kind: 'none' }
  const wanted = orderOf(order)
  if (wanted === null) return { kind: 'none' }
  if ('problem' in wanted) return { kind: 'problem', problem: wanted.problem }
  if (worktrees === null) return { kind: 'problem', problem: NO_FOLDER }
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const acquired = await acquireWorkspace(store, worktrees, wanted)
    if (acquired.kind === 'over' || acquired.kind === 'problem') return acquired
    const placement = acquired.kind === 'new' ? await make(store, worktrees, acquired) : await takeAgain(store, worktrees, acquired)
    if (placement !== null) return placement
  }
  return { kind: 'problem', problem: 'The worktrees of the issue are gone from their folder' }
}

async function make(
  store: Store,
  worktrees: Worktrees,
  { workspace, operationId }: Extract<Acquired, { kind: 'new' }>,
): Promise<Placement> {
  const ctx = systemCtx(store, workspace.companyId, 'workspaces')
  const worktree = worktreeOf(workspace)
  const made = await worktrees.create(worktree, workspace.branchName, workspace.baseRef)
  const begun = `git worktree add ${workspace.cwd} on the branch ${workspace.branchName}, at ${workspace.baseRef ?? 'the head of the repository'}`
  if ('problem' in made) {
    const lines = [begun, made.problem]
    await archiveWorkspace(ctx, workspace, worktrees.self, { reason: 'not_made', lines, error: made.problem })
    return { kind: 'problem', problem: made.problem }
  }
  const lines = [begun, `It begins at the commit ${made.commit}`]
  if (await openWorkspace(ctx, { ...workspace, operationId }, worktrees.self, { baseCommit: made.commit, lines }))
    return { kind: 'folder', folder: workspace.cwd }
  // Another server took this one for gone, and has closed the workspace.
  await worktrees.undo(worktree, workspace.branchName)
  return { kind: 'problem', problem: 'Making the worktree took too long' }
}

/** @returns null when the folder is gone, and the workspace was closed for that reason */
async function takeAgain(
  store: Store,
  worktrees: Worktrees,
  { workspace, previousRun }: Extract<Acquired, { kind: 'again' }>,
): Promise<Placement | null> {
  // The row says that the run before is over. Its process may still be ending, or its server has died: two runs never share a worktree.
  if (previousRun !== null && !(await worktrees.endLeftover(previousRun)))
    return { kind: 'problem', problem: 'Processes of the run before work in the worktree of the issue, and do not end' }
  if (worktrees.exists(workspace.id)) return { kind: 'folder', folder: workspace.cwd }
  const ctx = systemCtx(store, workspace.companyId, 'workspaces')
  await archiveWorkspace(ctx, workspace, null, { reason: 'folder_missing', lines: [], error: null })
  return null
}
