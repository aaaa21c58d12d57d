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
const nothing = {
  headCommit: null,
  branch: null,
  aheadCount: 0,
  unpushedCount: 0,
  hasRemote: false,
  isHeadKept: false,
  dirtyCount: 0,
  entries: [],
  isStaged: false,
  ignoredCount: 0,
  nestedCount: 0,
} as const

const tokenOf = (...parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/** The state of a worktree about which nothing is known. */
export const unknownState = (problem: string): Inspection => ({
  ...nothing,
  problem,
  // The names of the folders of one script are no part of the state.
  token: tokenOf('unknown', problem.replaceAll(/(?:paperclip-git-|tmp\.)\w+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '')),
})

/** Reads the lines `name value` before the list, and the list, whose fields end with NUL. */
export function parseInspection({ exitCode, output, complaint }: ScriptResult): Inspection {
  if (exitCode !== 0) return unknownState(complaint === '' ? `git ended with ${exitCode ?? 'a signal'}` : complaint)
  const text = output.toString('utf8')
  const values = new Map<string, string>()
  let at = 0
  while (!values.has('entries')) {
    const end = text.indexOf('\n', at)
    if (end < 0) return unknownState('git wrote something else than expected')
    const [name = '', value = ''] = text.slice(at, end).split(' ')
    values.set(name, value)
    at = end + 1
  }
  const count = (name: string): number => Number(values.get(name) ?? 0)
  const [head, content, clean, staged] = ['head', 'content', 'clean', 'staged'].map((name) => values.get(name) ?? '')
  if (![head, content, clean].every((id) => HEX.test(id ?? ''))) return unknownState('git wrote something else than expected')
  const branch = values.get('branch') ?? ''
  const isStaged = staged !== NOTHING_STAGED
  return {
    problem: null,
    headCommit: head ?? null,
    branch: branch.startsWith('refs/heads/') ? toStorableText(branch.slice('refs/heads/'.length)) : null,
    aheadCount: count('ahead'),
    unpushedCount: count('unpushed'),
    hasRemote: count('remotes') > 0,
    isHeadKept: count('kept') > 0,
    dirtyCount: Math.max(count('entries'), content === clean ? 0 : 1),
    entries: entriesOf(text.slice(at)),
    isStaged,
    ignoredCount: count('ignored'),
    nestedCount: count('nested'),
    token: tokenOf(head ?? '', branch, content ?? '', staged ?? '', String(count('nested')), String(count('ignored'))),
  }
}

function entriesOf(list: string): DirtyEntry[] {
  const fields = list.split('\0')
  // The last field is empty, or a name that the limit has cut.
  fields.pop()
  const entries: DirtyEntry[] = []
  for (let at = 0; at + 1 < fields.length && entries.length < MAX_ENTRIES; at += 2)
    entries.push({ status: (fields[at] ?? '').slice(0, 1), path: toStorableText(fields[at + 1] ?? '') })
  return entries
}
