// Puts a run into its worktree, before its agent is started.
import type { Worktrees } from '../../adapters/index.ts'
import { systemCtx } from '../../platform/db/context.ts'
import type { Store } from '../../platform/db/types.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { acquireWorkspace } from './acquire.ts'
import type { Acquired, WorkspaceOrder } from './acquire.ts'
import { archiveWorkspace, openWorkspace } from './archive.ts'
import { worktreeOf } from './queries.ts'
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

const cwdIn = (config: unknown): string | null => {
  const cwd = (config as { readonly cwd?: unknown } | null)?.cwd
  return typeof cwd === 'string' && cwd !== '' ? cwd : null
}

/** A run that works in a folder around the worktrees would read and write those of every agent. */
function exposure(worktrees: Worktrees, { projectFolder, adapterConfig }: StartOrder): string | null {
  const folder = projectFolder ?? cwdIn(adapterConfig)
  if (folder === null || !worktrees.exposes(folder)) return null
  return `The working folder ${folder} contains PAPERCLIP_WORKTREE_FOLDER or lies in it, and the run would have the worktrees of other agents: name another folder`
}

/**
 * Takes or makes the worktree of a run whose project asks for one. The rows are committed before git is started, so that a crash leaves nothing which the next look of a
 * server does not find.
 * @throws when the database is away
 */
export async function placeRun(store: Store, worktrees: Worktrees | null, order: StartOrder): Promise<Placement> {
  if (!worksHere(order.adapterType)) return { kind: 'none' }
  const wanted = orderOf(order)
  if (wanted === null) {
    const problem = worktrees === null ? null : exposure(worktrees, order)
    return problem === null ? { kind: 'none' } : { kind: 'problem', problem }
  }
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
  { workspace, operationId, isRepeat }: Extract<Acquired, { kind: 'new' }>,
): Promise<Placement> {
  const ctx = systemCtx(store, workspace.companyId, 'workspaces')
  const worktree = worktreeOf(workspace)
  const claim = workspace.claimedBy ?? ''
  try {
    // No run has worked in what an earlier attempt has made.
    if (isRepeat) await worktrees.undo(worktree, workspace.branchName)
    const made = await worktrees.create(worktree, workspace.branchName, workspace.baseRef)
    const begun = `git worktree add ${workspace.cwd} on the branch ${workspace.branchName}, at ${workspace.baseRef ?? 'the head of the repository'}`
    if ('problem' in made) {
      const lines = [begun, made.problem]
      await archiveWorkspace(ctx, workspace, claim, { reason: 'not_made', lines, error: made.problem })
      return { kind: 'problem', problem: made.problem }
    }
    const lines = [begun, `It begins at the commit ${made.commit}`]
    if (await openWorkspace(ctx, { ...workspace, operationId }, claim, { baseCommit: made.commit, lines }))
      return { kind: 'folder', folder: workspace.cwd }
    // Another server took this one for gone, and has closed the workspace.
    await worktrees.undo(worktree, workspace.branchName)
    return { kind: 'problem', problem: 'Making the worktree took too long' }
  } finally {
    worktrees.unclaim(claim)
  }
}

/** @returns null when the folder is gone, and the workspace was closed for that reason */
async function takeAgain(
  store: Store,
  worktrees: Worktrees,
  { workspace }: Extract<Acquired, { kind: 'again' }>,
): Promise<Placement | null> {
  if (worktrees.exists(workspace.id)) return { kind: 'folder', folder: workspace.cwd }
  // The disk of the folder may be away, and then nothing is known of what is in it.
  if (worktrees.folderMark !== workspace.folderMark)
    return { kind: 'problem', problem: worktrees.problem ?? 'The folder of the worktree is not on this server' }
  await worktrees.settle(worktreeOf(workspace))
  const ctx = systemCtx(store, workspace.companyId, 'workspaces')
  await archiveWorkspace(ctx, workspace, null, { reason: 'folder_missing', lines: [], error: null })
  return null
}
