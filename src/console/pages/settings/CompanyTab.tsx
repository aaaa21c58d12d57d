import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Answer } from '../../api/client.ts'
import type { Company } from '../../api/types.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { CheckField, TextField } from '../../parts/fields.tsx'
import { centsOf, typedCents } from '../../parts/money.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useDraft } from '../../parts/useDraft.ts'
import { SaveDraft } from '../../people/SaveDraft.tsx'
import { ColorField } from '../../parts/ColorField.tsx'
import { CompanyActs } from './CompanyActs.tsx'
import { useChangeCompany, useCompanyRow } from './data.ts'
import { LogoField } from './LogoField.tsx'

/** The company: what it is called, how it looks, which rules hold, and its end. */
export function CompanyTab(): ReactNode {
  const read = useCompanyRow()
  if (read.data === undefined)
    return read.error === null ? <Skeleton /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
  return (
    <div className="settings-columns">
      <CompanyForm answer={read.data} />
      <CompanyActs company={read.data.data} etag={read.data.etag} />
    </div>
  )
}

const valuesOf = ({ name, description, brandColor, budgetMonthlyCents, requireBoardApprovalForNewAgents }: Company) => ({
  name,
  description: description ?? '',
  brandColor,
  budget: typedCents(budgetMonthlyCents),
  needsApproval: requireBoardApprovalForNewAgents,
})

function CompanyForm({ answer }: { readonly answer: Answer<Company> }): ReactNode {
  const draft = useDraft(answer, valuesOf)
  const { values, set, etag, reset } = draft
  const change = useChangeCompany()
  const cents = centsOf(values.budget)
  const save = (): void => {
    const fields = {
      name: values.name.trim(),
      description: values.description.trim() === '' ? null : values.description,
      brandColor: values.brandColor,
      requireBoardApprovalForNewAgents: values.needsApproval,
      ...(cents === null ? {} : { budgetMonthlyCents: cents }),
    }
    const onSuccess = (): void => {
      reset()
      notify('The company is saved')
    }
    change.mutate({ fields, etag }, { onSuccess })
  }
  return (
    <section aria-labelledby="identity">
      <h2 id="identity">Company</h2>
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault()
          save()
        }}
      >
        <TextField label="Name" value={values.name} onChange={(name) => set({ name })} isRequired maxLength={200} />
        <TextField
          label="Description"
          value={values.description}
          onChange={(description) => set({ description })}
          hint="Agents read it."
          rows={4}
          maxLength={20_000}
        />
        <LogoField company={answer.data} />
        <ColorField label="Brand colour" value={values.brandColor} onChange={(brandColor) => set({ brandColor })} />
        <TextField
          label="Budget of a month, in US dollars"
          value={values.budget}
          onChange={(budget) => set({ budget })}
          hint={cents === null ? 'This is no amount: write it as 250 or 12.50.' : 'Empty: no budget.'}
        />
        <CheckField
          label="New agents need the approval of the board"
          value={values.needsApproval}
          onChange={(needsApproval) => set({ needsApproval })}
        />
        <SaveDraft draft={draft} act={change} entityType="company" entityId={answer.data.id} isBlocked={cents === null} />
      </form>
    </section>
  )
}
