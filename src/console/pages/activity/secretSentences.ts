// Sentences about secrets. None of them has a value.

import { by, count, enumerated, fieldWords, listIn, named, numberIn, passive, quoted, say } from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

/** The agent whose run was given a value. */
const reader = ({ agentId }: SentenceRow): Part => (agentId === null ? 'A run' : { kind: 'agent', id: agentId })

const forIssue = (row: SentenceRow): readonly Part[] => {
  const issue = named(row, 'issue', 'issueId')
  return issue.length === 0 ? [] : say` for ${issue}`
}

/** By action. */
export const secretSentences: Readonly<Record<string, SentenceMaker>> = {
  'instance.master_key_rotated': by((row) => say`wrapped ${count(numberIn(row, 'dataKeys'), 'data key')} with another master key`),
  'secret.created': by((row) => say`made the secret ${quoted(row, 'name')}`),
  'secret.deleted': by((row) => say`deleted the secret ${quoted(row, 'name')}`),
  'secret.read': passive(
    (row) => say`${reader(row)} was given version ${numberIn(row, 'version')} of the secret ${quoted(row, 'name')}${forIssue(row)}`,
  ),
  'secret.rotated': by((row) => say`gave the secret ${quoted(row, 'name')} another value, as version ${numberIn(row, 'version')}`),
  'secret.updated': by((row) => say`changed the ${enumerated(listIn(row, 'changedKeys').map(fieldWords)) || 'fields'} of a secret`),
}
