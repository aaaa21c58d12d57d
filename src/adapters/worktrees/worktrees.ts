// Worktrees of git on this host, each in a folder of its own below the one that the operator allows.
import type { Launcher } from '../isolation/index.ts'
import { isWithin } from '../isolation/isolation.ts'
import { realPathOf } from '../isolation/mounts.ts'
import { fairTurns } from './fairTurns.ts'
import { openWorktreeFolder } from './folder.ts'
import { runScript } from './gitProcess.ts'
import type { Script, ScriptResult } from './gitProcess.ts'
import { hostRecord } from './hosts.ts'
import { parseInspection, unknownState } from './inspection.ts'
import type { Inspection } from './inspection.ts'
import { claimsOfProcess, hostOfProcess, leftovers } from './processes.ts'
import type { Claims, Leftovers } from './processes.ts'
import { CHECK, CREATE, FORGET, INSPECT, KEEP, LIST } from './scripts.ts'

/** How long steps may take, in milliseconds. */
const TIMEOUTS = {
  /** A checkout of a large repository. */
  create: 180_000,
  /** Every file is read once. A request waits for it. */
  inspect: 30_000,
  small: 20_000,
  /** Deletion of files of closed worktrees in one look. */
  remove: 10_000,
}
/** Scripts of one server at once, of all companies: two cores and a disk do not become faster with more. One company has half of them. */
const TURNS = { atOnce: 4, perParty: 2 }
/** Scripts of a company that wait for their turn; a request beyond them is refused. */
const MAX_WAITING = 8

/** The worktree of a workspace. */
export interface Worktree {
  /** The id of the workspace: the name of its folder. */
  readonly id: string
  /** The name of the worktree in its folder and in the repository. */
  readonly name: string
  readonly companyId: string
  readonly agentId: string
  /** The folder of the repository, as the board wrote it. */
  readonly repository: string
}

/** A folder that was taken out of its place. */
interface Taken {
  /** Puts it back. @returns whether it stands in its place again */
  putBack(): boolean
  /** Gives it up: its files are deleted later, and the repository forgets the worktree. */
  discard(): Promise<void>
}

/** Makes, looks at and removes worktrees. No method rejects: failures are values. */
export interface Worktrees extends Claims, Leftovers {
  /** Names the folder of the operator; null while it cannot be used, as where its disk is not mounted. */
  readonly folderMark: string | null
  /** Why the folder cannot be used; null when it can. */
  readonly problem: string | null
  pathOf(worktree: Pick<Worktree, 'id' | 'name'>): string
  exists(id: string): boolean
  /** Whether a folder contains those of worktrees, or lies in one: a run that works there would have the worktrees of others. */
  exposes(folder: string): boolean
  /** Makes the folder, the branch and the files. @returns the commit at which it begins */
  create(worktree: Worktree, branch: string, base: string | null): Promise<{ readonly commit: string } | { readonly problem: string }>
  /** Undoes what `create` did, as far as it came. The branch stays when it has commits that no other one has. */
  undo(worktree: Worktree, branch: string): Promise<void>
  /** Whether the folder is still a worktree of its repository. @returns why it is not; null when it is */
  check(worktree: Worktree, baseCommit: string): Promise<string | null>
  /** @param facts about the row: the same state under other facts has another token */
  inspect(worktree: Worktree, baseCommit: string, facts: readonly string[]): Promise<Inspection>
  /** Whether `inspect` would wait for too many others of the company. */
  isBusy(companyId: string): boolean
  /** Keeps the commits that no branch has. @returns why it could not; null when they are kept */
  keep(worktree: Worktree): Promise<string | null>
  /** Takes the folder out of its place at once. */
  take(worktree: Worktree): Taken | { readonly problem: string }
  /** Ends what a close has left that was cut behind `take`, or a worktree whose folder is gone: its commits are kept. */
  settle(worktree: Worktree): Promise<void>
  /** Deletes files of closed worktrees, for some seconds. */
  removeClosed(): Promise<void>
  /** Says to other hosts that this one uses the folder. */
  sign(): void
}

/** The parts that the steps of worktrees share. */
interface Site {
  readonly folder: string
  readonly place: ReturnType<typeof openWorktreeFolder>
  readonly launcher: Launcher | null
  readonly timeouts: typeof TIMEOUTS
  /** Runs a script in the turn of the company. */
  readonly git: (worktree: Worktree, script: string, args: readonly string[], more?: Partial<Script>) => Promise<ScriptResult>
}

/**
 * @param folder the folder of the operator
 * @param launcher isolates git as it does agents; null where nothing is isolated
 * @param timeouts other ones for tests
 */
export function createWorktrees(folder: string, launcher: Launcher | null, timeouts: typeof TIMEOUTS = TIMEOUTS): Worktrees {
  const place = openWorktreeFolder(folder, timeouts.remove)
  const hosts = hostRecord(folder, hostOfProcess())
  const turns = fairTurns(TURNS)
  const git: Site['git'] = ({ agentId, repository, companyId }, script, args, more = {}) => {
    const whole = { agentId, repository, script, args, tree: null, timeoutMs: timeouts.small, ...more }
    return turns.run(companyId, () => runScript(launcher, whole))
  }
  const site: Site = { folder, place, launcher, timeouts, git }
  return {
    get folderMark() {
      return place.mark
    },
    get problem() {
      return place.problem
    },
    pathOf: ({ id, name }) => place.pathOf(id, name),
    exists: (id) => place.has(id),
    exposes: (other) => isOneWithin(folder, other),
    isBusy: (companyId) => turns.waiting(companyId) >= MAX_WAITING,
    removeClosed: () => place.removeClosed(),
    sign() {
      if (place.mark !== null) hosts.sign()
    },
    ...makingOf(site),
    ...lookingOf(site),
    ...closingOf(site),
    ...claimsOfProcess(),
    ...leftovers(hosts),
  }
}

function makingOf({ folder, place, launcher, timeouts, git }: Site): Pick<Worktrees, 'create' | 'undo'> {
  const undo = async (worktree: Worktree, branch: string): Promise<void> => {
    if (place.has(worktree.id)) place.take(worktree.id)
    place.discard(worktree.id)
    await git(worktree, FORGET, [worktree.name, branch])
  }
  return {
    undo: (worktree, branch) => undo(worktree, branch).catch(() => {}),
    async create(worktree, branch, base) {
      const tree = place.pathOf(worktree.id, worktree.name)
      if (isOneWithin(folder, worktree.repository))
        return { problem: 'PAPERCLIP_WORKTREE_FOLDER and the folder of the project lie in each other' }
      try {
        place.make(worktree.id, worktree.name, launcher?.accountOf(worktree.agentId) ?? null)
      } catch (error) {
        return { problem: `The folder of the worktree cannot be made: ${messageOf(error)}` }
      }
      const result = await git(worktree, CREATE, [tree, worktree.name, branch, base ?? ''], { tree, timeoutMs: timeouts.create })
      const commit = /^commit ([0-9a-f]{40,64})\n$/.exec(result.output.toString('latin1'))?.[1]
      if (result.exitCode === 0 && commit !== undefined) return { commit }
      await undo(worktree, branch).catch(() => {})
      return { problem: `git could not make a worktree of ${worktree.repository}: ${result.complaint || `exit code ${result.exitCode}`}` }
    },
  }
}

function lookingOf({ place, timeouts, git }: Site): Pick<Worktrees, 'check' | 'inspect'> {
  /** The state of a worktree about which git could not find out anything, named by what can be seen of its folder. */
  const unknown = async (worktree: Worktree, problem: string, facts: readonly string[]): Promise<Inspection> => {
    const tree = place.pathOf(worktree.id, worktree.name)
    // Within the folder: the repository may be gone.
    const list = await git(worktree, LIST, [tree], { tree, ...(place.has(worktree.id, worktree.name) ? { repository: tree } : {}) })
    return unknownState(problem, [...facts, ...place.factsOf(worktree.id, worktree.name), list.output.toString('latin1')])
  }
  return {
    async check(worktree, baseCommit) {
      const tree = place.pathOf(worktree.id, worktree.name)
      const { exitCode, complaint } = await git(worktree, CHECK, [tree, worktree.name, baseCommit], { tree })
      return exitCode === 0 ? null : complaint || 'It is no worktree of its repository any more'
    },
    async inspect(worktree, baseCommit, facts) {
      const named = [worktree.id, ...facts]
      const tree = place.pathOf(worktree.id, worktree.name)
      if (!place.has(worktree.id)) return await unknown(worktree, 'The folder of the worktree does not exist', named)
      const found = await git(worktree, INSPECT, [tree, worktree.name, baseCommit], { tree, timeoutMs: timeouts.inspect })
      const state = parseInspection(found, named)
      return 'unknown' in state ? await unknown(worktree, state.unknown, named) : state
    },
  }
}

function closingOf({ place, git }: Site): Pick<Worktrees, 'keep' | 'take' | 'settle'> {
  const forget = (worktree: Worktree) => git(worktree, FORGET, [worktree.name, ''])
  const keep = async (worktree: Worktree): Promise<string | null> => {
    const { exitCode, complaint } = await git(worktree, KEEP, [worktree.name])
    return exitCode === 0 ? null : `Commits that no branch has could not be kept: ${complaint}`
  }
  return {
    keep,
    take(worktree) {
      try {
        const putBack = place.take(worktree.id)
        const discard = async (): Promise<void> => {
          place.discard(worktree.id)
          await forget(worktree)
        }
        return { putBack, discard: () => discard().catch(() => {}) }
      } catch (error) {
        return { problem: `The folder of the worktree cannot be removed: ${messageOf(error)}` }
      }
    },
    async settle(worktree) {
      try {
        place.discard(worktree.id)
      } catch {
        // A later look deletes it.
      }
      // Commits that could not be kept stay where they are, in the record of the worktree.
      if ((await keep(worktree)) === null) await forget(worktree)
    },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Whether one of two folders contains the other: runs in the folder of a project could exchange what stands in it. */
function isOneWithin(folder: string, repository: string): boolean {
  const real = realPathOf(repository) ?? repository
  return isWithin(folder, real) || isWithin(real, folder)
}
