// The sentence of each audit row. A unit test compares the table with the server's catalogue of events.

import { agentSentences } from './agentSentences.ts'
import { companySentences } from './companySentences.ts'
import { issueSentences } from './issueSentences.ts'
import { moneySentences } from './moneySentences.ts'
import { moveSentences } from './moveSentences.ts'
import { routineSentences } from './routineSentences.ts'
import { secretSentences } from './secretSentences.ts'
import { by, entity, say } from './sentenceParts.ts'
import { skillSentences } from './skillSentences.ts'
import { webhookSentences } from './webhookSentences.ts'
import { workspaceSentences } from './workspaceSentences.ts'
import type { Named, NamedKind, Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

export { actorOf } from './sentenceParts.ts'
export type { Named, NamedKind, Part, SentenceRow } from './sentenceParts.ts'

/** How to say what happened, by action. */
export const sentences: Readonly<Record<string, SentenceMaker>> = {
  ...issueSentences,
  ...agentSentences,
  ...companySentences,
  ...moneySentences,
  ...secretSentences,
  ...webhookSentences,
  ...skillSentences,
  ...routineSentences,
  ...workspaceSentences,
  ...moveSentences,
}

const namedKinds: Readonly<Record<string, NamedKind>> = {
  agent: 'agent',
  issue: 'issue',
  run: 'run',
  approval: 'approval',
  project: 'project',
  goal: 'goal',
  person: 'person',
}

/** A sentence for an action that another version of the server wrote. */
const unknown: SentenceMaker = by((row) => {
  const kind = namedKinds[row.entityType]
  const about = kind === undefined ? row.entityType.replaceAll('_', ' ') : entity(row, kind)
  return say`did ${row.action} to ${about}`
})

/** The sentence about an audit row, in parts. `Sentence` shows it with links; `sentenceText` makes plain text of it. */
export const sentenceOf = (row: SentenceRow): readonly Part[] => (sentences[row.action] ?? unknown)(row)

/** Whether a row is about something that the server did in consequence of another change. */
export const isConsequence = ({ action }: Pick<SentenceRow, 'action'>): boolean => sentences[action]?.isConsequence === true

/** Names of rows by their ids; null where a name is not known. */
export type NameOf = (part: Pick<Named, 'kind' | 'id'>) => string | null

const idWords: Readonly<Record<NamedKind, string>> = {
  agent: 'agent',
  issue: 'issue',
  run: 'run',
  approval: 'approval',
  project: 'project',
  goal: 'goal',
  person: 'person',
}

const SHORT_ID = 8

/** The words for a row: its name, else its kind with the beginning of its id. */
export const wordsFor = (part: Named, nameOf: NameOf): string =>
  nameOf(part) ?? part.text ?? `${idWords[part.kind]} ${part.id.slice(0, SHORT_ID)}`

/** The sentence as plain text. */
export const sentenceText = (parts: readonly Part[], nameOf: NameOf): string =>
  parts.map((part) => (typeof part === 'string' ? part : 'quote' in part ? `“${part.quote}”` : wordsFor(part, nameOf))).join('')
