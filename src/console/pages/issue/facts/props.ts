import type { IssueDetail } from '../../../api/types.ts'
import type { Save } from '../useSave.ts'

/** The properties of every fact: the issue as it is shown, and the saving of a change. */
export interface FactsProps {
  readonly issue: IssueDetail
  readonly save: Save
}
