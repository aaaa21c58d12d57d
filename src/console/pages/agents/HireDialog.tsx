import { useState } from 'react'
import type { ReactNode } from 'react'
import { AdapterForm } from '../../agentParts/AdapterForm.tsx'
import { adapterChoices } from '../../agentParts/adapterFields.ts'
import { EnvironmentCheck } from '../../agentParts/EnvironmentCheck.tsx'
import { carriedOver, valuesOf } from '../../agentParts/formValues.ts'
import { ManagerField, roleChoices } from '../../agentParts/identity.tsx'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { centsOf } from '../../parts/money.ts'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { configOfHire, isFaulty, useHire } from './hire.ts'
import type { Hire } from './hire.ts'

const TYPE = 'claude_local'
const empty: Hire = {
  name: '',
  title: '',
  role: 'engineer',
  reportsTo: '',
  capabilities: '',
  adapterType: TYPE,
  budget: '',
  mayHire: false,
  values: valuesOf(TYPE, {}),
}

/** Hires an agent: its name and place, what runs it, and its budget. */
export function HireDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const company = useCompany()
  const pathOf = useCompanyPath()
  const [typed, setTyped] = useState(empty)
  const hire = useHire(company.id)
  const needsApproval = company.requireBoardApprovalForNewAgents
  const act = async (): Promise<void> => {
    const { agent, approval, warnings = [] } = await hire.mutateAsync(typed)
    notify(approval === null ? `${agent.name} is hired` : `The hire of ${agent.name} waits for an approval`)
    const [warning] = warnings
    if (warning !== undefined) notify(`Its first run may not start: ${warning.message}`)
    go(pathOf(`agents/${agent.urlKey}`))
  }
  return (
    <ActDialog
      title="Hire an agent"
      confirm={needsApproval ? 'Ask for the hire' : 'Hire'}
      isBlocked={isFaulty(typed)}
      onClose={onClose}
      act={act}
    >
      {needsApproval && (
        <p className="note">
          This company decides on each new agent: the hire becomes an approval, and the agent can do nothing until it is granted.
        </p>
      )}
      <HireFields typed={typed} set={(change) => setTyped((before) => ({ ...before, ...change }))} />
      <EnvironmentCheck key={typed.adapterType} type={typed.adapterType} config={() => configOfHire(typed)} />
    </ActDialog>
  )
}

interface HireFieldsProps {
  readonly typed: Hire
  readonly set: (change: Partial<Hire>) => void
}

function HireFields({ typed, set }: HireFieldsProps): ReactNode {
  const setType = (adapterType: string): void =>
    set({ adapterType, values: valuesOf(adapterType, carriedOver(typed.adapterType, adapterType, configOfHire(typed))) })
  return (
    <>
      <div className="pair-of-fields">
        <TextField label="Name" value={typed.name} onChange={(name) => set({ name })} isRequired isFirst maxLength={200} />
        <TextField label="Title" value={typed.title} onChange={(title) => set({ title })} maxLength={200} placeholder="Back end" />
        <SelectField label="Role" value={typed.role} onChange={(role) => set({ role })} choices={roleChoices} />
        <ManagerField value={typed.reportsTo} onChange={(reportsTo) => set({ reportsTo })} />
      </div>
      <TextField
        label="Capabilities"
        value={typed.capabilities}
        onChange={(capabilities) => set({ capabilities })}
        rows={2}
        maxLength={10_000}
        hint="What it can do, for the agents that look for a colleague."
      />
      <div className="pair-of-fields">
        <SelectField label="Adapter" value={typed.adapterType} onChange={setType} choices={adapterChoices} />
        <TextField
          label="Budget of a month in US dollars"
          value={typed.budget}
          onChange={(budget) => set({ budget })}
          placeholder="no limit"
          {...(centsOf(typed.budget) === null ? { hint: 'An amount such as 120 or 12.50.' } : {})}
        />
      </div>
      <AdapterForm type={typed.adapterType} values={typed.values} onChange={(values) => set({ values })} />
      <CheckField
        label="It may hire agents itself"
        value={typed.mayHire || typed.role === 'ceo'}
        onChange={(mayHire) => set({ mayHire })}
      />
    </>
  )
}
