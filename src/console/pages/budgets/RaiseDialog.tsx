import { useState } from 'react'
import type { ReactNode } from 'react'
import type { BudgetIncident } from '../../api/types.ts'
import { scopeInside, scopeWords } from '../../budgetParts/words.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { TextField } from '../../parts/fields.tsx'
import { centsOf, formatCents } from '../../parts/money.ts'
import { notify } from '../../parts/notices.tsx'
import { useResolve } from './data.ts'
import { NO_AMOUNT } from './policyForm.ts'

interface RaiseDialogProps {
  readonly incident: BudgetIncident
  /** The amount that is spent by now. */
  readonly spentCents: number
  readonly onClose: () => void
}

/** Raises the limit that stopped a scope, and lets it go on. */
export function RaiseDialog({ incident, spentCents, onClose }: RaiseDialogProps): ReactNode {
  const [amount, setAmount] = useState('')
  const [note, setNote] = useState('')
  const resolve = useResolve(incident.id)
  const cents = centsOf(amount)
  return (
    <ActDialog
      title={`Raise the budget of ${scopeInside(incident)}`}
      confirm="Raise and resume"
      isBlocked={cents === null || amount.trim() === ''}
      onClose={onClose}
      act={async () => {
        await resolve.mutateAsync({ action: 'raise_budget_and_resume', amount: cents ?? 0, decisionNote: note.trim() === '' ? null : note })
        notify(`The budget is ${formatCents(cents ?? 0)}, and ${scopeInside(incident)} goes on`)
      }}
    >
      <p>
        {scopeWords(incident)} is resumed at once, and wakes that waited for it start. The runs that were ended do not come back; their
        issues are taken up again by new ones.
      </p>
      <TextField
        label="New limit in US dollars"
        value={amount}
        onChange={setAmount}
        hint={
          cents === null
            ? NO_AMOUNT
            : `It is ${formatCents(incident.amountLimit)} now. The new one has to be more than ${formatCents(spentCents)}, which is spent.`
        }
        isRequired
        isFirst
      />
      <TextField label="Note" value={note} onChange={setNote} rows={2} maxLength={1000} />
    </ActDialog>
  )
}
