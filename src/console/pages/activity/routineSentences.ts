// Sentences about routines, their triggers and their runs.

import {
  because,
  by,
  codeIn,
  count,
  enumerated,
  fieldWords,
  listIn,
  named,
  numberIn,
  passive,
  quoted,
  say,
  textIn,
} from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

const fields = (row: SentenceRow): string => enumerated(listIn(row, 'changedKeys').map(fieldWords)) || 'fields'

const trigger = (row: SentenceRow): string =>
  `${{ schedule: 'a schedule', webhook: 'a webhook', api: 'a trigger of the API' }[textIn(row, 'kind') ?? ''] ?? 'a trigger'}`

const sources: Readonly<Record<string, string>> = {
  schedule: ' by its schedule',
  manual: ' by hand',
  api: ' by the API',
  webhook: ' by a webhook',
}

/** The outcome of a run. */
function outcome(row: SentenceRow): readonly Part[] {
  const issue = named(row, 'issue', 'issueId')
  const status = textIn(row, 'status')
  if (status === 'issue_created') return say` and made ${issue.length === 0 ? ['an issue'] : issue}`
  if (status === 'coalesced') return say` and joined ${issue.length === 0 ? ['the open issue'] : issue}`
  const why = textIn(row, 'why')
  return say` and made no issue${why === null ? because(row, 'failureReason') : `: ${why.replaceAll('_', ' ')}`}`
}

const endings: Readonly<Record<string, string>> = {
  agent_ended: 'because its agent was ended',
  project_deleted: 'because its project was deleted',
}

/** By action. */
export const routineSentences: Readonly<Record<string, SentenceMaker>> = {
  'routine.all_paused': by((row) => say`paused ${count(listIn(row, 'routineIds').length, 'routine')} at once${because(row)}`),
  'routine.all_resumed': by((row) => say`resumed ${count(listIn(row, 'routineIds').length, 'routine')} at once${because(row)}`),
  'routine.created': by((row) => say`made the routine ${quoted(row, 'title')}`),
  'routine.run_finished': passive((row) => {
    const issue = named(row, 'issue', 'issueId')
    return say`The run of a routine ended (${codeIn(row, 'status')}) with ${issue.length === 0 ? ['its issue'] : issue}`
  }),
  'routine.run_triggered': passive((row) => say`A routine ran${sources[textIn(row, 'source') ?? ''] ?? ''}${outcome(row)}`),
  'routine.runs_forgotten': passive(
    (row) => say`${count(numberIn(row, 'runs'), 'run')} of routines were deleted at the end of their retention`,
  ),
  'routine.stopped': passive((row) => say`A routine was stopped ${endings[textIn(row, 'why') ?? ''] ?? `(${codeIn(row, 'why')})`}`),
  'routine.trigger_created': by((row) => say`gave a routine ${trigger(row)}`),
  'routine.trigger_deleted': by((row) => say`took ${trigger(row)} from a routine`),
  'routine.trigger_secret_rotated': by(() => say`gave the webhook of a routine another secret`),
  'routine.trigger_updated': by((row) => say`changed the ${fields(row)} of ${trigger(row)} of a routine`),
  'routine.updated': by((row) => say`changed the ${fields(row)} of a routine`),
}
