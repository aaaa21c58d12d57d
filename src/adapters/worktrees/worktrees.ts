// Worktrees of git on this host, each in a folder of its own below the one that the operator allows.
import pLimit from 'p-limit'
import { killOrphan } from '../processTree.ts'
import { matchProcess, processIdentity } from '../processIdentity.ts'
import type { ProcessIdentity } from '../processIdentity.ts'
import type { Launcher } from '../isolation/index.ts'
import { isWithin } from '../isolation/isolation.ts'
import { realPathOf } from '../isolation/mounts.ts'
import { openWorktreeFolder } from './folder.ts'
import { runScript } from './gitProcess.ts'
import type { Script, ScriptResult } from './gitProcess.ts'
import { parseInspection, unknownState } from './inspection.ts'
import type { Inspection } from './inspection.ts'
import { CREATE, FORGET, INSPECT, KEEP } from './scripts.ts'

/** How long git may take, in milliseconds. */
const TIMEOUTS = {
  /** A checkout of a large repository. */
  create: 180_000,
  /** Every file is read once. A request waits for it. */
  inspect: 30_000,
  small: 20_000,
}
/** Scripts of one server at once. Two cores and a disk do not become faster with more. */
const CONCURRENCY = 2
/** Scripts that wait for their turn; a request beyond them is refused. */
const MAX_WAITING = 8
/** Between SIGTERM and SIGKILL for what an ended run has left. */
const LEFTOVER_GRACE_MS = 2000

/** The worktree of a workspace. */
export interface Worktree {
  /** The id of the workspace: the name of its folder. */
  readonly id: string
  /** The name of the worktree in its folder and in the repository. */
  readonly name: string
  readonly agentId: string
  /** The folder of the repository, as the board wrote it. */
  readonly repository: string
}

/** The processes that a run has left. */
export interface Leftover {
  readonly runId: string
  /** As the row of the run has it. */
  readonly processIdentity: string | null
}

/** Makes, looks at and removes worktrees. No method rejects: failures are values. */
export interface Worktrees {
  /** Names the folder of the operator; null while it cannot be used. */
  readonly folderMark: string | null
  /** Why the folder cannot be used; null when it can. */
  readonly problem: string | null
  pathOf(worktree: Pick<Worktree, 'id' | 'name'>): string
  exists(id: string): boolean
  /** Makes the folder, the branch and the files. @returns the commit at which it begins */
  create(worktree: Worktree, branch: string, base: string | null): Promise<{ readonly commit: string } | { readonly problem: string }>
  /** Undoes what `create` did, as far as it came. The branch stays when it has commits that no other one has. */
  undo(worktree: Worktree, branch: string): Promise<void>
  inspect(worktree: Worktree, baseCommit: string): Promise<Inspection>
  /** Whether `inspect` would wait for too many others. */
  isBusy(): boolean
  /** Takes the folder away at once, having kept a last commit that no branch has. @returns why it could not; null when it is gone */
  close(worktree: Worktree, inspection: Inspection): Promise<string | null>
  /** Deletes the files of closed worktrees. */
  removeClosed(): Promise<void>
  /** Ends the processes of a run that is over. @returns whether none is left */
  endLeftover(run: Leftover): Promise<boolean>
  /** This process, for a later question whether it is gone. */
  readonly self: string
  isGone(self: string): boolean
}

/**
 * @param folder the folder of the operator
 * @param launcher isolates git as it does agents; null where nothing is isolated
 * @param timeouts other ones for tests
 */
export function createWorktrees(folder: string, launcher: Launcher | null, timeouts: typeof TIMEOUTS = TIMEOUTS): Worktrees {
  const place = openWorktreeFolder(folder)
  const turn = pLimit(CONCURRENCY)
  const git = (script: Script): Promise<ScriptResult> => turn(() => runScript(launcher, script))
  const treeOf = ({ id, name }: Pick<Worktree, 'id' | 'name'>): string => place.pathOf(id, name)
  const forget = (worktree: Worktree, branch: string) => git(scriptFor(worktree, FORGET, [worktree.name, branch], timeouts.small))

  const undo = async (worktree: Worktree, branch: string): Promise<void> => {
    if (place.has(worktree.id)) place.close(worktree.id)
    await forget(worktree, branch)
    await place.removeClosed()
  }

  return {
    folderMark: place.mark,
    problem: place.problem,
    pathOf: treeOf,
    exists: (id) => place.has(id),
    isBusy: () => turn.pendingCount >= MAX_WAITING,
    removeClosed: () => place.removeClosed(),
    undo: (worktree, branch) => undo(worktree, branch).catch(() => {}),
    async create(worktree, branch, base) {
      const tree = treeOf(worktree)
      if (isOneWithin(folder, worktree.repository))
        return { problem: 'PAPERCLIP_WORKTREE_FOLDER and the folder of the project lie in each other' }
      try {
        place.make(worktree.id, worktree.name, launcher?.accountOf(worktree.agentId) ?? null)
      } catch (error) {
        return { problem: `The folder of the worktree cannot be made: ${error instanceof Error ? error.message : String(error)}` }
      }
      const result = await git({ ...scriptFor(worktree, CREATE, [tree, worktree.name, branch, base ?? ''], timeouts.create), tree })
      const commit = /^commit ([0-9a-f]{40,64})\n$/.exec(result.output.toString('latin1'))?.[1]
      if (result.exitCode === 0 && commit !== undefined) return { commit }
      await undo(worktree, branch).catch(() => {})
      return { problem: `git could not make a worktree of ${worktree.repository}: ${result.complaint || `exit code ${result.exitCode}`}` }
    },
    async inspect(worktree, baseCommit) {
      const tree = treeOf(worktree)
      if (!place.has(worktree.id)) return unknownState('The folder of the worktree does not exist')
      return parseInspection(await git({ ...scriptFor(worktree, INSPECT, [tree, worktree.name, baseCommit], timeouts.inspect), tree }))
    },
    async close(worktree, { headCommit, isHeadKept }) {
      try {
        if (headCommit !== null && !isHeadKept) {
          const kept = await git(scriptFor(worktree, KEEP, [worktree.name, headCommit], timeouts.small))
          if (kept.exitCode !== 0) return `The last commit could not be kept: ${kept.complaint}`
        }
        if (place.has(worktree.id)) place.close(worktree.id)
      } catch (error) {
        return `The folder of the worktree cannot be removed: ${error instanceof Error ? error.message : String(error)}`
      }
      await forget(worktree, '')
      return null
    },
    ...processes,
  }
}

const scriptFor = ({ agentId, repository }: Worktree, script: string, args: readonly string[], timeoutMs: number): Script => ({
  agentId,
  repository,
  script,
  args,
  timeoutMs,
  tree: null,
})

/** Whether one of two folders contains the other: runs in the folder of a project could exchange what stands in it. */
function isOneWithin(folder: string, repository: string): boolean {
  const real = realPathOf(repository) ?? repository
  return isWithin(folder, real) || isWithin(real, folder)
}

/** The processes of this host, those of runs and this one. */
const processes: Pick<Worktrees, 'endLeftover' | 'self' | 'isGone'> = {
  endLeftover: async ({ runId, processIdentity: recorded }) =>
    (await killOrphan(identityOf(recorded), runId, LEFTOVER_GRACE_MS)) !== 'survived',
  self: JSON.stringify(processIdentity(process.pid)),
  isGone: (self) => ['gone', 'stranger'].includes(matchProcess(identityOf(self))),
}

/** A recorded identity. A process without one is found by the id of its run alone. */
function identityOf(recorded: string | null): ProcessIdentity {
  const unknown: ProcessIdentity = { pid: 0, startTime: 0, host: processIdentity(process.pid).host }
  if (recorded === null) return unknown
  try {
    const { pid, startTime, host } = JSON.parse(recorded) as Partial<ProcessIdentity>
    return typeof pid === 'number' && pid > 0 ? { pid, startTime: startTime ?? null, host: host ?? null } : unknown
  } catch {
    return unknown
  }
}
