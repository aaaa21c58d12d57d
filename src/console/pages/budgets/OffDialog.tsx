import type { ReactNode } from 'react'
import type { BudgetPolicy } from '../../api/types.ts'
import { scopeInside, scopeWords, windowWords } from '../../budgetParts/words.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { formatCents } from '../../parts/money.ts'
import { notify } from '../../parts/notices.tsx'
import { useSetPolicy } from './data.ts'
import { offOf } from './policyForm.ts'

interface OffDialogProps {
  readonly policy: BudgetPolicy
  readonly onClose: () => void
}

/** Takes a budget out of force. */
export function OffDialog({ policy, onClose }: OffDialogProps): ReactNode {
  const set = useSetPolicy()
  return (
    <ActDialog
      title={`Turn the budget of ${scopeInside(policy)} off`}
      confirm="Turn off"
      isDangerous
      onClose={onClose}
      act={async () => {
        await set.mutateAsync(offOf(policy))
        notify(`The budget of ${scopeInside(policy)} is off`)
      }}
    >
      <ul>
        <li>
          The limit of {formatCents(policy.amount)} {policy.windowKind === 'lifetime' ? 'for a lifetime' : windowWords(policy.windowKind)}{' '}
          ends: {scopeWords(policy)} may spend without it, except where another budget limits that.
        </li>
        {policy.status === 'hard_stop' && policy.pauseReason === 'budget' && (
          <li>The stop ends too, unless you have decided to keep it: {scopeInside(policy)} goes on by itself.</li>
        )}
        <li>Nothing warns and nothing is stopped by it any more. What was spent stays counted.</li>
        <li>Its row stays, and a new amount puts it in force again.</li>
      </ul>
    </ActDialog>
  )
}
