import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ApiProblem } from '../../api/client.ts'
import type { BudgetPolicy, BudgetTrial } from '../../api/types.ts'
import { scopeInside } from '../../budgetParts/words.ts'
import { useCompany } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { formatCents } from '../../parts/money.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useSetPolicy, useTryPolicy } from './data.ts'
import { PolicyFields } from './PolicyFields.tsx'
import { existing, formOf, newForm, policyOf } from './policyForm.ts'
import type { PolicyForm } from './policyForm.ts'
import { Trial } from './Trial.tsx'

interface PolicyDialogProps {
  /** The policy to be changed; null for a new one. */
  readonly policy: BudgetPolicy | null
  readonly policies: readonly BudgetPolicy[]
  readonly onClose: () => void
}

/** Sets a budget, after it has shown what that would stop now. */
export function PolicyDialog({ policy, policies, onClose }: PolicyDialogProps): ReactNode {
  const { id } = useCompany()
  const [form, setForm] = useState<PolicyForm>(() => (policy === null ? newForm({ scopeType: 'company', scopeId: id }) : formOf(policy)))
  // A preview is of the fields as they were: a change of one asks for another.
  const [trial, setTrial] = useState<BudgetTrial | null>(null)
  const tryPolicy = useTryPolicy()
  const setPolicy = useSetPolicy()
  const body = policyOf(form)
  const known = policy === null ? existing(policies, form) : undefined
  const submit = async (): Promise<void> => {
    if (body === null) return
    if (trial === null) return setTrial(await tryPolicy.mutateAsync(body))
    const { amount } = await setPolicy.mutateAsync(body)
    notify(`The budget of ${trial.scopeName} is ${formatCents(amount)}`)
    onClose()
  }
  const change = (changes: Partial<PolicyForm>): void => {
    setTrial(null)
    setPolicy.reset()
    setForm((before) => ({ ...before, ...changes }))
  }
  const problem: ApiProblem | null = setPolicy.error ?? tryPolicy.error
  const isBusy = setPolicy.isPending || tryPolicy.isPending
  return (
    <Dialog title={policy === null ? 'Set a budget' : `Change the budget of ${scopeInside(policy)}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          inBackground(submit())
        }}
      >
        <PolicyFields form={form} isNew={policy === null} onChange={change} />
        {known?.isActive === true && (
          <p className="note">
            {known.scopeName} has a budget of {formatCents(known.amount)} for this window already. This changes it.
          </p>
        )}
        {trial !== null && <Trial trial={trial} />}
        {problem !== null && <Problem problem={problem} />}
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={trial?.wouldStop === true ? 'danger' : ''} disabled={isBusy || body === null}>
            {trial === null ? 'Preview' : trial.wouldStop ? 'Set the budget, and stop' : 'Set the budget'}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
