import { useState } from 'react'
import type { ReactNode } from 'react'
import type { BudgetIncident } from '../../api/types.ts'
import { scopeInside, scopeWords } from '../../budgetParts/words.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { useResolve } from './data.ts'

interface KeepDialogProps {
  readonly incident: BudgetIncident
  readonly onClose: () => void
}

/** Answers an incident without more money: the scope stays stopped. */
export function KeepDialog({ incident, onClose }: KeepDialogProps): ReactNode {
  const [note, setNote] = useState('')
  const resolve = useResolve(incident.id)
  return (
    <ActDialog
      title={`Keep ${scopeInside(incident)} paused`}
      confirm="Keep paused"
      onClose={onClose}
      act={async () => {
        await resolve.mutateAsync({ action: 'keep_paused', decisionNote: note.trim() === '' ? null : note })
        notify(`${scopeWords(incident)} stays paused`)
      }}
    >
      <p>
        {scopeWords(incident)} stays paused, and its wakes wait. The incident is closed and asks no more. To let it go on later, raise its
        budget, and resume it.
      </p>
      <TextField label="Note" value={note} onChange={setNote} rows={2} maxLength={1000} isFirst />
    </ActDialog>
  )
}
