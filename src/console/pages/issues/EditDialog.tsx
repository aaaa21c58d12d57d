import { useState } from 'react'
import type { ReactNode } from 'react'
import type { ApiProblem } from '../../api/client.ts'
import { useCompany } from '../../frame/company.tsx'
import { PickDialog } from '../../parts/PickDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { presentRow, useChangeIssue } from './data.ts'
import { choicesOfField, patchOfField, valueOfField } from './edits.tsx'
import type { EditField } from './edits.tsx'
import type { IssueRow } from './filters.ts'
import { LaterChange } from './LaterChange.tsx'
import type { Names } from './names.ts'

interface EditDialogProps {
  readonly field: EditField
  readonly row: IssueRow
  readonly names: Names
  readonly onClose: () => void
}

/** Changes one field of one row. A row that was changed meanwhile is shown as it is now, before the change is made on it. */
export function EditDialog({ field, row, names, onClose }: EditDialogProps): ReactNode {
  const [present, setPresent] = useState(row)
  const change = useChangeIssue(useCompany().id)
  const choices = choicesOfField(field, names)
  const act = async (value: string): Promise<void> => {
    if (value === valueOfField(field, present)) return
    try {
      await change(present, patchOfField(field, value))
    } catch (error) {
      const now = presentRow(error as ApiProblem)
      if (now !== null) setPresent((before) => ({ ...before, ...now }))
      throw error
    }
    notify(`${row.identifier}: ${field} is now ${choices.find((choice) => choice.value === value)?.label ?? value}.`)
  }
  return (
    <PickDialog
      title={`Change the ${field} of ${row.identifier}`}
      choices={choices}
      value={valueOfField(field, present)}
      act={act}
      onClose={onClose}
      aboutProblem={(problem, again) =>
        presentRow(problem) !== null && <LaterChange before={row} now={present} names={names} onAgain={again} />
      }
    />
  )
}
