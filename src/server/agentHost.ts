// What this host gives to agents: how their commands are kept from the server, and the worktrees in which they work.
import { createLauncher, createWorktrees } from '../adapters/index.ts'
import type { Isolation, Launcher, Worktrees } from '../adapters/index.ts'
import type { Log } from '../platform/kernel/log.ts'
import type { Config } from './config.ts'

/** The launcher of isolated commands; null where this host has no isolation. */
export const launcherFor = ({ home, agents }: Config, isolation: Isolation, log: Log): Launcher | null =>
  isolation.kind === 'none'
    ? null
    : createLauncher(isolation, {
        home,
        environment: process.env,
        allowed: agents.paths,
        onForeignSignIn: (facts) =>
          log.warn({ ...facts }, 'a sign-in that an agent changed was not taken back: it is not of the same account'),
      })

/** The worktrees of this server; null without a folder. One that is not safe is said once, and runs that need it fail with the reason. */
export function worktreesOf({ worktreeFolder }: Config, launcher: Launcher | null, log: Log): Worktrees | null {
  if (worktreeFolder === null) return null
  const worktrees = createWorktrees(worktreeFolder, launcher)
  if (worktrees.problem !== null) log.error({ problem: worktrees.problem }, 'PAPERCLIP_WORKTREE_FOLDER cannot be used for worktrees')
  return worktrees
}
