// Worktrees for tests, as a server makes and closes them.
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { AGENT } from '../isolation/testKit.ts'
import { temporaryFolder } from '../../dev/testing/gitRepository.ts'
import type { Worktree, Worktrees } from './worktrees.ts'

const COMPANY = 'c0000000-0000-4000-8000-000000000001'

export const folderForWorktrees = (): string => path.join(temporaryFolder(), 'worktrees')

export const worktreeOf = (repository: string, agentId: string = AGENT): Worktree => {
  const id = randomUUID()
  return { id, name: `pai-1-${id.slice(0, 8)}`, companyId: COMPANY, agentId, repository }
}

export const branchOf = ({ name }: Worktree): string => `paperclip/${name}`

/** A worktree that was made without trouble, and the commit at which it begins. */
export async function made(worktrees: Worktrees, repository: string, base: string | null = null) {
  const worktree = worktreeOf(repository)
  const result = await worktrees.create(worktree, branchOf(worktree), base)
  if (!('commit' in result)) throw new Error(result.problem)
  const tree = worktrees.pathOf(worktree)
  return { worktree, tree, commit: result.commit, inspect: () => worktrees.inspect(worktree, result.commit, []) }
}

/** Closes a worktree in the steps of a server. @returns what stood against it */
export async function closed(worktrees: Worktrees, worktree: Worktree): Promise<string | null> {
  const problem = await worktrees.keep(worktree)
  if (problem !== null) return problem
  const taken = worktrees.take(worktree)
  if ('problem' in taken) return taken.problem
  await taken.discard()
  return null
}
