// Sentences about companies that came from a Paperclip server, and about rows that the doctor corrected.

import { count, listIn, numberIn, passive, quoted, say, textIn } from './sentenceParts.ts'
import type { SentenceMaker } from './sentenceParts.ts'

/** By action. */
export const moveSentences: Readonly<Record<string, SentenceMaker>> = {
  'company.moved_over': passive((row) => say`The company ${quoted(row, 'name')} came from another server`),
  'company.rows_moved_over': passive(
    (row) => say`${count(numberIn(row, 'rows'), 'row')} of ${textIn(row, 'table') ?? 'a table'} came from another server`,
  ),
  'company.keys_revoked_by_source': passive(
    (row) => say`${count(listIn(row, 'keyIds').length, 'key')} that the server of before has revoked are revoked here`,
  ),
  'company.move_finished': passive(() => say`The move from another server was completed`),
  'activity.moved_over': passive(
    (row) => say`The history of another server has ${quoted(row, 'action')} by ${quoted(row, 'actorId')}; this server did not see it`,
  ),
  'company.rows_mended': passive(
    (row) => say`The doctor corrected ${count(listIn(row, 'ids').length, 'row')} (${textIn(row, 'check') ?? 'a finding'})`,
  ),
}
