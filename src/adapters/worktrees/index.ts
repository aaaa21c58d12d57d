export { createWorktrees } from './worktrees.ts'
export type { Leftover, Worktree, Worktrees } from './worktrees.ts'
export type { Inspection } from './inspection.ts'
