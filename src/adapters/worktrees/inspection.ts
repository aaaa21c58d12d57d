// The work that would be lost with a worktree, read from the output of the script that looks.
import { createHash } from 'node:crypto'
import { toStorableText } from '../text.ts'
import { NOTHING_STAGED } from './scripts.ts'
import type { ScriptResult } from './gitProcess.ts'

/** Entries that are shown by name. `dirtyCount` counts all. */
const MAX_ENTRIES = 200

/** A file that differs from the last commit. */
interface DirtyEntry {
  /** `A` is new, `M` is changed, `D` is deleted, `T` has become something else. */
  readonly status: string
  readonly path: string
}

/** The state of a worktree. */
export interface Inspection {
  /** Why it could not be found out; null when it could. Then every count is 0. */
  readonly problem: string | null
  readonly headCommit: string | null
  /** The branch that is checked out; null for none. */
  readonly branch: string | null
  /** Commits since the one at which the worktree began. */
  readonly aheadCount: number
  /** Commits that no remote has. */
  readonly unpushedCount: number
  readonly hasRemote: boolean
  /** Whether a branch or a tag has the last commit, so that it stays without the worktree. */
  readonly isHeadKept: boolean
  /** Commits that only the records of the worktree name, such as those before an amendment. A close keeps some. */
  readonly loggedCount: number
  /** Whether a merge, a rebase or another operation of several steps is under way. It may have put changes aside. */
  readonly isUnfinished: boolean
  /** Whether the folder is a worktree of the repository no longer: another repository stands in its place. */
  readonly isReplaced: boolean
  readonly dirtyCount: number
  readonly entries: readonly DirtyEntry[]
  /** Whether changes are staged for a commit. */
  readonly isStaged: boolean
  readonly ignoredCount: number
  /** Repositories inside the worktree, whose own changes are not looked at. */
  readonly nestedCount: number
  /** Names this state: other content, another commit or other staged changes have another one. */
  readonly token: string
}

const HEX = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/
const SHA256 = /^[0-9a-f]{64}$/
const nothing = {
  headCommit: null,
  branch: null,
  aheadCount: 0,
  unpushedCount: 0,
  hasRemote: false,
  isHeadKept: false,
  loggedCount: 0,
  isUnfinished: false,
  isReplaced: false,
  dirtyCount: 0,
  entries: [],
  isStaged: false,
  ignoredCount: 0,
  nestedCount: 0,
} as const

const tokenOf = (...parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/**
 * The state of a worktree about which git could not find out anything.
 * @param facts name the folder as it is, so that the confirmation of this state is not one of another
 */
export const unknownState = (problem: string, facts: readonly string[]): Inspection => ({
  ...nothing,
  problem,
  // The names of the folders of one script are no part of the state.
  token: tokenOf('unknown', problem.replaceAll(/(?:paperclip-git-|tmp\.)\w+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, ''), ...facts),
})

/** The lines `name value` before the lists, and the lists: the files that changed, and those that are new. */
function partsOf(
  output: Buffer,
): { readonly values: ReadonlyMap<string, string>; readonly changed: string; readonly added: string } | null {
  const values = new Map<string, string>()
  let at = 0
  while (!values.has('changed')) {
    const end = output.indexOf('\n', at)
    if (end < 0) return null
    const [name = '', value = ''] = output.toString('utf8', at, end).split(' ')
    values.set(name, value)
    at = end + 1
  }
  const split = at + Number(values.get('changed'))
  return { values, changed: output.toString('utf8', at, split), added: output.toString('utf8', split) }
}

/**
 * Reads what the script that looks has written.
 * @param facts that name the worktree: the same content in another one has another token
 * @returns why it is not known what would be lost, or the state
 */
export function parseInspection(
  { exitCode, output, complaint }: ScriptResult,
  facts: readonly string[],
): Inspection | { readonly unknown: string } {
  if (exitCode !== 0) return { unknown: complaint === '' ? `git ended with ${exitCode ?? 'a signal'}` : complaint }
  const parts = partsOf(output)
  const values = parts?.values ?? new Map<string, string>()
  const [head = '', content = '', staged = ''] = ['head', 'content', 'staged'].map((name) => values.get(name))
  if (parts === null || !HEX.test(head) || !SHA256.test(content) || !SHA256.test(staged))
    return { unknown: 'git wrote something else than expected' }
  const count = (name: string): number => Number(values.get(name) ?? 0)
  const branch = values.get('branch') ?? ''
  const rest = ['nested', 'ignored', 'logged', 'unfinished', 'own'].map((name) => values.get(name) ?? '')
  return {
    problem: null,
    headCommit: head,
    branch: branch.startsWith('refs/heads/') ? toStorableText(branch.slice('refs/heads/'.length)) : null,
    aheadCount: count('ahead'),
    unpushedCount: count('unpushed'),
    hasRemote: count('remotes') > 0,
    isHeadKept: count('kept') > 0,
    loggedCount: count('logged'),
    isUnfinished: count('unfinished') > 0,
    isReplaced: values.get('own') !== '1',
    dirtyCount: count('entries'),
    entries: [...changedEntries(parts.changed), ...newEntries(parts.added)].slice(0, MAX_ENTRIES),
    isStaged: staged !== NOTHING_STAGED,
    ignoredCount: count('ignored'),
    nestedCount: count('nested'),
    token: tokenOf(head, branch, content, staged, ...rest, ...facts),
  }
}

/** The fields of a list. The last one is empty, or a name that the limit has cut. */
const fieldsOf = (list: string): string[] => list.split('\0').slice(0, -1)

function changedEntries(list: string): DirtyEntry[] {
  const fields = fieldsOf(list)
  const entries: DirtyEntry[] = []
  for (let at = 0; at + 1 < fields.length; at += 2)
    entries.push({ status: (fields[at] ?? '').slice(0, 1), path: toStorableText(fields[at + 1] ?? '') })
  return entries
}

const newEntries = (list: string): DirtyEntry[] => fieldsOf(list).map((name) => ({ status: 'A', path: toStorableText(name) }))
