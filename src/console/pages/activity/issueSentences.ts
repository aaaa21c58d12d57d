// Sentences about issues, their holds, documents, questions and files.

import { because, by, codeIn, count, entity, enumerated, fieldWords, flagIn, listIn, named, numberIn, passive } from './sentenceParts.ts'
import { quoted, recordIn, say, textIn } from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

const issue = (row: SentenceRow): Part => entity(row, 'issue')

/** The run that had the hold before. */
const holder = (row: SentenceRow, ...names: readonly string[]): readonly Part[] => {
  for (const name of names) {
    const run = named(row, 'run', name)
    if (run.length > 0) return run
  }
  return []
}

const prefixed = (words: string, parts: readonly Part[]): readonly Part[] => (parts.length === 0 ? [] : say`${words}${parts}`)

function checkedOut(row: SentenceRow): readonly Part[] {
  const before = holder(row, 'previousCheckoutRunId', 'previousExecutionRunId')
  const run = named(row, 'run', 'runId')
  if (row.actorType !== 'agent')
    return say`checked out ${issue(row)} for ${named(row, 'agent', 'agentId')}${prefixed(', in place of ', before)}`
  return say`took ${issue(row)}${prefixed(' with ', run)}${prefixed(', in place of ', before)}`
}

function forceReleased(row: SentenceRow): readonly Part[] {
  const run = holder(row, 'prevCheckoutRunId', 'prevExecutionRunId')
  const agent = named(row, 'agent', 'prevAssigneeAgentId')
  const held = agent.length > 0 && run.length > 0 ? say`, held by ${agent} with ${run}` : prefixed(', held by ', run)
  const cancelled = listIn(row, 'cancelledRunIds').length
  const also = [
    ...(cancelled > 0 ? [`cancelled ${count(cancelled, 'run')}`] : []),
    ...(flagIn(row, 'clearAssignee') ? ['cleared the assignee'] : []),
  ]
  return say`force-released ${issue(row)}${held}${also.length === 0 ? '' : `, and ${enumerated(also)}`}${because(row)}`
}

const clearedWhy: Readonly<Record<string, string>> = {
  run_finished: 'with its run',
  dead_holder: 'because the holder was dead',
  moved: 'because the status was changed',
  reassigned: 'because it was assigned to another',
  assignee_deleted: 'because the assignee was deleted',
}

const lockCleared = (row: SentenceRow): readonly Part[] =>
  say`The hold${prefixed(' of ', named(row, 'run', 'runId'))} on ${issue(row)} ended ${clearedWhy[textIn(row, 'why') ?? ''] ?? codeIn(row, 'why')}`

/** Details of `issue.updated` that are no fields of the issue. */
const notFields = new Set(['identifier', 'source', 'reopened', 'reopenedFrom', 'interruptedRunId', 'lockEpoch', '_previous', 'reason'])

function statusChange(row: SentenceRow): readonly Part[] {
  const from = recordIn(row, '_previous')['status'] ?? textIn(row, 'reopenedFrom')
  const to = codeIn(row, 'status')
  return say`moved ${issue(row)} ${typeof from === 'string' ? `from ${from.replaceAll('_', ' ')} ` : ''}to ${to}`
}

function assignment(row: SentenceRow): readonly Part[] {
  const agent = named(row, 'agent', 'assigneeAgentId')
  const person = named(row, 'person', 'assigneeUserId')
  const assignee = agent.length > 0 ? agent : person
  return assignee.length > 0 ? say`assigned ${issue(row)} to ${assignee}` : say`took ${issue(row)} from its assignee`
}

function updated(row: SentenceRow): readonly Part[] {
  const fields = Object.keys(row.details ?? {}).filter((name) => !notFields.has(name))
  const isAssignment = (name: string): boolean => name === 'assigneeAgentId' || name === 'assigneeUserId'
  const others = fields.filter((name) => name !== 'status' && !isAssignment(name)).map(fieldWords)
  const sentences = [
    ...(fields.includes('status') ? [statusChange(row)] : []),
    ...(fields.some(isAssignment) ? [assignment(row)] : []),
    ...(others.length > 0 || fields.length === 0
      ? [say`changed ${others.length === 0 ? 'nothing that is recorded' : `the ${enumerated(others)}`} of ${issue(row)}`]
      : []),
  ]
  return sentences.flatMap((sentence, at) => (at === 0 ? sentence : [', and ', ...sentence]))
}

function blockersUpdated(row: SentenceRow): readonly Part[] {
  const of = (name: string): readonly Part[] =>
    listIn(row, name).flatMap((id, at): Part[] => [...(at === 0 ? [] : [', ']), { kind: 'issue', id }])
  const added = of('addedBlockedByIssueIds')
  const removed = of('removedBlockedByIssueIds')
  if (added.length === 0 && removed.length === 0) return say`changed the blockers of ${issue(row)}`
  if (added.length === 0) return say`freed ${issue(row)} from waiting for ${removed}`
  return say`made ${issue(row)} wait for ${added}${prefixed(', and not any more for ', removed)}`
}

const document = (row: SentenceRow): readonly Part[] => quoted(row, textIn(row, 'title') === null ? 'key' : 'title')
const revision = (row: SentenceRow): string => `revision ${numberIn(row, 'revisionNumber')}`
const kind = (row: SentenceRow): string => codeIn(row, 'interactionKind')
const file = (row: SentenceRow): readonly Part[] =>
  textIn(row, 'originalFilename') === null ? ['a file'] : say`the file ${quoted(row, 'originalFilename')}`

const expiredWhy: Readonly<Record<string, string>> = {
  superseded_by_comment: 'because of a newer comment',
  target_changed: 'because what it asked about has changed',
  target_deleted: 'because what it asked about was deleted',
  issue_cancelled: 'because the issue was cancelled',
}

/** By action. */
export const issueSentences: Readonly<Record<string, SentenceMaker>> = {
  'issue.admin_force_release': by(forceReleased),
  'issue.approval_linked': by((row) => say`linked ${issue(row)} to ${named(row, 'approval', 'approvalId')}`),
  'issue.approval_unlinked': by((row) => say`removed the link of ${issue(row)} to ${named(row, 'approval', 'approvalId')}`),
  'issue.attachment_added': by((row) => say`attached ${file(row)} to ${issue(row)}`),
  'issue.attachment_removed': by((row) => say`removed a file from ${issue(row)}`),
  'issue.blockers_updated': by(blockersUpdated),
  'issue.checked_out': by(checkedOut),
  'issue.checkout_lock_adopted': by((row) =>
    textIn(row, 'reason') === 'unowned'
      ? say`took over ${issue(row)}, which no run held, with ${named(row, 'run', 'checkoutRunId')}`
      : say`took over ${issue(row)} from ${holder(row, 'previousCheckoutRunId', 'previousExecutionRunId')}, which is dead, with ${named(row, 'run', 'checkoutRunId')}`,
  ),
  'issue.child_created': by((row) => {
    const id = textIn(row, 'childIssueId') ?? row.entityId
    const text = textIn(row, 'identifier')
    return say`made ${text === null ? { kind: 'issue', id } : { kind: 'issue', id, text }} below ${issue(row)}: ${quoted(row, 'title')}`
  }),
  'issue.comment_added': by((row) => {
    const reopened = flagIn(row, 'reopened') ? ' and opened it again' : ''
    return say`commented on ${issue(row)}${reopened}${because(row, 'bodySnippet')}`
  }),
  'issue.created': by((row) => {
    const agent = named(row, 'agent', 'assigneeAgentId')
    const assignee = agent.length > 0 ? agent : named(row, 'person', 'assigneeUserId')
    return say`made ${issue(row)}${prefixed(' for ', assignee)}${because(row, 'title')}`
  }),
  'issue.deleted': by((row) => say`deleted ${issue(row)}${because(row, 'title')}`),
  'issue.document_created': by((row) => say`wrote the document ${document(row)} of ${issue(row)}`),
  'issue.document_deleted': by((row) => say`deleted the document ${document(row)} of ${issue(row)}`),
  'issue.document_restored': by(
    (row) =>
      say`restored revision ${numberIn(row, 'restoredFromRevisionNumber')} of the document ${document(row)} of ${issue(row)} as ${revision(row)}`,
  ),
  'issue.document_updated': by(
    (row) => say`wrote ${revision(row)} of the document ${document(row)} of ${issue(row)}${because(row, 'changeSummary')}`,
  ),
  'issue.feedback_vote_saved': by((row) => say`voted ${quoted(row, 'vote')} on ${issue(row)}`),
  'issue.inbox_archived': by((row) => say`put ${issue(row)} out of the inbox`),
  'issue.inbox_unarchived': by((row) => say`put ${issue(row)} back into the inbox`),
  'issue.lock_cleared': passive(lockCleared),
  'issue.read_marked': by((row) => say`read ${issue(row)}`),
  'issue.read_unmarked': by((row) => say`marked ${issue(row)} as not read`),
  'issue.released': by((row) => {
    const run = holder(row, 'previousCheckoutRunId', 'previousExecutionRunId')
    return say`released ${issue(row)}${prefixed(', held by ', run)}`
  }),
  'issue.stalled': passive((row) =>
    textIn(row, 'act') === 'woken'
      ? say`${issue(row)} did not move, so ${named(row, 'agent', 'agentId')} was woken`
      : say`${issue(row)} does not move and needs a person; it is assigned to ${named(row, 'agent', 'agentId')}`,
  ),
  'issue.thread_interaction_accepted': by((row) => {
    const made = listIn(row, 'createdIssueIds').length
    return say`accepted a question (${kind(row)}) on ${issue(row)}${made > 0 ? `, which made ${count(made, 'issue')}` : ''}`
  }),
  'issue.thread_interaction_answered': by(
    (row) => say`answered ${count(numberIn(row, 'answers'), 'question')} (${kind(row)}) on ${issue(row)}`,
  ),
  'issue.thread_interaction_created': by((row) => say`asked a question (${kind(row)}) on ${issue(row)}${because(row, 'title')}`),
  'issue.thread_interaction_expired': passive(
    (row) => say`A question (${kind(row)}) on ${issue(row)} expired ${expiredWhy[textIn(row, 'why') ?? ''] ?? codeIn(row, 'why')}`,
  ),
  'issue.thread_interaction_rejected': by((row) => say`rejected a question (${kind(row)}) on ${issue(row)}${because(row)}`),
  'issue.updated': by(updated),
  'issue.work_product_created': by((row) => say`added the ${codeIn(row, 'type')} ${quoted(row, 'title')} to ${issue(row)}`),
  'issue.work_product_deleted': by((row) => say`deleted the ${codeIn(row, 'type')} ${quoted(row, 'title')} of ${issue(row)}`),
  'issue.work_product_updated': by((row) => say`changed the ${codeIn(row, 'type')} ${quoted(row, 'title')} of ${issue(row)}`),
}
