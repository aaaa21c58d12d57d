// Sentences about execution workspaces: the worktrees in which runs work.

import { by, count, enumerated, fieldWords, listIn, named, numberIn, passive, quoted, say, textIn } from './sentenceParts.ts'
import type { SentenceMaker, SentenceRow } from './sentenceParts.ts'

const ends: Readonly<Record<string, string>> = {
  board: '',
  issue_closed: ', because its issue is closed',
  not_made: ', because it could not be made',
  folder_missing: ', because its folder was gone',
}

function changed(row: SentenceRow): ReturnType<SentenceMaker> {
  if (textIn(row, 'status') !== 'archived')
    return say`changed the ${enumerated(listIn(row, 'changedKeys').map(fieldWords)) || 'fields'} of the worktree ${quoted(row, 'name')}`
  const discarded = numberIn(row, 'discardedCount')
  const lost = discarded === 0 ? '' : `, with ${count(discarded, 'file')} of changes that are in no commit`
  return say`closed the worktree ${quoted(row, 'name')}${ends[textIn(row, 'closedReason') ?? ''] ?? ''}${lost}`
}

/** By action. */
export const workspaceSentences: Readonly<Record<string, SentenceMaker>> = {
  'execution_workspace.created': passive(
    (row) => say`A worktree is made for ${named(row, 'issue', 'issueId')}, on the branch ${quoted(row, 'branchName')}`,
  ),
  'execution_workspace.prepared': passive(() => say`A worktree is ready`),
  'execution_workspace.leased': passive((row) => say`${named(row, 'run', 'runId')} works in a worktree that was used before`),
  'execution_workspace.closing': by(() => say`began to close a worktree`),
  'execution_workspace.close_refused': passive(() => say`A worktree stays: work in it would be lost, or it could not be looked into`),
  'execution_workspace.updated': by(changed),
  'execution_workspace.forgotten': passive((row) => say`The rows of ${count(numberIn(row, 'workspaces'), 'closed worktree')} were deleted`),
}
