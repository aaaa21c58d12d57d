// This host as agents have it: how their commands are started and kept from the server, and the worktrees in which they work.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { createAdapters, createLauncher, createWorktrees } from '../adapters/index.ts'
import type { Adapters, Isolation, Launcher, Worktrees } from '../adapters/index.ts'
import type { Log } from '../platform/kernel/log.ts'
import type { Config } from './config.ts'

/** Creates the folder for commands of agents without a folder of their own. A server whose home is read-only still serves. */
function ensureWorkFolder(home: string, log: Log): string {
  const folder = path.join(home, 'work')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    log.warn({ err: error }, 'cannot create the work folder for commands')
  }
  return folder
}

/** The launcher of isolated commands; null where this host has no isolation. */
const launcherFor = ({ home, agents }: Config, isolation: Isolation, log: Log): Launcher | null =>
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
function worktreesOf({ worktreeFolder }: Config, launcher: Launcher | null, log: Log): Worktrees | null {
  if (worktreeFolder === null) return null
  const worktrees = createWorktrees(worktreeFolder, launcher)
  if (worktrees.problem !== null) log.error({ problem: worktrees.problem }, 'PAPERCLIP_WORKTREE_FOLDER cannot be used for worktrees')
  return worktrees
}

/** The adapters and the worktrees of this server. They share one launcher, which knows the live runs of each agent. */
export function agentHostOf(
  config: Config,
  isolation: Isolation,
  log: Log,
): { readonly adapters: Adapters; readonly worktrees: Worktrees | null } {
  const launcher = launcherFor(config, isolation, log)
  const adapters = createAdapters({
    environment: process.env,
    workFolder: ensureWorkFolder(config.home, log),
    launcher,
    allowedTypes: config.adapters,
    allowedAddresses: config.adapterAddresses,
  })
  return { adapters, worktrees: worktreesOf(config, launcher, log) }
}
