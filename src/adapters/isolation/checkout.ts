// The checkout around a working folder: git needs its root, and for a linked worktree the repository that it is linked to.
import path from 'node:path'
import type { AgentFolders } from './agentFolders.ts'
import { isWithin } from './isolation.ts'
import { isFolder, realPathOf } from './mounts.ts'
import { readBeginning } from './readText.ts'

/** No checkout is deeper, and each level costs a system call. */
const MAX_LEVELS = 32

/** The longest path that the kernel takes, and a few words. */
const MAX_LINE_BYTES = 8192
const readLine = (file: string): string | null => readBeginning(file, MAX_LINE_BYTES)?.trim() ?? null

/**
 * The folders that git needs to work in `cwd`: the root of the checkout, and the repository of a linked worktree.
 * @param agents the folders that agents may write, `cwd` among them
 */
export function checkoutFolders(cwd: string, agents: AgentFolders): string[] {
  let root = cwd
  for (let level = 0; level < MAX_LEVELS && root !== '/'; level++, root = path.dirname(root)) {
    const git = path.join(root, '.git')
    if (isFolder(git)) return [root]
    const link = readLine(git)
    if (link !== null) return [root, ...linkedRepository(git, link, agents.with([root]))]
  }
  return []
}

/**
 * The repository of a worktree, only when it names the worktree back. An agent can write the one link, and both where it can write
 * the folder of the worktree's data: then the repository has to be in a folder that the agent has already.
 */
function linkedRepository(git: string, link: string, agents: AgentFolders): string[] {
  const gitFolder = realPathOf(path.resolve(path.dirname(git), link.replace(/^gitdir:\s*/, '')))
  if (gitFolder === null) return []
  const back = readLine(path.join(gitFolder, 'gitdir'))
  const common = readLine(path.join(gitFolder, 'commondir'))
  if (back === null || common === null || realPathOf(path.resolve(gitFolder, back)) !== realPathOf(git)) return []
  const repository = realPathOf(path.resolve(gitFolder, common))
  const ground = agents.around(gitFolder)
  if (repository === null || (ground !== null && !isWithin(repository, ground))) return []
  return [repository]
}
