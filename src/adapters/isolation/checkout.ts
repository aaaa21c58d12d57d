// The checkout around a working folder: git needs its root, and for a linked worktree the repository that it is linked to.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { isFolder, realPathOf } from './mounts.ts'

/** No checkout is deeper, and each level costs a system call. */
const MAX_LEVELS = 32

const readLine = (file: string): string | null => {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return null
  }
}

/** The folders that git needs to work in `cwd`: the root of the checkout, and the repository of a linked worktree. */
export function checkoutFolders(cwd: string): string[] {
  let root = cwd
  for (let level = 0; level < MAX_LEVELS && root !== '/'; level++, root = path.dirname(root)) {
    const git = path.join(root, '.git')
    if (isFolder(git)) return [root]
    const link = readLine(git)
    if (link !== null) return [root, ...linkedRepository(git, link)]
  }
  return []
}

/** The repository of a worktree, only when it names the worktree back: an agent can write the one link and not the other. */
function linkedRepository(git: string, link: string): string[] {
  const gitFolder = realPathOf(path.resolve(path.dirname(git), link.replace(/^gitdir:\s*/, '')))
  if (gitFolder === null) return []
  const back = readLine(path.join(gitFolder, 'gitdir'))
  const common = readLine(path.join(gitFolder, 'commondir'))
  if (back === null || common === null || realPathOf(path.resolve(gitFolder, back)) !== realPathOf(git)) return []
  return [path.resolve(gitFolder, common)]
}
