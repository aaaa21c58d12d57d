// Pure decisions about workspaces: what a project asks for, and what stands against closing one.

import { z } from 'zod'
import { MAX_LOGGED } from '../../adapters/index.ts'
import type { Inspection } from '../../adapters/index.ts'
import { hideFolders } from '../../auth/visibility.ts'
import { closePolicies, reusePolicies } from '../../model/workspaceStatus.ts'
import type { CloseReadiness } from './views.ts'

/** How runs of a project get worktrees, from the `executionWorkspacePolicy` that the board wrote. */
export interface WorkspacePolicy {
  readonly reuse: (typeof reusePolicies)[number]
  readonly close: (typeof closePolicies)[number]
  /** A branch, tag or commit; null for that of the workspace of the project, or else the head of its repository. */
  readonly baseRef: string | null
}

/** A branch, tag or commit. It never begins with a hyphen, because a command line would read it as an option. */
const ref = z.string().regex(/^[\w][\w./@+-]{0,249}$/)

const policySchema = z.object({
  reuse: z.enum(reusePolicies).catch('issue'),
  close: z.enum(closePolicies).catch('when_issue_closed'),
  workspaceStrategy: z.object({ type: z.string().optional(), baseRef: ref.nullish() }).optional(),
})

/** The policy of a project, or why it cannot be followed. */
export function policyOf(stored: unknown): WorkspacePolicy | { readonly problem: string } {
  const parsed = policySchema.safeParse(stored)
  if (!parsed.success)
    return { problem: 'The baseRef in the executionWorkspacePolicy of the project is not the name of a branch, tag or commit' }
  const { reuse, close, workspaceStrategy } = parsed.data
  if (workspaceStrategy?.type !== undefined && workspaceStrategy.type !== 'git_worktree')
    return {
      problem: 'The executionWorkspacePolicy of the project asks for another strategy than git_worktree, the only one of this server',
    }
  return { reuse, close, baseRef: workspaceStrategy?.baseRef ?? null }
}

/** Whether a text may be given to git as the place at which a branch begins. */
export const isRef = (text: string): boolean => ref.safeParse(text).success

/** The name of a worktree: the issue, for people, and the beginning of the id, so that no two are alike. */
export function worktreeNameOf(identifier: string, id: string): string {
  const issue = /^[A-Za-z]{1,203}-\d{1,9}$/.test(identifier) ? identifier.toLowerCase().slice(-40) : 'issue'
  return `${issue}-${id.slice(0, 8)}`
}

/** The branch of a worktree. Its form is fixed, so it is never an option and never the branch of another party. */
export const branchOf = (worktreeName: string): string => `paperclip/${worktreeName}`

/** The facts about a workspace beside its folder. */
interface CloseFacts {
  readonly workspaceId: string
  readonly status: string
  readonly liveRun: CloseReadiness['liveRun']
  readonly linkedIssues: CloseReadiness['linkedIssues']
  /** Null when this server does not have the folder. */
  readonly inspection: Inspection | null
  /** Whether its last run worked on another host, so that its processes cannot be looked for. */
  readonly isElsewhere: boolean
}

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

/** The first line of a complaint, which is enough to know what is the matter. */
const firstLine = (text: string): string => text.split('\n')[0] ?? ''

/** The work that would be lost for good. */
function losses(inspection: Inspection): string[] {
  const { problem, dirtyCount, isStaged, nestedCount, isReplaced, isUnfinished, loggedCount } = inspection
  if (problem !== null) return [`What would be lost could not be found out: ${firstLine(problem)}`]
  return [
    ...(dirtyCount > 0 ? [`${plural(dirtyCount, 'file has', 'files have')} changes that are in no commit`] : []),
    ...(isStaged && dirtyCount === 0 ? ['Changes are staged that are in no commit'] : []),
    ...(nestedCount > 0 ? [`${plural(nestedCount, 'repository', 'repositories')} inside the worktree were not looked into`] : []),
    ...(isReplaced ? ['Its folder is not a worktree of the repository any more: another repository may stand in its place'] : []),
    ...(isUnfinished ? ['A merge, a rebase or another operation of git is under way, and may have put changes aside'] : []),
    ...(loggedCount > MAX_LOGGED
      ? [`${loggedCount} commits are only in the log of the worktree, and ${MAX_LOGGED} of them would be kept`]
      : []),
  ]
}

const ELSEWHERE = 'Its last run worked on another host, where its processes may be alive'

/** Facts that a person should know, and work that stays nevertheless. */
function warningsOf({ problem, unpushedCount, hasRemote, isHeadKept, ignoredCount, loggedCount }: Inspection): string[] {
  if (problem !== null) return []
  return [
    ...(hasRemote && unpushedCount > 0
      ? [`${plural(unpushedCount, 'commit is', 'commits are')} on no remote; the repository keeps them`]
      : []),
    ...(isHeadKept ? [] : ['The last commit is on no branch; it is kept below refs/paperclip/worktrees']),
    ...(loggedCount > 0 && loggedCount <= MAX_LOGGED
      ? [
          `${plural(loggedCount, 'commit is', 'commits are')} only in the log of the worktree; they are kept below refs/paperclip/worktree-logs`,
        ]
      : []),
    ...(ignoredCount > 0 ? [`${plural(ignoredCount, 'entry', 'entries')} that git ignores go with the folder`] : []),
  ]
}

/** A text without the named paths, and without the folders of others. */
export const hidePaths = (text: string, paths: readonly string[]): string =>
  hideFolders(paths.reduce((rest, path) => rest.replaceAll(path, '…'), text))

/** The reasons against closing a workspace, and those that a person has to confirm. */
export function readinessOf({ workspaceId, status, liveRun, linkedIssues, inspection, isElsewhere }: CloseFacts): CloseReadiness {
  const blockingReasons = [
    ...(status === 'archived' ? ['It is closed already'] : []),
    ...(status === 'preparing' || status === 'closing' ? [`It is ${status}`] : []),
    ...(liveRun === null ? [] : ['A live run works in it']),
    ...(inspection === null && status === 'open' ? ['Its folder is not on this server'] : []),
  ]
  const lost = inspection === null ? [] : [...losses(inspection), ...(isElsewhere ? [ELSEWHERE] : [])]
  const open = linkedIssues.filter(({ isClosed }) => !isClosed).map(({ identifier }) => `${identifier} is not closed`)
  const warnings = [...lost, ...(inspection === null ? [] : warningsOf(inspection)), ...open]
  const { problem: _, token, ...git } = inspection ?? { problem: null, token: '' }
  const state =
    blockingReasons.length > 0 ? 'blocked' : lost.length > 0 ? 'needs_confirmation' : warnings.length > 0 ? 'ready_with_warnings' : 'ready'
  return {
    workspaceId,
    state,
    blockingReasons,
    warnings,
    // A confirmation is of everything that was shown.
    confirmation: isElsewhere && token !== '' ? `${token}-elsewhere` : token,
    liveRun,
    linkedIssues,
    git: inspection === null ? null : ({ ...git, entries: [...inspection.entries] } as CloseReadiness['git']),
  }
}

/** Whether a workspace may go: nothing would be lost, or the board has confirmed exactly what would be. */
export const mayClose = ({ state, confirmation }: CloseReadiness, confirmed: string | null): boolean =>
  state !== 'blocked' && (state !== 'needs_confirmation' || confirmation === confirmed)
